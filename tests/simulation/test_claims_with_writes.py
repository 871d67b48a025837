"""Claims that are made in one turn with their write, and undone with it by a fail-over."""

from store_api.stock import Key, Operation, OperationKind, Replayed, Report
from tests.simulation.fake_claims import FakeClaims
from tests.simulation.fake_repository import FakeRepository
from tests.simulation.history import History
from tests.simulation.nature import Fate, Nature
from tests.simulation.processes import Process
from tests.simulation.virtual_time import run

BROUGHT = Operation("new", OperationKind.SUPPLY, {"chair": 1}, False, Key("c", "order-7", b"same"))


class Undoing(Nature):
    """Loses the first write without a word, and undoes what was claimed with it."""

    def __init__(self) -> None:
        self._fates = [Fate.DONE, Fate.LOST]
        self._is_lost = False

    def fate_of_command(self) -> Fate:
        return self._fates.pop(0) if self._fates else Fate.DONE

    def fate_of_change(self) -> Fate:
        fate = Fate.DONE if self._is_lost else Fate.LOST
        self._is_lost = True
        return fate


def test_a_store_that_is_made_after_all_has_the_claims_of_its_write() -> None:
    """Who finds the store missing makes it with the very same write, at another primary."""

    async def ask_two_processes() -> None:
        nature = Undoing()
        claims = FakeClaims(nature)
        stores = FakeRepository(History(), nature, of_many=True, claims=claims)
        first, second = (Process(name, stores, claims, 1).committer for name in ("a-", "b-"))
        assert await first.answer(BROUGHT) == Report("new", {"chair": 1})
        again = await second.answer(BROUGHT)
        assert again == Replayed(Report("new", {"chair": 1}))
        for committer in (first, second):
            await committer.close()

    run(ask_two_processes())


def test_a_claim_that_was_undone_with_its_write_is_made_anew_with_the_next() -> None:
    async def ask_for_a_store_that_is_there() -> None:
        nature = Undoing()
        claims = FakeClaims(nature)
        stores = FakeRepository(History(), nature, of_many=True, claims=claims)
        stores.put("new", {"_id": "new", "items": {"chair": 4}})
        committer = Process("a-", stores, claims, 1).committer
        assert await committer.answer(BROUGHT) == Report("new", {"chair": 5})
        (claim,) = claims.claims.values()
        assert claim.number > 0
        assert await committer.answer(BROUGHT) == Replayed(Report("new", {"chair": 5}))
        await committer.close()

    run(ask_for_a_store_that_is_there())
