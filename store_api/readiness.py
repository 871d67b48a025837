"""Whether this process can do its work right now: a primary is reachable, and the change stream is alive."""

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from store_api.repository import StoreRepository
from watchers.store_watcher import StoreWatcher

QUIET_SECONDS = 2.0
"""After so long without an event a heartbeat is sent through the change stream."""

LONGEST_SILENCE_SECONDS = 5.0
"""A change stream through which nothing came for so long is dead or stuck."""


@dataclass(slots=True)
class Readiness:
    """Answers `/health/ready`.

    Args:
        repository: knows whether there is a primary.
        watcher: knows when something last came through the change stream.
        stopping: set when the service begins to stop.
    """

    repository: StoreRepository
    watcher: StoreWatcher
    stopping: bool = False

    def is_quiet(self) -> bool:
        """Whether it is time for a heartbeat through the open change stream."""
        return QUIET_SECONDS <= self.watcher.silent_seconds < math.inf

    def problem(self) -> dict[str, Any] | None:
        """Describe why we are not ready; None when we are."""
        primary = self.repository.has_primary
        stream = self.watcher.silent_seconds < LONGEST_SILENCE_SECONDS
        if primary and stream and not self.stopping:
            return None
        return {
            "type": "/problems/not-ready",
            "title": "Not ready",
            "status": HTTPStatus.SERVICE_UNAVAILABLE.value,
            "detail": "The service is stopping." if self.stopping else "MongoDB is not there, or not yet.",
            "primary_reachable": primary,
            "change_stream_alive": stream,
        }
