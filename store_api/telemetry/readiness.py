"""Whether this process can do its work right now: a primary is reachable, and the change stream is alive."""

import math
from collections.abc import Callable
from dataclasses import dataclass

QUIET_SECONDS = 2.0
"""After so long without an event a heartbeat is sent through the change stream."""

LONGEST_SILENCE_SECONDS = 5.0
"""A change stream through which nothing came for so long is dead or stuck."""


@dataclass(frozen=True, slots=True)
class State:
    """What readiness is made of, at one moment."""

    primary_reachable: bool
    change_stream_alive: bool
    stopping: bool

    @property
    def ready(self) -> bool:
        """Whether all is well."""
        return self.primary_reachable and self.change_stream_alive and not self.stopping


@dataclass(slots=True)
class Readiness:
    """Knows whether the service can do its work.

    Args:
        has_primary: whether a primary is reachable right now.
        silent_seconds: how long ago something came through the change stream; infinite before the first.
        stopping: set when the service begins to stop.
    """

    has_primary: Callable[[], bool]
    silent_seconds: Callable[[], float]
    stopping: bool = False

    def is_quiet(self) -> bool:
        """Whether it is time for a heartbeat through the open change stream."""
        return QUIET_SECONDS <= self.silent_seconds() < math.inf

    def state(self) -> State:
        """Tell how things stand."""
        return State(self.has_primary(), self.silent_seconds() < LONGEST_SILENCE_SECONDS, self.stopping)
