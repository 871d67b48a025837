"""Figures of several processes: each writes its own to a file, and whoever is asked adds all of them up.

Nothing here may stop who is counted: a folder that was swept is made anew, a file that cannot be read is left
out and named in the log, and where nothing can be written each process tells its own figures alone.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import msgspec
from prometheus_client.metrics_core import Metric

log = logging.getLogger(__name__)

FOLDER = "STORE_API_METRICS_FOLDER"
"""Names the folder that worker processes share; the main process sets it for those that it starts."""

_GONE = "gone.json"
"""What the dead have counted, all in one file: it does not grow with their number."""


class Figure(msgspec.Struct, array_like=True, frozen=True):
    """One sample: its name, its labels and its value."""

    name: str
    labels: dict[str, str]
    value: float


Figures = dict[str, list[Figure]]
"""Samples, by the name of their metric."""


@contextmanager
def shared_by_workers(live: Iterable[str]) -> Iterator[Callable[[int], None]]:
    """Let the worker processes that are started within share their figures.

    Args:
        live: names of metrics that end with their process.

    Yields:
        To be called with the process id of a worker that died: what it counted stays, what was live goes.
    """
    try:
        folder = TemporaryDirectory(prefix="store_api-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        log.warning(
            "No folder for temporary files can be written to: /metrics tells of one worker only",
            extra={"action": "metrics_not_shared", "error": type(error).__name__},
        )
        yield lambda pid: None
        return
    with folder as name:
        os.environ[FOLDER] = name
        try:
            yield lambda pid: _bury(Path(name), pid, frozenset(live))
        finally:
            del os.environ[FOLDER]


class SharedFigures:
    """The figures of this process's siblings, and where it leaves its own.

    Args:
        folder: theirs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = f"{os.getpid()}-{token_hex(4)}.json"
        self._complaints: set[str] = set()
        self._turn = threading.Lock()
        self._taken = self._left = 0

    @classmethod
    def of_this_process(cls) -> "SharedFigures | None":
        """Give those that the main process made room for; None where it made none."""
        folder = os.environ.get(FOLDER)
        return None if folder is None else cls(Path(folder))

    def leaving(self, metrics: Iterable[Metric]) -> Callable[[], None]:
        """Take this process's figures as they are; gives what leaves them for its siblings, in any thread."""
        self._taken += 1
        return partial(self._leave, figures_of(metrics), self._taken)

    def _leave(self, figures: Figures, number: int) -> None:
        with self._turn, self._complaining(self._own):
            # Somebody may have been told newer ones meanwhile, and what is counted never falls.
            if number > self._left:
                self._left = number
                self._folder.mkdir(mode=0o700, exist_ok=True)
                _replace(self._folder / self._own, figures)

    def others(self) -> list[Figures]:
        """Read those of the siblings, alive and dead, that can be read."""
        found: list[Figures] = []
        paths: Sequence[Path] = ()
        with self._complaining(str(self._folder)):
            paths = sorted(self._folder.glob("*.json"))
        for path in paths:
            if path.name != self._own:
                with self._complaining(path.name):
                    found.append(_read(path))
        return found

    @contextmanager
    def _complaining(self, name: str) -> Iterator[None]:
        """Say once what cannot be read or written, and again after it could be."""
        try:
            yield
        except FileNotFoundError:
            # A sibling replaces its file, or died just now.
            return
        except (OSError, msgspec.MsgspecError) as error:
            if name not in self._complaints:
                self._complaints.add(name)
                log.warning(
                    "Figures are left out of /metrics",
                    extra={"action": "metrics_left_out", "file": name, "error": type(error).__name__},
                )
            return
        self._complaints.discard(name)


def total(own: Iterable[Metric], others: Sequence[Figures], greatest: Iterable[str]) -> list[Metric]:
    """Add figures up.

    Args:
        own: the metrics of this process.
        others: the figures of other processes.
        greatest: names of metrics of which the greatest counts, and not the sum.
    """
    summed = []
    for metric in own:
        fold: Callable[[float, float], float] = max if metric.name in greatest else float.__add__
        values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        for figures in (figures_of([metric]), *others):
            for figure in figures.get(metric.name, ()):
                key = (figure.name, tuple(figure.labels.items()))
                values[key] = fold(values[key], figure.value) if key in values else figure.value
        whole = Metric(metric.name, metric.documentation, metric.type)
        for (name, labels), value in values.items():
            whole.add_sample(name, dict(labels), value)
        summed.append(whole)
    return summed


def figures_of(metrics: Iterable[Metric]) -> Figures:
    """Give the samples of metrics, but for when they began, which cannot be added up."""
    return {
        metric.name: [
            Figure(sample.name, dict(sample.labels), float(sample.value))
            for sample in metric.samples
            if not sample.name.endswith("_created")
        ]
        for metric in metrics
    }


def _read(path: Path) -> Figures:
    return msgspec.json.decode(path.read_bytes(), type=Figures)


def _replace(path: Path, figures: Mapping[str, Sequence[Figure]]) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.encode(figures))
    beside.replace(path)


def _bury(folder: Path, pid: int, live: frozenset[str]) -> None:
    """Add what a dead worker had counted to that of all dead ones; its last second is lost."""
    with suppress(OSError):
        for path in folder.glob(f"{pid}-*.json"):
            gone: Figures = {}
            with suppress(OSError, msgspec.MsgspecError):
                gone = _read(folder / _GONE)
            with suppress(OSError, msgspec.MsgspecError):
                for name, figures in _read(path).items():
                    if name not in live:
                        gone[name] = _added(gone.get(name, []), figures)
                _replace(folder / _GONE, gone)
            path.unlink(missing_ok=True)


def _added(some: Sequence[Figure], others: Sequence[Figure]) -> list[Figure]:
    values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for figure in (*some, *others):
        key = (figure.name, tuple(figure.labels.items()))
        values[key] = values.get(key, 0.0) + figure.value
    return [Figure(name, dict(labels), value) for (name, labels), value in values.items()]
