"""How long those who were let in may stay: until their credential ends, or what it lets them do changes.

Somebody who stays is a callback with their token and one timer; no task watches over them.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from store_api.access.callers import Caller
from store_api.access.known_tokens import KnownTokens
from store_api.contract.channels import CREDENTIAL_ENDED, RIGHTS_CHANGED

LONGEST_TIMER = 300.0
"""Seconds after which the clock is looked at again: a machine may sleep, and its clock may be set."""


class Stays:
    """Watches over those who stay.

    Args:
        tokens: which tell when one ends; None where none are taken.
        now: gives the time, in seconds since 1970.
    """

    def __init__(self, tokens: KnownTokens | None, now: Callable[[], float]) -> None:
        self._tokens = tokens
        self._now = now

    @contextmanager
    def of(self, caller: Caller) -> "Iterator[Stay | None]":
        """Let somebody stay for the block; None where nothing can end it.

        To be entered before anything is waited for since they were let in: what happens meanwhile is told
        to those alone who stay already.
        """
        if caller.expires is None and (caller.token is None or self._tokens is None):
            yield None
            return
        stay = Stay(caller, self._tokens, self._now)
        try:
            yield stay
        finally:
            stay.end()


FOR_EVER: Final = Stays(None, time.time)
"""How long those may stay who are not asked who they are."""


class Stay:
    """The stay of one caller.

    Args:
        caller: who.
        tokens: which tell when theirs ends; None where none are taken.
        now: gives the time, in seconds since 1970.

    Attributes:
        over: done when it is over; its result is the close code that says why.
    """

    __slots__ = ("_at_once", "_expires", "_forget", "_now", "_timer", "over")

    def __init__(self, caller: Caller, tokens: KnownTokens | None, now: Callable[[], float]) -> None:
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._at_once: Callable[[], None] = _do_nothing
        self._now = now
        self._expires = caller.expires
        self._timer: asyncio.TimerHandle | None = None
        self._forget = _do_nothing if tokens is None else tokens.when_it_ends(caller, self._be_over)
        self._look_at_the_clock()

    @property
    def has_ended(self) -> bool:
        """Whether it is over because the credential has ended."""
        return self.over.done() and self.over.result() == CREDENTIAL_ENDED

    def when_over(self, at_once: Callable[[], None]) -> None:
        """Have something done at the very moment at which it is over; now, where it is."""
        self._at_once = at_once
        if self.over.done():
            at_once()

    def end(self) -> None:
        """Stay no longer: nothing is told any more."""
        self._forget()
        self._forget = self._at_once = _do_nothing
        if self._timer is not None:
            self._timer.cancel()

    def _look_at_the_clock(self) -> None:
        if self._expires is None:
            return
        left = self._expires - self._now()
        if left <= 0:
            self._be_over(True)
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(left, LONGEST_TIMER), self._look_at_the_clock)

    def _be_over(self, has_ended: bool) -> None:
        if not self.over.done():
            self.over.set_result(CREDENTIAL_ENDED if has_ended else RIGHTS_CHANGED)
            self._at_once()


def _do_nothing() -> None:
    """Do so."""
