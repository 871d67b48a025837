"""Whether this process can do its work right now: a primary is reachable, and the change stream is alive."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from store_api.repository import StoreRepository
from watchers.store_watcher import StoreWatcher

LONGEST_SILENCE_SECONDS = 5.0
"""A living stream is answered twice a second, by nothing if there is nothing."""


@dataclass(slots=True)
class Readiness:
    """Answers `/health/ready`.

    Args:
        repository: knows whether there is a primary.
        watcher: knows when the change stream was last answered.
        stopping: set when the service begins to stop.
    """

    repository: StoreRepository
    watcher: StoreWatcher
    stopping: bool = False

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
