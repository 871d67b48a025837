"""Sums of the ledger, on a real MongoDB: buckets as the keeper writes them, added up by MongoDB."""

from collections.abc import Sequence
from typing import Any

import pytest
from pymongo import MongoClient

from store_api.errors import DatabaseUnavailable
from store_api.ledger.rows import NOBODY, Kind, Names
from store_api.movements import turnover as turnover_module
from store_api.movements.turnover import Demanded, Flow, Flows, Known, Moved, Span, Turnover
from store_api.storage.clients import Client
from tests.support.ledger_documents import LedgerDocuments

T = 1_795_000_000
"""The second at which it all begins."""

TILL, OTHER, VAN = Names("till-7", "R-1", "sale"), Names("till-2"), Names("van-1", None, "purchase")

NOTHING = Flow(0, [], [])


async def all_demanded(turnover: Turnover, span: Span) -> list[Demanded]:
    """List what was demanded, by store and item."""
    found = [one async for some in turnover.demanded(span) for one in some]
    return sorted(found, key=lambda one: (one.store_id, one.item_id))


@pytest.fixture
def turnover(client: Client, database_name: str) -> Turnover:
    return Turnover(client, database_name)


@pytest.fixture
def ledger(other_program: MongoClient[dict[str, Any]], database_name: str) -> LedgerDocuments:
    return LedgerDocuments(other_program[database_name])


@pytest.fixture
def kept(ledger: LedgerDocuments) -> None:
    """A ledger of two stores."""
    add = ledger.add
    add("abc", T, ("tea", 100, 100, Kind.OPENING, NOBODY), ("milk", 50, 50, Kind.OPENING, NOBODY))
    add("abc", T + 10, ("tea", -40, 60, Kind.DEMAND, TILL), ("milk", -45, 5, Kind.DEMAND, OTHER))
    add("xyz", T + 10, ("tea", 2**40, 2**40, Kind.SUPPLY, VAN), ("tea", -3, 2**40 - 3, Kind.DEMAND, NOBODY))
    add("abc", T + 20, ("tea", -5, 55, Kind.DEMAND, OTHER), ("tea", -15, 40, Kind.DEMAND, NOBODY))
    add("abc", T + 20, ("milk", -5, 0, Kind.DIRECT, NOBODY), ("salt", 9, 9, Kind.SUPPLY, VAN))
    add("abc", T + 30, ("salt", -9, 0, Kind.DEMAND, TILL), ("rice", 7, 7, Kind.GAP, NOBODY))


async def test_where_none_is_kept_nothing_is_known(turnover: Turnover, ledger: LedgerDocuments) -> None:
    assert await turnover.known() is None
    ledger.is_whole(T, T + 59, off=True)
    assert await turnover.known() is None
    assert await turnover.flows(Span(T, T + 60), 5) == Flows(NOTHING, NOTHING, 0)
    assert await all_demanded(turnover, Span(T, T + 60)) == []


async def test_from_when_to_when_all_is_known(turnover: Turnover, ledger: LedgerDocuments) -> None:
    ledger.is_whole(T, T + 59)
    assert await turnover.known() == Known(T, T + 59)
    ledger.let_go(T + 7)
    assert await turnover.known() == Known(T + 7, T + 59)
    ledger.is_whole(T, T + 59, reconciling={"after": ""})
    assert await turnover.known() == Known(T + 7, T + 7)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("stores_at_once", [1, 10])
async def test_what_was_moved_item_by_item_and_by_whom(
    turnover: Turnover, monkeypatch: pytest.MonkeyPatch, stores_at_once: int
) -> None:
    monkeypatch.setattr(turnover_module, "STORES_AT_ONCE", stores_at_once)
    flows = await turnover.flows(Span(T, T + 30), 3)
    assert flows.sold == Flow(
        40 + 45 + 3 + 5 + 15 + 9,
        [
            Moved("abc", "tea", 60, "till-7", 3),
            Moved("abc", "milk", 45, "till-2", 1),
            Moved("abc", "salt", 9, "till-7", 1),
        ],
        [("till-2", 50), ("till-7", 49)],
    )
    assert flows.supplied == Flow(
        2**40 + 9,
        [Moved("xyz", "tea", 2**40, "van-1", 1), Moved("abc", "salt", 9, "van-1", 1)],
        [("van-1", 2**40 + 9)],
    )
    assert flows.otherwise == 7 - 5


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("after", "until", "stores", "sold"),
    [
        (T + 10, T + 20, None, 20),
        (T + 9, T + 10, None, 88),
        (T, T + 30, ["xyz"], 3),
        (T, T + 30, ["abc", "nowhere"], 114),
        (T, T + 30, [], 0),
        (T + 30, T + 90, None, 0),
    ],
)
async def test_only_what_is_asked_for_counts(
    turnover: Turnover, after: int, until: int, stores: Sequence[str] | None, sold: int
) -> None:
    assert (await turnover.flows(Span(after, until, stores), 3)).sold.pieces == sold


@pytest.mark.usefixtures("kept")
async def test_what_was_demanded(turnover: Turnover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnover_module, "PAGE", 2)
    assert await all_demanded(turnover, Span(T, T + 30)) == [
        Demanded("abc", "milk", 45),
        Demanded("abc", "salt", 9),
        Demanded("abc", "tea", 60),
        Demanded("xyz", "tea", 3),
    ]
    assert await all_demanded(turnover, Span(T + 10, T + 30, ["abc"])) == [
        Demanded("abc", "salt", 9),
        Demanded("abc", "tea", 20),
    ]


async def test_an_answer_that_does_not_come_in_time_is_none(client: Client, database_name: str) -> None:
    hurried = Turnover(client, database_name, seconds=1e-6)
    for question in (
        hurried.known(),
        hurried.flows(Span(T, T + 30), 3),
        all_demanded(hurried, Span(T, T + 30)),
    ):
        with pytest.raises(DatabaseUnavailable):
            await question
