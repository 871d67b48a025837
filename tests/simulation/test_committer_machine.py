"""The committer moved by hand, one step of one command at a time, in search of the smallest mistake."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from store_api.commit.doubts import DOUBT_SECONDS, LONGEST_PAUSE
from store_api.stock import Change, Operation, OperationKind, Reply, Stock
from store_api.storage.documents import ITEMS
from tests.simulation.evidence import Evidence
from tests.simulation.fake_repository import FakeRepository
from tests.simulation.history import History
from tests.simulation.invariants import check, require
from tests.simulation.nature import Fate, HeldNature
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.simulation.witness import Request, WatchedCommitter, Witness

store_ids = st.sampled_from(("s", "t"))
stocks = st.dictionaries(st.sampled_from("ab"), st.integers(0, 4))
items = st.dictionaries(st.sampled_from("ab"), st.integers(1, 3), min_size=1)
kinds = st.sampled_from((OperationKind.DEMAND, OperationKind.SUPPLY))
fates = st.just(Fate.DONE) | st.sampled_from([fate for fate in Fate if fate is not Fate.HELD])


async def _turns() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


class CommitterMachine(RuleBasedStateMachine):
    """Stores, a committer, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.history = History()
        self.nature = HeldNature()
        self.witness = Witness(self.history)
        self.repository = FakeRepository(self.history, self.nature)
        self.committer = WatchedCommitter(
            self.repository, self.witness, lanes=2, most_waiting=100, most_items=3
        )
        self.futures: list[asyncio.Future[Reply]] = []

    @initialize(stock=st.none() | stocks)
    def begin(self, stock: Stock | None) -> None:
        if stock is not None:
            self.repository.put("s", {"_id": "s", ITEMS: stock})

    @rule(store_id=store_ids, kind=kinds, quantities=items, minimal=st.booleans())
    def ask(self, store_id: str, kind: OperationKind, quantities: Stock, *, minimal: bool) -> None:
        self._ask(Operation(store_id, kind, quantities, minimal))

    @rule(store_id=store_ids)
    def ask_to_clean(self, store_id: str) -> None:
        self._ask(Operation(store_id, OperationKind.CLEAN, {}))

    @precondition(lambda self: self.nature.held)
    @rule(fate=fates, which=st.integers(0, 3))
    def let_go(self, fate: Fate, which: int) -> None:
        self.nature.fate = fate
        self.nature.held.pop(which % len(self.nature.held)).set_result(None)
        self._go_on()
        self.nature.fate = Fate.DONE

    @rule(store_id=store_ids, quantities=items, takes=st.booleans())
    def come_between(self, store_id: str, quantities: Stock, *, takes: bool) -> None:
        taken = {item_id: -quantity for item_id, quantity in quantities.items()}
        change = (
            Change(store_id, taken, quantities) if takes else Change(store_id, quantities, {}, creates=True)
        )
        self.repository.change_by_another(change)

    @rule(store_id=store_ids, document_items=st.none() | stocks | st.sampled_from(("gone", {"a": "many"})))
    def destroy(self, store_id: str, document_items: object) -> None:
        self.history.replaced.add(store_id)
        document = None if document_items is None else {"_id": store_id, ITEMS: document_items}
        self.repository.put(store_id, document)

    @precondition(lambda self: self.futures)
    @rule(which=st.integers(0, 5))
    def go_away(self, which: int) -> None:
        self.futures[which % len(self.futures)].cancel()
        self._go_on()

    def teardown(self) -> None:
        try:
            self._let_all_go()
            require(self.committer.is_idle, "somebody waits for ever")
            require(all(future.done() for future in self.futures), "somebody has no answer")
            check(Evidence.of(self.history, self.witness))
        finally:
            self.loop.close()

    def _let_all_go(self) -> None:
        """Let everything happen, and time go by for whoever pauses before asking again."""
        until = self.loop.time() + DOUBT_SECONDS
        while self.nature.held or (not self.committer.is_idle and self.loop.time() < until):
            if self.nature.held:
                self.let_go(Fate.DONE, 0)
            else:
                self.loop.run_until_complete(asyncio.sleep(LONGEST_PAUSE))

    def _ask(self, operation: Operation) -> None:
        request = self.witness.submitted(operation)
        self.loop.run_until_complete(self._hand_over(request))
        self._go_on()

    async def _hand_over(self, request: Request) -> None:
        future = self.committer.answer(request.operation)
        future.add_done_callback(
            lambda done: None if done.cancelled() else request.received.append(done.result())
        )
        self.futures.append(future)

    def _go_on(self) -> None:
        self.loop.run_until_complete(_turns())


TestCommitterMachine = CommitterMachine.TestCase
TestCommitterMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_who_pauses_before_it_asks_again_does_not_wait_for_ever() -> None:
    machine = CommitterMachine()
    machine.begin(stock=None)
    machine.ask_to_clean(store_id="s")
    machine.ask_to_clean(store_id="t")
    for fate, which in (
        *((Fate.LATE, 0), (Fate.DONE, 0), (Fate.DONE, 0)),
        *((Fate.DONE, 0), (Fate.DONE, 1), (Fate.NOT_SENT, 2)),
    ):
        machine.let_go(fate=fate, which=which)
    machine.teardown()
