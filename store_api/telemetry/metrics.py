"""`/metrics`: what the parts of the service have counted, in Prometheus' text format, summed over workers.

The parts count in plain integers, which cost next to nothing where it matters; here they become metrics, once
a second and whenever somebody asks. Worker processes share theirs, see `shared_figures.py`. Nothing here may
stop what is counted.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    OutcomeUnknown,
    Overloaded,
    StoreApiError,
    StoreHeld,
)
from store_api.stock import OperationKind
from store_api.telemetry.shared_figures import SharedFigures, total

log = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REFRESH_SECONDS = 1.0

_GREATEST = (
    "store_api_newest_event_age_seconds",
    "store_api_known_tokens",
    "store_api_ledger_lag_seconds",
)
LIVE = ("store_api_sockets", "store_api_held_stores", "store_api_stores_in_doubt", *_GREATEST)
"""Metrics that end with their process."""

_LEDGER = {
    "rows": ("ledger_rows", "Rows added to the ledger"),
    "gaps": ("ledger_gaps", "Times the ledger was put right from a reading of all stores"),
    "unexplained": ("ledger_unexplained_lines", "Rows that contradict what their write said of itself"),
    "leases": ("ledger_leases", "Times a keeper of the ledger began"),
}
_OUTCOMES: Final = (
    "applied",
    *(kind.slug for kind in (OutcomeUnknown, AppliedUnreported, BrokenDocument, StoreApiError)),
    *(kind.slug for kind in (DatabaseUnavailable, Overloaded, StoreHeld)),
)
_SETTLED: Final = ("applied", "fenced", "lost", "unknown")
_ASKED_AGAIN: Final = ("replayed", "fenced", "reused", "in_flight", "unknown")
"""What is told from the start, as 0: `increase` does not see the first step of a series that begins at 1."""

_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from.

    Args:
        outcomes: operations so far, by kind and by what they ended as: "applied", or an error's slug.
        openings: openings of the change stream so far, by how and after what.
        frames: frames sent so far.
        skipped: frames skipped so far, because newer ones took their place.
        sockets: how many are open.
        silent_seconds: how long ago something came through the change stream.
        held: how many stores a transaction of another program holds.
        settled: writes without an answer so far, by what was found out of them.
        claims: keys claimed so far.
        keys: keys so far that were claimed already, by what was found out of them.
        in_doubt: how many stores wait for that just now.
        refusals: requests that the gate refused so far, by why.
        tokens: how many are known, which let somebody in.
        ledger: what the keepers that this process started have done: "rows", "gaps", "unexplained", "leases".
        ledger_lag: by how many seconds the ledger is behind.
    """

    outcomes: Mapping[tuple[OperationKind, str], int]
    openings: Mapping[tuple[str, str], int]
    frames: Callable[[], int]
    skipped: Callable[[], int]
    sockets: Callable[[], int]
    silent_seconds: Callable[[], float]
    held: Callable[[], int]
    settled: Mapping[str, int]
    claims: Callable[[], int]
    keys: Mapping[str, int]
    in_doubt: Callable[[], int]
    refusals: Mapping[str, int]
    tokens: Callable[[], int]
    ledger: Mapping[str, int]
    ledger_lag: Callable[[], float]


@dataclass(slots=True)
class _Counted:
    """What of growing numbers a counter has been told already."""

    counter: Counter
    told: dict[Hashable, int] = field(default_factory=dict)

    def tell(self, key: Hashable, number: int, *labels: str) -> None:
        grown = number - self.told.get(key, 0)
        if grown:
            self.told[key] = number
            (self.counter.labels(*labels) if labels else self.counter).inc(grown)


