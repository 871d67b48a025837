"""Notes which claims came true, so that their stores need not prove it for longer than a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from store_api.claims.claim import Claim, State
from store_api.claims.open_numbers import OpenNumbers
from store_api.claims.ports import Claims
from store_api.errors import DatabaseUnavailable

NOTE_SECONDS = 0.5
"""How long after a claim came true that is noted, with all others that did."""


class Noting:
    """Counts the claims of a process that are open, and notes now and then up to where they came true.

    Args:
        claims: where it is noted.
        writer: gives who writes now: of another there is no news any more.
        begin: lets work go on in the background.
    """

    def __init__(
        self, claims: Claims, writer: Callable[[], str], begin: Callable[[Awaitable[None]], None]
    ) -> None:
        self._claims = claims
        self._writer = writer
        self._begin_work = begin
        self.open = OpenNumbers()
        self._is_due = False

    def begin(self, claim: Claim) -> None:
        """Count a claim that is made, or may be."""
        if claim.state is State.OPEN:
            self.open.begin(claim.writer, claim.number)

    def end(self, claim: Claim) -> None:
        """Count off a claim whose place another has taken, or that was never made."""
        if claim.state is State.OPEN:
            self.open.end(claim.writer, claim.number)

    def came_true(self, claim: Claim) -> None:
        """Count off a claim that came true, and note that soon."""
        self.end(claim)
        if not self._is_due:
            self._is_due = True
            self._begin_work(self._note())

    async def _note(self) -> None:
        await asyncio.sleep(NOTE_SECONDS)
        self._is_due = False
        # Where it fails, the stores prove them, and the next note says it all.
        with suppress(DatabaseUnavailable):
            for writer, number in self.open.to_note().items():
                await self._claims.note(writer, number)
                self.open.note(writer, number)
                if writer != self._writer():
                    self.open.forget(writer)
