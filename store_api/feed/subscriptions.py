"""Who listens to what: to one store, or to all of them; frames are handed out without waiting for anybody."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from store_api.feed.changes_subscriber import ChangesSubscriber
from store_api.feed.live_store import LiveStore
from store_api.feed.subscribers import ReportSubscriber, Subscriber
from store_api.reports.encoding import broken_frame_of, changes_frames_of

ALL_STORES = None
"""What a subscriber to every store asks for."""


@dataclass(slots=True)
class _Room:
    """Everybody who listens to the same thing, or is about to."""

    expected: set[Subscriber] = field(default_factory=set)
    present: set[Subscriber] = field(default_factory=set)


class Subscriptions:
    """The subscribers of this process, by the store that they listen to; None is all stores.

    Args:
        to_wire: builds a frame as it goes over the wire.
    """

    def __init__(self, to_wire: Callable[[str], bytes]) -> None:
        self._to_wire = to_wire
        self._sent = self._skipped = 0
        # Those who listen to changes alone have rooms of their own.
        self._rooms: dict[tuple[str | None, bool], _Room] = {}

    def __len__(self) -> int:
        """Count those who listen."""
        return sum(len(room.present) for room in self._rooms.values())

    def __contains__(self, store_id: str | None) -> bool:
        """Tell whether anybody listens to exactly this, or is about to."""
        return (store_id, False) in self._rooms or (store_id, True) in self._rooms

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

    def expect(self, store_id: str | None, *, only_changes: bool = False) -> Subscriber:
        """Make a subscriber, to whole reports or to changes alone, that is told nothing yet."""
        subscriber = ChangesSubscriber() if only_changes else ReportSubscriber()
        self._rooms.setdefault((store_id, only_changes), _Room()).expected.add(subscriber)
        return subscriber

    def admit(self, store_id: str | None, subscriber: Subscriber) -> None:
        """Let an expected subscriber hear all that is told from here on."""
        self._rooms[store_id, subscriber.only_changes].present.add(subscriber)

    def dismiss(self, store_id: str | None, subscriber: Subscriber) -> None:
        """Let a subscriber go, whether it was admitted or not."""
        room = self._rooms[store_id, subscriber.only_changes]
        if subscriber in room.present:
            room.present.discard(subscriber)
            self._sent += subscriber.sent
            self._skipped += subscriber.skipped
        room.expected.discard(subscriber)
        if not room.expected:
            del self._rooms[store_id, subscriber.only_changes]

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
            for subscriber in self._those_in(store_id, only_changes=only_changes):
                subscriber.let_go_as_broken()
            for subscriber in self._those_in(ALL_STORES, only_changes=only_changes):
                subscriber.offer_broken(store_id, frame, wire)

    def _those_in(self, key: str | None, *, only_changes: bool) -> Iterable[Subscriber]:
        room = self._rooms.get((key, only_changes))
        return () if room is None else room.present

    def close(self) -> None:
        """End the listening for all."""
        for room in self._rooms.values():
            for subscriber in room.present:
                subscriber.close()

    def _present(self, store_id: str, *, only_changes: bool) -> list[_Room]:
        rooms = (self._rooms.get((key, only_changes)) for key in (store_id, ALL_STORES))
        return [room for room in rooms if room is not None and room.present]
