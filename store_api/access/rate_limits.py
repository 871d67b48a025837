"""How often callers may ask: a quota of writes and one of reads for each, counted in this process alone."""

import ipaddress
import threading
from functools import lru_cache
from math import floor
from typing import Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage.memory import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from store_api.access.callers import Caller
from store_api.errors import QuotaExceeded

Rate = tuple[int, int]
"""So many requests in so many seconds."""

WRITES, READS = "writes", "reads"

ADDRESSES: Final = 65_536
"""Addresses that are told apart, or nearly: anybody may have many, and what is kept must have an end."""

SPARED_HITS: Final = 1_000
"""Requests at least between two clearings; each takes a moment for every caller."""

_ROUNDING: Final = 0.001
"""In seconds: what a moment may be off by that was reckoned from seconds since 1970."""


class RateLimits:
    """Counts the requests of each caller, and refuses those above a quota.

    The window slides: what was asked in the last one counts by the share of it that still lies within. The
    library goes by the clock on the wall (`time.time`), which cannot be given to it.

    Args:
        writes: how many operations, of one caller; None is as many as one likes.
        reads: how many requests of all other kinds; handshakes are among them.
    """

    def __init__(self, writes: Rate | None, reads: Rate | None) -> None:
        self._quotas = {True: _quota(writes), False: _quota(reads)}
        self._storage = _Quiet()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._spared = SPARED_HITS

    def __len__(self) -> int:
        """Count the counters that are kept: two for who asked for the last time a moment ago."""
        return len(self._storage.expirations)

    def require(self, caller: Caller, address: str, *, writes: bool) -> None:
        """Count one request, and refuse the one that is too many; that one does not count.

        Args:
            caller: who asks; where nobody is asked, it is the address that counts.
            address: where they ask from: the other end of the connection.
            writes: whether it is an operation.

        Raises:
            QuotaExceeded: it is one too many.
        """
        if (quota := self._quotas[writes]) is None:
            return
        kind, who = WRITES if writes else READS, whose(caller, address)
        if not self._limiter.hit(quota, kind, who):
            raise QuotaExceeded(kind, quota.amount, quota.get_expiry(), self._wait(quota, kind, who))
        self._spared -= 1
        if self._spared < 0:
            self._storage.forget_what_is_over()
            # As many as there are counters, so that it takes the same of every request.
            self._spared = len(self) + SPARED_HITS

    def _wait(self, quota: RateLimitItem, kind: str, who: str) -> int:
        """Tell in how many whole seconds the next is taken: just after what the library says.

        At the very instant at which a window begins, the library takes all that is left of it for nothing.
        """
        now, window = self._storage.now(), quota.get_expiry()
        seconds = self._limiter.get_window_stats(quota, kind, who).reset_time - now
        before, *_ = self._storage.get_sliding_window(quota.key_for(kind, who), window)
        if seconds <= 0 and not before:
            seconds = window
        return floor(max(0, seconds) + _ROUNDING) + 1


class _Quiet(MemoryStorage):
    """The library's counters, without its threads: each looked through all counters, 100 times a second."""

    def __init__(self) -> None:
        super().__init__()
        self.timer.cancel()
        self.timer = _Started(0, lambda: None)

    def forget_what_is_over(self) -> None:
        """Forget the counters that have run out, as reading one does."""
        for key in list(self.expirations):
            self.get(key)

    def now(self) -> float:
        """Give the time by which it counts."""
        return self.get_expiry("a key that there is not")


class _Started(threading.Timer):
    """A timer that never is due, and need not be started."""

    def is_alive(self) -> bool:
        return True


def whose(caller: Caller, address: str) -> str:
    """Tell whose quota a request counts for.

    Args:
        caller: who asks.
        address: where from.
    """
    if caller.token is not None:
        return caller.token.hex()
    return f"name {caller.name}" if caller.name is not None else f"address {_number_of(address)}"


@lru_cache(maxsize=4096)
def _number_of(address: str) -> int:
    """Number an address; of IPv6, what one subscriber has of it is one (RFC 6177)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return hash(address) % ADDRESSES
    mapped = getattr(found, "ipv4_mapped", None)
    packed: bytes = (mapped or found).packed
    return hash(packed[:8]) % ADDRESSES


def _quota(rate: Rate | None) -> RateLimitItem | None:
    return None if rate is None else RateLimitItemPerSecond(*rate)
