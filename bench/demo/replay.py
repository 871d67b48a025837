"""Replays receipts through a running service: opens the stores, sells every basket, checks what is left."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from tqdm import tqdm

from bench.demo.ledger_proof import LedgerVerdict, StoreProof
from bench.demo.receipts import Basket, Receipts, Why, in_calls
from bench.demo.verdict import Verdict
from bench.load.stock_calls import Answer, CannotGoOn, Outcome, StockCalls, movements_of

_OPENING_TRIES = 5

_LEDGER = "/movements?limit=1&order=desc"
_LOOK_SECONDS, _LEDGER_PATIENCE = 0.2, 60.0

_Work = TypeVar("_Work")


class Replay:
    """One replay; call `open_stores`, `sell`, `check` and `prove`, in this order.

    Args:
        receipts: what to replay.
        calls: one for each connection; they share the work, each takes what comes next.
        prefix: put before the id of each store, so that no other store of the service is touched.
        opening: the reference of what opens the stores, which no earlier replay had.
        now: gives the seconds since 1970.
        speed: baskets a second; None is as fast as it goes.

    Attributes:
        unknown: baskets that may or may not have been sold.
        refused: baskets that the service said no to, and its answers; none is expected.
    """

    def __init__(
        self,
        receipts: Receipts,
        calls: Sequence[StockCalls],
        prefix: str,
        opening: str,
        now: Callable[[], float],
        speed: float | None = None,
    ) -> None:
        self._receipts = receipts
        self._calls = calls
        self._prefix = prefix
        self._opening = Why(opening, "purchase")
        self._now = now
        self._speed = speed
        self._since: datetime | None = None
        self._sold_at = 0.0
        self.unknown: list[Basket] = []
        self.refused: list[tuple[Basket, Answer]] = []
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
        ledger = await self._calls[0].movements(_LEDGER)
        # What is older is of an earlier replay; and by the service's clock, not by ours.
        self._since = None if ledger is None else ledger.complete_until
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
        answer = await calls.clean(self._prefix + store_id, self._opening)
        if answer.outcome is not Outcome.APPLIED and answer.status != 404:
            return answer
        for lines in in_calls(self._receipts.opening[store_id]):
            answer = await calls.change(self._prefix + store_id, "supply", lines, self._opening)
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
            why = Why(basket.number, "sale")
            answer = await calls.change(self._prefix + basket.store_id, "demand", basket.lines, why)
            if answer.outcome is Outcome.UNKNOWN:
                self.unknown.append(basket)
            elif answer.outcome is Outcome.REFUSED:
                self.refused.append((basket, answer))

        await self._share("selling", "basket", list(enumerate(self._receipts.baskets)), sell_basket)
        self._sold_at = self._now()
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

    async def prove(self) -> LedgerVerdict | None:
        """Compare the ledger with the receipts, row by row; None where the service keeps none.

        Raises:
            CannotGoOn: the service does not give it, or it does not get complete.
        """
        if not await self._ledger_is_complete():
            return None
        verdict = LedgerVerdict()
        receipts: dict[str, dict[str, dict[str, int]]] = {}
        for basket in self._receipts.baskets:
            receipts.setdefault(basket.store_id, {})[basket.number] = basket.pieces
        perhaps = {basket.number for basket in self.unknown}
        refused = {basket.number for basket, _ in self.refused}

        async def prove_store(calls: StockCalls, store_id: str) -> None:
            opened = {line.item_id: line.quantity for line in self._receipts.opening[store_id]}
            sold = receipts.get(store_id, {})
            proof = StoreProof(self._opening.reference, opened, sold, perhaps, refused)
            address: str | None = movements_of(self._prefix + store_id, self._since)
            while address is not None and (page := await calls.movements(address)) is not None:
                proof.take(page.movements)
                address = page.next
            stock = await calls.report(self._prefix + store_id)
            verdict.add(self._prefix + store_id, proof, stock or {})

        await self._share("proving", "store", self._receipts.opening, prove_store)
        return verdict

    async def _ledger_is_complete(self) -> bool:
        """Wait until the ledger has all that was sold; False where there is no ledger."""
        clock = asyncio.get_running_loop().time
        seen, patient_until = None, clock() + _LEDGER_PATIENCE
        while True:
            ledger = await self._calls[0].movements(_LEDGER)
            if ledger is None:
                return False
            until = ledger.complete_until
            if until is not None and until.timestamp() > self._sold_at:
                return True
            if until != seen:
                seen, patient_until = until, clock() + _LEDGER_PATIENCE
            if clock() > patient_until:
                raise CannotGoOn(
                    f"has a ledger that has been complete until {until} for {_LEDGER_PATIENCE:g} s"
                )
            await asyncio.sleep(_LOOK_SECONDS)

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
