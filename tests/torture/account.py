"""Every operation and every answer, and what the stores can hold after them; pure.

A caller writes to a **lane**: items in one store that are its own, one operation at a time. So what they hold
is known after each answer, to the piece, and each answer that shows them can be wrong. Beside its own items
an operation moves items that all callers share. Where it ends as "unknown", its caller goes on in a new lane;
what the old one holds tells, when all is calm, what became of that operation, and so what the shared items
must hold.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Lines = Mapping[str, int]

LEFT, RIGHT, RISING = "left", "right", "rising"
"""Items that all share: the first two always move together, and the third only ever grows."""

SHARED = (LEFT, RIGHT, RISING)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a caller asks for.

    Args:
        kind: supply, demand or clean.
        own: lines of the caller's own items.
        shared: lines of items that all share.
        key: that it is sent again with; empty without one.
    """

    kind: str
    own: Lines
    shared: Lines = field(default_factory=dict)
    key: str = ""

    def moved(self, lines: Lines) -> dict[str, int]:
        """Give what it adds to these of its lines."""
        sign = 1 if self.kind == "supply" else -1
        return {item_id: sign * quantity for item_id, quantity in lines.items()}

    @property
    def supplies(self) -> Lines:
        """All lines that it brings; none where it is no supply."""
        return {**self.own, **self.shared} if self.kind == "supply" else {}


