"""A day is one bot's at a time, and sent once: against the real MongoDB."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from bot.daily.claims import COLLECTION, Claims, ClaimState
from bot.report.stocktake import EarlierReport, Totals
from store_api.storage.clients import Client
from tests.integration.bot.conftest import claims_of

DAY = date(2026, 11, 24)
AT = datetime(2026, 11, 24, 21, tzinfo=UTC)
Notes = Collection[dict[str, Any]]


@pytest.fixture
def notes(other_program: MongoClient[dict[str, Any]], database_name: str) -> Notes:
    """The claims as any other program sees them."""
    return other_program[database_name][COLLECTION]


@pytest.fixture
def other(client: Client, database_name: str) -> Claims:
    """Another bot's claims."""
    return claims_of(client, database_name)


def let_lapse(notes: Notes) -> None:
    notes.update_one(
        {"_id": DAY.isoformat()}, {"$set": {"lease_until": datetime.now(UTC) - timedelta(seconds=1)}}
    )


async def test_of_twenty_bots_one_gets_the_day(client: Client, database_name: str) -> None:
    bots = [claims_of(client, database_name) for _ in range(20)]
    claims = await asyncio.gather(*(bot.claim(DAY) for bot in bots))
    states = [claim.state for claim in claims]
    assert states.count(ClaimState.OURS) == 1
    assert states.count(ClaimState.HELD) == 19


async def test_asking_again_is_harmless(claims: Claims) -> None:
    assert (await claims.claim(DAY)).state is ClaimState.OURS
    assert (await claims.claim(DAY)).state is ClaimState.OURS


async def test_a_claim_whose_bot_died_is_taken_over_after_its_lease(
    claims: Claims, other: Claims, notes: Notes
) -> None:
    await claims.claim(DAY)
    await claims.note_sent(DAY, "message", 17)
    assert (await other.claim(DAY)).state is ClaimState.HELD
    let_lapse(notes)
    taken = await other.claim(DAY)
    assert (taken.state, taken.parts) == (ClaimState.OURS, frozenset({"message"}))
    assert await other.renew(DAY)
    assert not await claims.renew(DAY)


async def test_a_renewed_lease_holds_for_three_minutes(claims: Claims, notes: Notes) -> None:
    await claims.claim(DAY)
    let_lapse(notes)
    assert await claims.renew(DAY)
    found = notes.find_one({"_id": DAY.isoformat()})
    assert found is not None
    left = found["lease_until"].replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(minutes=2, seconds=50) < left <= timedelta(minutes=3, seconds=1)


async def test_one_who_lost_the_day_writes_nothing_into_it(
    claims: Claims, other: Claims, notes: Notes
) -> None:
    await claims.claim(DAY)
    let_lapse(notes)
    await other.claim(DAY)
    await claims.note_sent(DAY, "message", 1)
    await claims.note_totals(DAY, {"a": Totals(1, 1)}, AT, late=False)
    await claims.fail(DAY, "anything")
    await claims.finish(DAY)
    await claims.release(DAY)
    assert (await other.claim(DAY)).parts == frozenset()
    found = notes.find_one({"_id": DAY.isoformat()})
    assert found is not None
    assert not {"stores", "failed", "sent_at"} & found.keys()


async def test_what_was_sent_is_not_given_again_to_anybody(
    claims: Claims, other: Claims, notes: Notes
) -> None:
    await claims.claim(DAY)
    await claims.finish(DAY)
    let_lapse(notes)
    for bot in (claims, other):
        claim = await bot.claim(DAY, again=True)
        assert claim.state is ClaimState.SENT
        assert claim.sent_at is not None
        assert abs(claim.sent_at - datetime.now(UTC)) < timedelta(seconds=10)


async def test_what_failed_is_given_again_only_at_a_new_start(
    claims: Claims, other: Claims, notes: Notes
) -> None:
    await claims.claim(DAY)
    await claims.fail(DAY, "Telegram refused")
    let_lapse(notes)
    assert (await other.claim(DAY)).state is ClaimState.FAILED
    assert (await other.claim(DAY, again=True)).state is ClaimState.OURS
    assert (await claims.claim(DAY)).state is ClaimState.HELD


async def test_a_released_day_can_be_had_at_once(claims: Claims, other: Claims) -> None:
    await claims.claim(DAY)
    await claims.release(DAY)
    assert (await other.claim(DAY)).state is ClaimState.OURS


async def report_of(claims: Claims, day: date, totals: dict[str, Totals], *, sent: bool = True) -> None:
    await claims.claim(day)
    await claims.note_totals(day, totals, AT, late=False)
    if sent:
        await claims.note_sent(day, "message", 1)
        await claims.finish(day)


async def test_the_last_report_is_the_last_that_reached_the_user(claims: Claims) -> None:
    assert await claims.last_sent() is None
    huge = {"a.b/$x": Totals(1, 2**70), "арт": Totals(2, 3)}
    await report_of(claims, DAY - timedelta(days=5), huge)
    await report_of(claims, DAY - timedelta(days=1), {"x": Totals(1, 1)}, sent=False)
    await report_of(claims, DAY, {"y": Totals(1, 1)})
    assert await claims.last_sent(before=DAY) == EarlierReport(DAY - timedelta(days=5), huge, AT)
    assert await claims.last_sent() == EarlierReport(DAY, {"y": Totals(1, 1)}, AT)


async def test_the_history_is_in_order_and_old_days_go(claims: Claims, notes: Notes) -> None:
    for ago in (500, 3, 2, 1):
        await report_of(claims, DAY - timedelta(days=ago), {"x": Totals(1, ago)})
    assert [units for _, units in await claims.history(2)] == [2, 1]
    assert await claims.history(9, before=DAY - timedelta(days=2)) == [(DAY - timedelta(days=3), 3)]
    assert notes.count_documents({}) == 3


async def test_a_day_that_was_put_off_is_nobody_s_until_then(
    claims: Claims, other: Claims, notes: Notes
) -> None:
    await claims.claim(DAY)
    await claims.put_off(DAY, 3700)
    for bot in (claims, other):
        claim = await bot.claim(DAY, again=True)
        assert claim.state is ClaimState.PUT_OFF
        assert 3690 < claim.wait <= 3700
    notes.update_one({}, {"$set": {"not_before": datetime.now(UTC) - timedelta(seconds=1)}})
    assert (await other.claim(DAY)).state is ClaimState.OURS
    assert (await claims.claim(DAY)).state is ClaimState.HELD
    found = notes.find_one({"_id": DAY.isoformat()})
    assert found is not None
    assert "not_before" not in found
