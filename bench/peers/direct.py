"""This service with group commit switched off: one guarded `find_one_and_update` for each operation.

Settings, from the environment: those of store_api.
"""

import asyncio
import os
import socket

from store_api.batch import Answer, refusal_of
from store_api.committer import Committer
from store_api.errors import Overloaded, StoreApiError
from store_api.repository import StoreRepository
from store_api.server import serve
from store_api.settings import Settings
from store_api.stock import Change, Operation, OperationKind, Report


class DirectCommitter(Committer):
    """Writes each operation by itself, at once."""

    def __init__(self, repository: StoreRepository) -> None:
        super().__init__(repository)
        self._repository = repository

    def answer(self, operation: Operation) -> asyncio.Future[Answer]:
        """Carry one operation out."""
        return asyncio.ensure_future(self._commit(operation))

    async def _commit(self, operation: Operation) -> Answer:
        change = _change_of(operation)
        try:
            for _ in range(100):
                stock = await self._repository.apply(change, operation.items if operation.minimal else None)
                if stock is not None:
                    if operation.minimal:
                        return Report.of_items(operation.store_id, stock, operation.items)
                    return Report.of(operation.store_id, stock)
                seen = await self._repository.read(operation.store_id, operation.items)
                if (refusal := refusal_of(operation, seen)) is not None:
                    return refusal
        except StoreApiError as error:
            return error
        return Overloaded()


def _change_of(operation: Operation) -> Change:
    match operation.kind:
        case OperationKind.DEMAND:
            taken = {item_id: -quantity for item_id, quantity in operation.items.items()}
            return Change(operation.store_id, taken, operation.items)
        case OperationKind.SUPPLY:
            return Change(operation.store_id, operation.items, {}, creates=True)
        case OperationKind.CLEAN:
            return Change(operation.store_id, {}, {}, empties=True)


if __name__ == "__main__":
    settings = Settings.read(os.environ)
    with socket.create_server((settings.host, settings.port), backlog=1024) as listener:
        serve(settings, listener, committer=DirectCommitter)