class Store:
    """What is known of one store.

    Args:
        name: its id.

    Attributes:
        moved: what operations moved that were applied for certain, by shared item.
        exists: whether a supply to it was answered.
        doomed: whether another program deletes it, or has.
        afterlife: what may have come after it was deleted, at most, beside what is in doubt.
        marks: of items that are set to ever larger numbers without waiting for a majority, the
            largest that a majority had, and the largest that was tried.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lanes: list[Lane] = []
        self.moved: Counter[str] = Counter()
        self.exists = False
        self.doomed = False
        self.afterlife: Counter[str] = Counter()
        self.marks: dict[str, tuple[int, int]] = {}

    def lane(self, *items: str) -> "Lane":
        """Begin a lane of these items."""
        self.lanes.append(Lane(self, items))
        return self.lanes[-1]

    def contradictions(self, found: Lines) -> Iterator[str]:
        """Say what is not as callers were told.

        Args:
            found: what the store holds now that all is calm.
        """
        if any(quantity < 0 for quantity in found.values()):
            yield f"{self.name} holds less than nothing: {found}"
        if self.doomed:
            yield from self._back_from_the_dead(found)
            return
        shared = Counter(self.moved)
        for lane in self.lanes:
            here = {item_id: found.get(item_id, 0) for item_id in lane.held}
            if here == lane.held:
                continue
            if lane.doubt is None or here != lane.after(lane.doubt):
                yield f"{self.name} {lane.name}: holds {here}, and not {lane.held}; in doubt: {lane.doubt}"
            else:
                shared.update(lane.doubt.moved(lane.doubt.shared))
        for item_id in SHARED:
            if found.get(item_id, 0) != shared[item_id]:
                yield f"{self.name} {item_id}: is {found.get(item_id, 0)}; what moved it is {shared[item_id]}"
        yield from self._past_the_lanes(found)

    def _past_the_lanes(self, found: Lines) -> Iterator[str]:
        for item_id, (sure, tried) in self.marks.items():
            if not sure <= found.get(item_id, 0) <= tried:
                yield f"{self.name} {item_id}: is {found.get(item_id, 0)}, not from {sure} to {tried}"
        known = {item_id for lane in self.lanes for item_id in lane.held} | self.marks.keys() | set(SHARED)
        if strange := found.keys() - known:
            yield f"{self.name} holds what nobody brought: {sorted(strange)}"

    def _back_from_the_dead(self, found: Lines) -> Iterator[str]:
        # Only now: a caller may have noted its doubt just as the store was doomed.
        late = Counter(self.afterlife)
        for lane in self.lanes:
            if lane.doubt is not None:
                late.update(lane.doubt.supplies)
        for item_id, quantity in found.items():
            most = max(late[item_id], self.marks.get(item_id, (0, 0))[1])
            if quantity > most:
                yield f"{self.name} {item_id}: was deleted, and is {quantity}, not {most} at most"


class Lane:
    """Items of one caller in one store, see the module.

    Attributes:
        held: how many pieces it has of each, for certain.
        doubt: the operation of which nobody knows whether it was applied; nothing follows it.
    """

    def __init__(self, store: Store, items: tuple[str, ...]) -> None:
        self.store = store
        self.name = items[0]
        self.held = dict.fromkeys(items, 0)
        self.doubt: Operation | None = None

    @property
    def is_open(self) -> bool:
        """Whether operations may follow."""
        return self.doubt is None and not self.store.doomed

    def after(self, operation: Operation) -> dict[str, int]:
        """Give what it holds after an operation."""
        if operation.kind == "clean":
            return dict.fromkeys(self.held, 0)
        moved = operation.moved(operation.own)
        return {item_id: held + moved.get(item_id, 0) for item_id, held in self.held.items()}

    def applied(self, operation: Operation, report: Lines | None) -> str | None:
        """Note that it was applied; says what is wrong with that.

        Args:
            operation: which.
            report: what its answer says that the store holds of its items; None where it says nothing.
        """
        if self.store.doomed:
            self._came_late(operation)
            return None
        after = self.after(operation)
        if min(after.values()) < 0:
            return f"{operation} took what was not there: {self.held}"
        self.store.exists = True
        self.held = after
        self.store.moved.update(operation.moved(operation.shared))
        if report is None:
            return None
        told = {item_id: report.get(item_id, 0) for item_id in after if item_id in operation.own}
        return (
            None
            if told == {each: after[each] for each in told}
            else f"{operation} was told {told}, not {after}"
        )

    def refused(
        self, operation: Operation, shortages: Mapping[str, int] | None, *, existed: bool
    ) -> str | None:
        """Note that it was refused; says what is wrong with that.

        Args:
            operation: which.
            shortages: what was there of each item that was short; None where there was no such store.
            existed: whether the store was there for certain when it was sent.
        """
        if self.store.doomed:
            return None
        if shortages is None:
            return f"{operation}: there was a store" if existed or operation.kind == "supply" else None
        if operation.kind != "demand":
            return f"{operation}: nothing can be short"
        for item_id, available in shortages.items():
            wanted = operation.own.get(item_id, operation.shared.get(item_id, 0))
            if available >= wanted or available != self.held.get(item_id, available):
                return (
                    f"{operation}: {available} of {item_id} were said to be there, and it holds {self.held}"
                )
        short = {item_id for item_id, wanted in operation.own.items() if self.held[item_id] < wanted}
        return (
            None
            if short <= shortages.keys() and shortages
            else f"{operation}: short are {short}, not {shortages}"
        )

    def unknown(self, operation: Operation) -> None:
        """Note that nobody knows what became of it."""
        if self.store.doomed:
            self._came_late(operation)
        else:
            self.doubt = operation

    def _came_late(self, operation: Operation) -> None:
        """It may have come before its store was deleted, or after: then nothing but this is in it."""
        self.store.afterlife.update(operation.supplies)


class Book:
    """All stores of a round, of which all go when another program deletes them, and others follow.

    Args:
        part: which round.

    Attributes:
        stores: by their id.
    """

    def __init__(self, part: int) -> None:
        self.part = part
        self.stores: dict[str, Store] = {}
        self._age = 0

    def store(self, letter: str, number: int) -> Store:
        """Give a store of the present age."""
        name = f"{letter}{self.part}-{self._age}-{number}"
        if name not in self.stores:
            self.stores[name] = Store(name)
        return self.stores[name]

    @property
    def was_doomed(self) -> bool:
        """Whether another program has dropped all stores in this round, those of rounds before, too."""
        return self._age > 0

    def doom(self) -> None:
        """Note that all that there is may be deleted from now on."""
        # Other threads may begin stores meanwhile.
        for store in list(self.stores.values()):
            store.doomed = True
        self._age += 1
