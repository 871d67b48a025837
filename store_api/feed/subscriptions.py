"""Who listens to one store, to some of all, or to all; frames are handed out without waiting for anybody."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from store_api.feed.changes_subscriber import ChangesSubscriber
from store_api.feed.live_store import LiveStore
from store_api.feed.subscribers import ReportSubscriber, Subscriber
from store_api.reports.encoding import broken_frame_of, changes_frames_of
from store_api.stock import StorePatterns

ALL_STORES = None
"""What a subscriber to every store asks for."""

Heard = str | StorePatterns | None
"""What somebody listens to: one store, some of all stores, or all of them."""


@dataclass(slots=True)
class _Room:
    """Everybody who listens to the same thing, or is about to."""

    expected: set[Subscriber] = field(default_factory=set)
    present: set[Subscriber] = field(default_factory=set)


class Subscriptions:
    """The subscribers of this process, by what they listen to; None is all stores.

    Those who may see the same of all stores share a room: whether a change is theirs is asked once for all of
    them, and for those who may see every store, or listen to one, it is not asked at all.

    Args:
        to_wire: builds a frame as it goes over the wire.
    """

    def __init__(self, to_wire: Callable[[str], bytes]) -> None:
        self._to_wire = to_wire
        self._sent = self._skipped = 0
        # Those who listen to changes alone have rooms of their own.
        self._rooms: dict[tuple[Heard, bool], _Room] = {}
        self._of_some: dict[tuple[StorePatterns, bool], _Room] = {}

    def __len__(self) -> int:
        """Count those who listen."""
        return sum(len(room.present) for room in self._rooms.values())

    def __contains__(self, store_id: str | None) -> bool:
        """Tell whether anybody listens to exactly this, or is about to; some of all stores are all, too."""
        is_heard = (store_id, False) in self._rooms or (store_id, True) in self._rooms
        return is_heard or (store_id is ALL_STORES and bool(self._of_some))

    def is_heard(self) -> bool:
        """Whether anybody listens; may be asked by any thread."""
        return bool(self._rooms)

    @property
    def sent(self) -> int:
        """How many frames were sent so far."""
        return self._sent + sum(
            subscriber.sent for room in self._rooms.values() for subscriber in room.present
        )

    @property
    def skipped(self) -> int:
        """How many frames gave way to newer ones so far."""
        return self._skipped + sum(
            subscriber.skipped for room in self._rooms.values() for subscriber in room.present
        )

    def expect(self, heard: Heard, *, only_changes: bool = False) -> Subscriber:
        """Make a subscriber, to whole reports or to changes alone, that is told nothing yet."""
        subscriber = ChangesSubscriber() if only_changes else ReportSubscriber()
        room = self._rooms.setdefault((heard, only_changes), _Room())
        room.expected.add(subscriber)
        if isinstance(heard, StorePatterns):
            self._of_some[heard, only_changes] = room
        return subscriber

    def admit(self, heard: Heard, subscriber: Subscriber) -> None:
        """Let an expected subscriber hear all that is told from here on."""
        self._rooms[heard, subscriber.only_changes].present.add(subscriber)

    def dismiss(self, heard: Heard, subscriber: Subscriber) -> None:
        """Let a subscriber go, whether it was admitted or not."""
        room = self._rooms[heard, subscriber.only_changes]
        if subscriber in room.present:
            room.present.discard(subscriber)
            self._sent += subscriber.sent
            self._skipped += subscriber.skipped
        room.expected.discard(subscriber)
        if not room.expected:
            del self._rooms[heard, subscriber.only_changes]
            if isinstance(heard, StorePatterns):
                del self._of_some[heard, subscriber.only_changes]

    def tell(self, store_id: str, live: LiveStore) -> bool:
        """Tell how a store stands now to all who listen to it.

        Broken, it is let go by those who listen to it alone, and the others are told that it is.

        A frame of each kind is built once, and not for nobody.

        Returns:
            Whether anybody was told a report or a change.
        """
        if live.stock is None:
            self._tell_broken(store_id, live)
            return False
        if whole := self._present(store_id, only_changes=False):
            frame = live.frame(store_id)
            wire = self._to_wire(frame)
            for room in whole:
                for subscriber in room.present:
                    subscriber.offer(store_id, frame, None, wire)
        if partial := self._present(store_id, only_changes=True):
            for frame, lines in changes_frames_of(store_id, live.changes()):
                wire = self._to_wire(frame)
                for room in partial:
                    for subscriber in room.present:
                        subscriber.offer(store_id, frame, lines, wire)
        live.mark_told()
        return bool(whole or partial)

    def _tell_broken(self, store_id: str, live: LiveStore) -> None:
        if live.broken is None:
            return
        frame = broken_frame_of(live.broken)
        wire = self._to_wire(frame)
        for only_changes in (False, True):
            alone = self._rooms.get((store_id, only_changes))
            for subscriber in () if alone is None else alone.present:
                subscriber.let_go_as_broken()
            for room in self._of_many(store_id, only_changes=only_changes):
                for subscriber in room.present:
                    subscriber.offer_broken(store_id, frame, wire)

    def close(self) -> None:
        """End the listening for all."""
        for room in self._rooms.values():
            for subscriber in room.present:
                subscriber.close()

    def _present(self, store_id: str, *, only_changes: bool) -> list[_Room]:
        rooms = list(self._of_many(store_id, only_changes=only_changes))
        if (alone := self._rooms.get((store_id, only_changes))) is not None:
            rooms.append(alone)
        return [room for room in rooms if room.present]

    def _of_many(self, store_id: str, *, only_changes: bool) -> Iterator[_Room]:
        """Give the rooms in which a store is heard beside others."""
        if (room := self._rooms.get((ALL_STORES, only_changes))) is not None:
            yield room
        for (some, only), room in self._of_some.items():
            if only is only_changes and store_id in some:
                yield room
