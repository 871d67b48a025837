"""How long somebody may stay, by the clock and by what becomes of their token."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from store_api.access import stays
from store_api.access.callers import ANYBODY, Caller
from store_api.access.known_tokens import KnownTokens
from store_api.access.stays import FOR_EVER, Stay, Stays
from store_api.contract.channels import CREDENTIAL_ENDED, RIGHTS_CHANGED
from store_api.contract.scopes import Scope
from tests.support.feed_world import turns

TILL = b"t" * 32
READ = frozenset({Scope.READ})


class Clock:
    """A clock that is set by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def document(token: bytes = TILL, **others: Any) -> dict[str, Any]:
    rights = {"name": "till", "scopes": ["read"], "stores": None, "expires": None, "revoked": None}
    return {"_id": token, **rights, **others}


async def known(*documents: Mapping[str, Any], now: Clock | None = None) -> KnownTokens:
    async def read_all() -> Sequence[Mapping[str, Any]]:
        return documents

    async def read_one(token: bytes) -> None:
        return None

    tokens = KnownTokens(read_all, read_one, now or Clock())
    await tokens.load()
    return tokens


def caller_of(tokens: KnownTokens) -> Caller:
    caller = tokens.caller(TILL)
    assert caller is not None
    return caller


def changed(**fields: Any) -> dict[str, Any]:
    """An event of the change stream that says so."""
    described = {"updatedFields": fields, "removedFields": []}
    return {"operationType": "update", "documentKey": {"_id": TILL}, "updateDescription": described}


def is_watched(tokens: KnownTokens) -> bool:
    return bool(tokens._ends)


async def test_nobody_who_is_not_asked_and_nobody_for_ever_is_watched_over() -> None:
    tokens = await known(document())
    for watching, caller in (
        (FOR_EVER, ANYBODY),
        (Stays(tokens, Clock()), ANYBODY),
        (Stays(None, Clock()), Caller("oidc:anna", READ)),
    ):
        with watching.of(caller) as stay:
            assert stay is None
    assert not is_watched(tokens)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (changed(revoked=datetime(2026, 1, 1, tzinfo=UTC)), CREDENTIAL_ENDED),
        ({"operationType": "delete", "documentKey": {"_id": TILL}}, CREDENTIAL_ENDED),
        ({"operationType": "drop"}, CREDENTIAL_ENDED),
        (changed(scopes=["read", "demand"]), RIGHTS_CHANGED),
        (changed(stores=["paris"]), RIGHTS_CHANGED),
        (changed(expires=datetime(2036, 1, 1, tzinfo=UTC)), RIGHTS_CHANGED),
        (changed(hint="sapi_XXXX"), None),
    ],
)
async def test_it_is_over_at_the_very_moment_at_which_the_token_is(
    event: dict[str, Any], code: int | None
) -> None:
    tokens, heard = await known(document()), list[int]()
    with Stays(tokens, Clock()).of(caller_of(tokens)) as stay:
        assert stay is not None
        stay.when_over(lambda: heard.append(1))
        tokens.take(event)
        assert heard == [1] * (code is not None)
        assert stay.over.done() == (code is not None)
        assert code is None or stay.over.result() == code
        assert stay.has_ended == (code == CREDENTIAL_ENDED)
    assert not is_watched(tokens)


async def test_what_came_before_anybody_cared_is_told_at_once() -> None:
    tokens, heard = await known(document()), list[int]()
    with Stays(tokens, Clock()).of(caller_of(tokens)) as stay:
        assert stay is not None
        tokens.take({"operationType": "drop"})
        tokens.take(changed(scopes=[]))
        stay.when_over(lambda: heard.append(1))
        assert heard == [1]
        assert stay.over.result() == CREDENTIAL_ENDED


async def test_it_is_over_once_and_the_first_reason_counts() -> None:
    tokens, heard = await known(document()), list[int]()
    with Stays(tokens, Clock()).of(caller_of(tokens)) as stay:
        assert stay is not None
        stay.when_over(lambda: heard.append(1))
        tokens.take(changed(stores=["paris"]))
        tokens.take({"operationType": "drop"})
        assert (heard, stay.over.result()) == ([1], RIGHTS_CHANGED)


async def test_whoever_went_is_told_nothing() -> None:
    tokens, heard = await known(document()), list[int]()
    with Stays(tokens, Clock()).of(caller_of(tokens)) as first:
        assert first is not None
        first.when_over(lambda: heard.append(1))
    tokens.take({"operationType": "drop"})
    assert (heard, first.over.done()) == ([], False)


class Loop:
    """Timers that go off when told; the rest of the loop is the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.timers: list[tuple[float, Any]] = []
        self.cancelled = 0
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._call_later)

    def _call_later(self, seconds: float, call: Any) -> "Loop":
        self.timers.append((seconds, call))
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    def go_off(self) -> None:
        self.timers.pop(0)[1]()


async def test_it_ends_at_the_second_of_expiry_whatever_becomes_of_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, loop = Clock(), Loop(monkeypatch)
    with Stays(None, clock).of(Caller("oidc:anna", READ, None, 1_400.0)) as stay:
        assert stay is not None
        assert [seconds for seconds, _ in loop.timers] == [stays.LONGEST_TIMER]
        clock.now = 1_300.0
        loop.go_off()
        assert [seconds for seconds, _ in loop.timers] == [100]
        clock.now = 1_399.0  # set back by a second meanwhile
        loop.go_off()
        assert ([seconds for seconds, _ in loop.timers], stay.over.done()) == ([1], False)
        clock.now = 1_400.0
        loop.go_off()
        assert stay.over.result() == CREDENTIAL_ENDED
    assert loop.timers == []


async def test_whose_time_is_up_already_is_out_before_in_and_no_timer_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, loop = Clock(), Loop(monkeypatch)
    with Stays(None, clock).of(Caller("oidc:anna", READ, None, 1_000.0)) as stay:
        assert stay is not None
        assert stay.has_ended
    assert loop.timers == []
    with Stays(None, clock).of(Caller("oidc:anna", READ, None, 1_001.0)):
        pass
    assert loop.cancelled == 1


async def test_ten_thousand_stays_are_no_task_more() -> None:
    tokens = await known(document())
    watching, before = Stays(tokens, Clock()), len(asyncio.all_tasks())
    opened = [Stay(caller_of(tokens), tokens, watching._now) for _ in range(10_000)]
    await turns()
    assert len(asyncio.all_tasks()) == before
    tokens.take({"operationType": "drop"})
    assert all(stay.has_ended for stay in opened)
