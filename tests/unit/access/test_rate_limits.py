"""Quotas: each caller has one of writes and one of reads, and is told when the next request is taken."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from store_api.access import rate_limits
from store_api.access.callers import ANYBODY, Caller
from store_api.access.rate_limits import RateLimits
from store_api.contract.scopes import EVERY_SCOPE
from store_api.errors import QuotaExceeded


class Clock:
    """The library's clock, which a test moves on."""

    now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture(scope="module", autouse=True)
def clock() -> Iterator[Clock]:
    with pytest.MonkeyPatch.context() as patch:
        own = Clock()
        patch.setattr("limits.storage.memory.time", own)
        patch.setattr("limits.strategies.time", own)
        yield own


def caller(name: str | None, token: bytes | None = None) -> Caller:
    return Caller(name, EVERY_SCOPE, token=token)


def taken(
    limits: RateLimits, who: Caller = ANYBODY, address: str = "192.0.2.1", *, writes: bool = True
) -> bool:
    try:
        limits.require(who, address, writes=writes)
    except QuotaExceeded:
        return False
    return True


def test_as_many_as_the_quota_are_taken_and_the_next_is_told_when() -> None:
    limits = RateLimits((3, 60), None)
    assert [taken(limits) for _ in range(5)] == [True, True, True, False, False]
    with pytest.raises(QuotaExceeded) as refused:
        limits.require(ANYBODY, "192.0.2.1", writes=True)
    error = refused.value
    assert (error.kind, error.quota, error.window) == ("writes", 3, 60)
    # A window begins at this very instant: the next is taken just after its end.
    assert error.wait == 61


def test_reads_and_writes_are_counted_apart_and_what_has_no_quota_is_not_counted() -> None:
    both, only_reads = RateLimits((1, 60), (2, 60)), RateLimits(None, (1, 60))
    assert [taken(both, writes=writes) for writes in (True, True, False, False, False)] == [
        *(True, False, True, True, False)
    ]
    assert [taken(only_reads, writes=True) for _ in range(100)] == [True] * 100
    assert len(only_reads) == 0
    assert [taken(only_reads, writes=False) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ((caller("a", b"1" * 32), "192.0.2.1"), (caller("a", b"1" * 32), "192.0.2.2"), True),
        ((caller("a", b"1" * 32), "192.0.2.1"), (caller("a", b"2" * 32), "192.0.2.1"), False),
        ((caller("a"), "192.0.2.1"), (caller("a"), "192.0.2.2"), True),
        ((caller("a"), "192.0.2.1"), (caller("b"), "192.0.2.1"), False),
        ((caller("31"), ""), (caller("a", b"1"), ""), False),
        ((ANYBODY, "192.0.2.1"), (ANYBODY, "192.0.2.1"), True),
        ((ANYBODY, "192.0.2.1"), (ANYBODY, "::ffff:192.0.2.1"), True),
        ((ANYBODY, "2001:db8::1"), (ANYBODY, "2001:db8::2:1"), True),
        ((ANYBODY, "fe80::1%eth0"), (ANYBODY, "fe80::1%eth1"), True),
        ((ANYBODY, ""), (ANYBODY, ""), True),
        ((ANYBODY, "192.0.2.1"), (caller("address 1"), "192.0.2.1"), False),
    ],
)
def test_whose_quota_it_is(one: tuple[Caller, str], other: tuple[Caller, str], *, is_same: bool) -> None:
    limits = RateLimits((1, 60), None)
    assert taken(limits, *one)
    assert taken(limits, *other) != is_same


def test_most_addresses_have_a_quota_of_their_own() -> None:
    limits = RateLimits((1, 60), None)
    addresses = [f"192.0.2.{number}" for number in range(256)]
    assert sum(taken(limits, address=address) for address in addresses) >= 250


@given(
    some.integers(1, 50),
    some.integers(1, 120),
    some.lists(some.floats(0, 100), max_size=60),
    some.floats(0, 10_000),
)
@example(1, 1, [0.0, 0.0], 0.0)
@example(3, 60, [0.0, 0.0, 0.0, 0.0], 0.0)
@example(3, 60, [0.0, 0.0, 0.0, 59.9], 0.0)
@example(1, 97, [0.0, 0.0], 0.0)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_however_they_come_no_window_has_twice_the_quota_and_who_waits_as_told_is_taken(
    clock: Clock, quota: int, window: int, pauses: list[float], start: float
) -> None:
    clock.now = 1_800_000_000.0 + start
    limits, times, waited = RateLimits((quota, window), None), list[float](), list[int]()
    for pause in pauses:
        clock.now += pause
        try:
            limits.require(ANYBODY, "192.0.2.1", writes=True)
        except QuotaExceeded as refused:
            clock.now += refused.wait
            waited.append(refused.wait)
            limits.require(ANYBODY, "192.0.2.1", writes=True)
        times.append(clock.now)
        within = sum(time > clock.now - window for time in times)
        # The window before counts by its share, as if it had been asked evenly: so not exactly.
        assert within <= 2 * quota
    assert all(1 <= wait <= window + 1 for wait in waited)


def test_counters_that_have_run_out_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "SPARED_HITS", 10)
    limits = RateLimits((5, 10), (5, 10))
    for number in range(500):
        clock.now += 0.1
        for writes in (True, False):
            taken(limits, caller(f"caller-{number}"), writes=writes)
        # 400 of the last two windows, as many again until the next clearing, and what is spared.
        assert len(limits) <= 900
    clock.now += 100
    for _ in range(len(limits) + 20):
        clock.now += 3
        taken(limits)
    assert len(limits) <= 4 + 10


def test_addresses_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "ADDRESSES", 64)
    rate_limits._number_of.cache_clear()
    limits = RateLimits((1000, 60), None)
    for number in range(5000):
        limits.require(ANYBODY, f"2001:db8:{number:x}::1", writes=True)
    rate_limits._number_of.cache_clear()
    assert len(limits) <= 64


def test_no_thread_counts() -> None:
    before = set(threading.enumerate())
    limits = RateLimits((1000, 60), None)
    for _ in range(100):
        taken(limits)
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    taken(limits)
    assert set(threading.enumerate()) <= before
