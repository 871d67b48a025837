"""Replays receipts through a running service: opens the stores, sells every basket, checks what is left."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

from bench.demo.receipts import Basket, Receipts, in_calls
from bench.demo.verdict import Verdict
from bench.load.stock_calls import Answer, CannotGoOn, Outcome, StockCalls

_OPENING_TRIES = 5

_Work = TypeVar("_Work")


class Replay:
    """One replay; call `open_stores`, `sell` and `check`, in this order.

    Args:
        receipts: what to replay.
        calls: one for each connection; they share the work, each takes what comes next.
        prefix: put before the id of each store, so that no other store of the service is touched.
        speed: baskets a second; None is as fast as it goes.

    Attributes:
        unknown: baskets that may or may not have been sold.
        refused: answers to baskets that the service said no to; none is expected.
    """

    def __init__(
        self, receipts: Receipts, calls: Sequence[StockCalls], prefix: str, speed: float | None = None
    ) -> None:
        self._receipts = receipts
        self._calls = calls
        self._prefix = prefix
        self._speed = speed
        self.unknown: list[Basket] = []
        self.refused: list[Answer] = []
        self._reopened = 0

    @property
    def retries(self) -> int:
        """How many tries were made beyond the first, of calls and of whole openings."""
        return self._reopened + sum(calls.retries for calls in self._calls)

    async def open_stores(self) -> None:
        """Give every store its opening stock and nothing else, whatever an earlier replay left there.

        Raises:
            CannotGoOn: the service refuses it, or is away for too long.
        """
        await self._share("opening", "store", self._receipts.opening, self._open_store)

    async def _open_store(self, calls: StockCalls, store_id: str) -> None:
        for _ in range(_OPENING_TRIES):  # it begins with a clean, so that it can be done again as a whole
            answer = await self._open_once(calls, store_id)
            if answer.outcome is Outcome.APPLIED:
                return
            if answer.outcome is Outcome.REFUSED:
                break
            self._reopened += 1
        raise CannotGoOn(f"did not open store {self._prefix}{store_id}: {answer.detail}")

    async def _open_once(self, calls: StockCalls, store_id: str) -> Answer:
        answer = await calls.clean(self._prefix + store_id)
        if answer.outcome is not Outcome.APPLIED and answer.status != 404:
            return answer
        for lines in in_calls(self._receipts.opening[store_id]):
            answer = await calls.change(self._prefix + store_id, "supply", lines)
            if answer.outcome is not Outcome.APPLIED:
                break
        return answer

    async def sell(self) -> float:
        """Demand every basket, started in order of time; return how long it took, in seconds.

        Raises:
            CannotGoOn: the service is away for too long.
        """
        clock = asyncio.get_running_loop().time
        start = clock()

        async def sell_basket(calls: StockCalls, numbered: tuple[int, Basket]) -> None:
            number, basket = numbered
            if self._speed:  # each basket has its own moment, so a late one does not delay the rest
                await asyncio.sleep(max(0.0, start + number / self._speed - clock()))
            answer = await calls.change(self._prefix + basket.store_id, "demand", basket.lines)
            if answer.outcome is Outcome.UNKNOWN:
                self.unknown.append(basket)
            elif answer.outcome is Outcome.REFUSED:
                self.refused.append(answer)

        await self._share("selling", "basket", list(enumerate(self._receipts.baskets)), sell_basket)
        return clock() - start

    async def check(self) -> Verdict:
        """Compare every store's report with its receipts.

        Raises:
            CannotGoOn: the service does not give a report.
        """
        verdict = Verdict()
        perhaps: dict[str, Counter[str]] = {}
        for basket in self.unknown:
            in_store = perhaps.setdefault(basket.store_id, Counter())
            for line in basket.lines:
                in_store[line.item_id] += line.quantity

        async def check_store(calls: StockCalls, store: tuple[str, dict[str, int]]) -> None:
            store_id, expected = store
            actual = await calls.report(self._prefix + store_id)
            verdict.add(self._prefix + store_id, expected, perhaps.get(store_id, {}), actual)

        await self._share("checking", "store", self._receipts.closing().items(), check_store)
        return verdict

    async def _share(
        self,
        name: str,
        unit: str,
        work: Iterable[_Work],
        do: Callable[[StockCalls, _Work], Awaitable[None]],
    ) -> None:
        """Share out work among the connections, in its order, with a progress bar; a failure ends it."""
        waiting = list(work)
        remaining = iter(waiting)
        bar = tqdm(total=len(waiting), desc=name, unit=f" {unit}s", disable=None, dynamic_ncols=True)

        async def take(calls: StockCalls) -> None:
            for piece in remaining:
                await do(calls, piece)
                bar.update()

        with bar:
            try:
                async with asyncio.TaskGroup() as group:
                    for calls in self._calls:
                        group.create_task(take(calls))
            except ExceptionGroup as failures:
                raise failures.exceptions[0] from None
