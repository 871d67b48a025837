"""The embedded MongoDB of a service that goes on: where its mongod ends, another one is started."""

import logging
import time
from collections.abc import Sequence
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

from store_api.embedded.mongo import EmbeddedMongo
from store_api.errors import EmbeddedMongoError

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
"""How often is looked whether mongod still runs."""
PAUSES: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each start; the last one again and again. A full disk may have room again at any time."""

STEADY_SECONDS = 10.0
"""Who ran for so long did not end because of how it was started: the pauses begin anew."""


class KeptRunning:
    """Starts an embedded MongoDB, keeps its mongod running in a thread, and stops it; a context manager.

    It never gives up: a service without its MongoDB is not ready, and says why; so is one whose MongoDB is
    elsewhere and away.

    Args:
        mongo: not started; nobody else may start or stop it meanwhile.
        pauses: seconds before each start.
    """

    def __init__(self, mongo: EmbeddedMongo, pauses: Sequence[float] = PAUSES) -> None:
        self._mongo = mongo
        self._pauses = pauses
        self._starts = 0
        self._stopping = Event()
        self._thread = Thread(target=self._keep, name="embedded MongoDB")

    def __enter__(self) -> Self:
        """Start mongod, and return when it takes writes.

        Raises:
            EmbeddedMongoError: it cannot be; one line says why.
        """
        self._mongo.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, also while another mongod starts."""
        self._stopping.set()
        self._thread.join()
        self._mongo.stop()

    def _keep(self) -> None:
        began = time.monotonic()
        while not self._stopping.wait(LOOK_SECONDS):
            if (ended := self._mongo.how_it_ended()) is None:
                continue
            if time.monotonic() - began > STEADY_SECONDS:
                self._starts = 0
            log.error(
                "The embedded mongod ended, and is started again",
                extra={"action": "mongod_died", "ended_with": ended, "next_start_in": self._pause()},
            )
            while not self._stopping.wait(self._pause()) and not self._is_back():
                pass
            began = time.monotonic()

    def _pause(self) -> float:
        return self._pauses[min(self._starts, len(self._pauses) - 1)]

    def _is_back(self) -> bool:
        self._starts += 1
        try:
            self._mongo.start_again(self._stopping)
        except EmbeddedMongoError as error:
            if not self._stopping.is_set():
                log.error(str(error), extra={"action": "mongod_not_back", "next_start_in": self._pause()})
            return False
        except Exception as error:  # noqa: BLE001  (a thread that ended would never start it)
            log.error(
                "The embedded mongod cannot be started",
                extra={"action": "mongod_not_back", "error": type(error).__name__},
            )
            return False
        log.warning("The embedded mongod is back", extra={"action": "mongod_back"})
        return True
