"""Counts what was refused to whom, and tells the operator of it: a line a second at most."""

import asyncio
import logging
from typing import Final

from store_api.errors import (
    CredentialInvalid,
    CredentialMissing,
    ForeignPage,
    QuotaExceeded,
    ScopeMissing,
    StoreApiError,
    StoreForbidden,
    UnknownHost,
)

log = logging.getLogger(__name__)

TELL_SECONDS = 1.0

REASONS: Final = tuple(
    kind.slug
    for kind in (
        *(CredentialMissing, CredentialInvalid, ScopeMissing, StoreForbidden),
        *(UnknownHost, ForeignPage, QuotaExceeded),
    )
)
"""Why the gate may refuse a request."""


HINT = "; python -m store_api tokens create makes a token for one"


class Refusals:
    """The refusals of this process so far.

    Attributes:
        counts: how many, by reason.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys(REASONS, 0)
        self._told = dict(self.counts)

    def note(self, error: StoreApiError) -> None:
        """Count an error that a request ended with, if it is a refusal of the gate's."""
        if error.slug in self.counts:
            self.counts[error.slug] += 1

    async def run(self) -> None:
        """Tell of them, for ever."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            self.tell()

    def tell(self) -> None:
        """Log how many there were since the last time, if any; of what was sent nothing is told."""
        grown = {
            reason: number - self._told[reason]
            for reason, number in self.counts.items()
            if number > self._told[reason]
        }
        if grown:
            self._told = dict(self.counts)
            hint = HINT if grown.keys() & {CredentialMissing.slug, CredentialInvalid.slug} else ""
            log.warning("Callers were refused%s", hint, extra={"action": "refused_callers", "refused": grown})
