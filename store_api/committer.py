"""Carries operations out: one guarded write for each, and an answer that is applied, refused or unknown."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from store_api.errors import BrokenDocument, Overloaded, QuantityOverflow, StoreApiError, UnfitDocument
from store_api.repository import StoreRepository
from store_api.stock import (
    Operation,
    OperationKind,
    Report,
    Stock,
    change_of,
    count_zeros,
    overflows,
    prove_refusal,
)

log = logging.getLogger(__name__)

MOST_WAITING = 4096
"""Operations that may wait at once; more than that are turned away."""

MOST_TRIES = 100
"""How often an operation may be overtaken by others between its guard and its proof."""

ZEROS_TO_SWEEP = 64
"""Items of which nothing is left that a document may carry along before they are swept out."""


class Committer:
    """Takes operations and answers each of them, whatever becomes of the request that brought it."""

    def __init__(self, repository: StoreRepository) -> None:
        self._repository = repository
        self._tasks: set[asyncio.Task[Any]] = set()
        self._zeros: dict[str, int] = {}
        self._waiting = 0

    async def submit(self, operation: Operation) -> Report:
        """Carry one operation out and report the store right after it.

        A caller that is cancelled does not stop the operation.

        Raises:
            NotApplied: refused, for the reason its kind names.
            OutcomeUnknown: it may have been applied.
            BrokenDocument: the store's document is no stock.
        """
        if self._waiting >= MOST_WAITING:
            raise Overloaded
        return await asyncio.shield(self._own(self._commit(operation)))

    async def close(self) -> None:
        """Wait until every operation taken has its answer."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _own(self, work: Coroutine[Any, Any, Report]) -> asyncio.Task[Report]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        self._waiting += 1
        task.add_done_callback(self._disown)
        return task

    def _disown(self, task: asyncio.Task[Report]) -> None:
        self._waiting -= 1
        self._tasks.discard(task)
        if not task.cancelled():
            # Nobody may be left to ask for it, and asyncio would print what nobody asked for.
            task.exception()

    async def _commit(self, operation: Operation) -> Report:
        change = change_of(operation)
        wanted = tuple(operation.items) if operation.minimal else None
        for _ in range(MOST_TRIES):
            try:
                stock = await self._repository.apply(change, wanted)
            except UnfitDocument:
                await self._explain_unfit(operation)
            else:
                if stock is not None:
                    self._note_zeros(operation, stock)
                    return _report_of(operation, stock)
                prove_refusal(
                    operation, await self._repository.read(operation.store_id, tuple(operation.items))
                )
        raise Overloaded

    async def _explain_unfit(self, operation: Operation) -> None:
        stock = await self._repository.read(operation.store_id)
        prove_refusal(operation, stock)
        if operation.kind is OperationKind.SUPPLY and overflows(operation.items, stock or {}):
            raise QuantityOverflow
        raise BrokenDocument(operation.store_id, "MongoDB cannot update it")

    def _note_zeros(self, operation: Operation, stock: Stock) -> None:
        """Count what is used up; a minimal answer shows only its own items, so there it adds up."""
        store_id = operation.store_id
        zeros = count_zeros(stock, stock)
        if operation.minimal:
            zeros += self._zeros.get(store_id, 0)
        self._zeros.pop(store_id, None)
        if zeros >= ZEROS_TO_SWEEP:
            self._own(self._sweep(store_id))
        elif zeros:
            self._zeros[store_id] = zeros

    async def _sweep(self, store_id: str) -> Report:
        try:
            await self._repository.sweep(store_id)
        except StoreApiError as error:
            # The zeros do no harm, and the next operation counts them again.
            log.warning("Could not sweep", extra={"action": "sweep_failed", "error": type(error).__name__})
        return Report(store_id, {})


def _report_of(operation: Operation, stock: Stock) -> Report:
    if operation.minimal:
        return Report.of_items(operation.store_id, stock, operation.items)
    return Report.of(operation.store_id, stock)