class Metrics:
    """The metrics of this process, and the sum of all processes'.

    Args:
        sources: where the figures come from.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._shared = SharedFigures.of_this_process()
        self._registry = CollectorRegistry()
        self._operations = self._counter("operations", "Operations, by kind and outcome", "kind", "outcome")
        self._openings = self._counter(
            "change_stream_openings", "Openings of the change stream, and after what", "how", "cause"
        )
        self._frames = self._counter("frames_sent", "Frames sent to sockets")
        self._skipped = self._counter("frames_skipped", "Frames that gave way to newer ones")
        self._sockets = self._gauge("sockets", "Open sockets")
        self._held = self._gauge("held_stores", "Stores that a transaction of another program holds")
        self._in_doubt = self._gauge("stores_in_doubt", "Stores whose last write has no answer yet")
        self._settled = self._counter(
            "writes_settled", "Writes without an answer, and what was found out of them", "found"
        )
        self._claims = self._counter("claims_made", "Keys of operations that were claimed")
        self._keys = self._counter(
            "keys_asked_again", "Keys that were claimed already, and what was found out of them", "found"
        )
        self._refusals = self._counter("refusals", "Requests that were not let in, by why", "reason")
        self._tokens = self._gauge("known_tokens", "Tokens that are known; of the worker that knows most")
        self._ledger = {name: self._counter(*told) for name, told in _LEDGER.items()}
        self._ledger_lag = self._gauge("ledger_lag_seconds", "By how much the ledger is behind")
        self._silence = self._gauge(
            "newest_event_age_seconds",
            "Age of the newest event of the change stream, heartbeats included; of the worst worker",
        )
        self._batches = self._histogram("write_operations", "Operations that went out in one write", _BATCHES)
        self._writes = self._histogram("write_seconds", "How long writes took, reading included", _SECONDS)
        self._delays = self._histogram(
            "commit_to_frame_seconds", "From a commit, by MongoDB's clock, to its frame, by ours", _SECONDS
        )

        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        for kind in OperationKind:
            for outcome in _OUTCOMES:
                self._operations.counter.labels(kind.value, outcome)
        for counted, kinds in ((self._settled, _SETTLED), (self._keys, _ASKED_AGAIN)):
            for found in kinds:
                counted.counter.labels(found)
        for reason in self._sources.refusals:
            self._refusals.counter.labels(reason)

    def _counter(self, name: str, text: str, *labels: str) -> _Counted:
        return _Counted(Counter(f"store_api_{name}", text, labels, registry=self._registry))

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"store_api_{name}", text, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"store_api_{name}", text, buckets=buckets, registry=self._registry)

    def note_write(self, operations: int, seconds: float) -> None:
        """Note a write of group commit."""
        self._batches.observe(operations)
        self._writes.observe(seconds)

    def note_delay(self, seconds: float) -> None:
        """Note how long after its commit a change was told; clocks that differ make it none negative."""
        self._delays.observe(max(seconds, 0.0))

    async def run(self) -> None:
        """Take the figures over, and share them, until cancelled."""
        complained = False
        while True:
            try:
                self.refresh()
                if self._shared is not None:
                    await asyncio.to_thread(self._shared.leaving(self._registry.collect()))
                complained = False
            except Exception as error:  # noqa: BLE001  (who is watched goes on)
                if not complained:
                    complained = True
                    log.error(
                        "Figures fail", extra={"action": "metrics_failed", "error": type(error).__name__}
                    )
            await asyncio.sleep(REFRESH_SECONDS)

    def refresh(self) -> None:
        """Take the figures over."""
        sources = self._sources
        for key, number in list(sources.outcomes.items()):
            kind, outcome = key
            self._operations.tell(key, number, kind.value, outcome)
        for how_and_cause, number in list(sources.openings.items()):
            self._openings.tell(how_and_cause, number, *how_and_cause)
        for found, number in list(sources.settled.items()):
            self._settled.tell(found, number, found)
        for found, number in list(sources.keys.items()):
            self._keys.tell(found, number, found)
        for reason, number in sources.refusals.items():
            self._refusals.tell(reason, number, reason)
        self._claims.tell(None, sources.claims())
        self._in_doubt.set(sources.in_doubt())
        self._frames.tell(None, sources.frames())
        self._skipped.tell(None, sources.skipped())
        self._sockets.set(sources.sockets())
        self._silence.set(sources.silent_seconds())
        self._held.set(sources.held())
        self._tokens.set(sources.tokens())
        for name, counted in self._ledger.items():
            counted.tell(None, sources.ledger.get(name, 0))
        self._ledger_lag.set(sources.ledger_lag())

    def text(self) -> bytes:
        """Write the metrics of all processes."""
        self.refresh()
        if self._shared is None:
            return generate_latest(self._registry)
        own = list(self._registry.collect())
        # Whoever is asked next knows of this process what it knows now.
        self._shared.leaving(own)()
        everybody = CollectorRegistry()
        everybody.register(_Collected(total(own, self._shared.others(), _GREATEST)))
        return generate_latest(everybody)


class _Collected(Collector):
    """Metrics that have been collected already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics
