"""What really happened to the stores of a simulation, in order."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from store_api.errors import BrokenDocument
from store_api.stock import Change, Stock
from store_api.storage.documents import read_stock

Document = Mapping[str, Any]

Truth = Stock | BrokenDocument | None
"""What a store held; None where there was no store."""


def truth_of(document: Document | None) -> Truth:
    """Say what a document means."""
    try:
        return None if document is None else read_stock(document)
    except BrokenDocument as broken:
        return broken


@dataclass(frozen=True, slots=True)
class Version:
    """A store's document from one moment on; None while there is none."""

    moment: int
    document: Document | None


@dataclass(frozen=True, slots=True)
class Commit:
    """One change that was applied."""

    moment: int
    change: Change
    before: Truth
    after: Truth


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that went wrong with a command about these stores."""

    moment: int
    store_ids: frozenset[str]
    what: str


@dataclass(slots=True)
class History:
    """Everything in its order; a moment is a number that grows with each thing that happens.

    Attributes:
        now: the latest moment.
        versions: what each store held, from when on.
        commits: the service's changes that were applied.
        others: the changes that others made with a guard of their own.
        interferences: when something else than a committed change came between, and in which store.
        unknown: the changes that were reported as unknown.
        replaced: the stores that others replaced or deleted, with what proves our writes.
        faults: what went wrong.
        violations: what must never happen, and did.
    """

    now: int = 0
    versions: dict[str, list[Version]] = field(default_factory=dict)
    commits: list[Commit] = field(default_factory=list)
    others: list[Change] = field(default_factory=list)
    interferences: list[tuple[int, str]] = field(default_factory=list)
    unknown: list[Change] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def tick(self) -> int:
        """Begin a new moment."""
        self.now += 1
        return self.now

    def note_version(self, store_id: str, document: Document | None) -> None:
        """Note what a store holds from now on."""
        self.versions.setdefault(store_id, []).append(Version(self.tick(), document))

    def note_fault(self, store_ids: Iterable[str], what: str) -> None:
        """Note that something went wrong right now."""
        self.faults.append(Fault(self.tick(), frozenset(store_ids), what))

    def documents(self, store_id: str, first: int, last: int) -> Iterator[Document | None]:
        """Give a store's document at the moment `first`, and as it became until the moment `last`."""
        current: Document | None = None
        for version in self.versions.get(store_id, ()):
            if version.moment > last:
                break
            if version.moment > first:
                yield current
            current = version.document
        yield current

    def note_interference(self, store_id: str) -> None:
        """Note that somebody came between right now."""
        self.interferences.append((self.tick(), store_id))

    def count_interferences(self, store_id: str, first: int, last: int) -> int:
        """Count how often somebody came between, between two moments."""
        return sum(first <= moment <= last and between == store_id for moment, between in self.interferences)

    def count_faults(self, store_id: str, first: int, last: int, what: str = "") -> int:
        """Count what went wrong in such a way for a store, between two moments."""
        return sum(
            first <= fault.moment <= last and store_id in fault.store_ids and what in fault.what
            for fault in self.faults
        )
