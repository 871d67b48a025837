"""Who listens to what: to one store, or to all of them; frames are handed out without waiting for anybody."""

from dataclasses import dataclass, field

from store_api.held_store import frame_of
from store_api.listener import Listener
from store_api.stock import Stock

ALL_STORES = None
"""What a listener to every store asks for."""


@dataclass(slots=True)
class _Room:
    """Everybody who listens to the same thing, or is about to."""

    expected: set[Listener] = field(default_factory=set)
    present: set[Listener] = field(default_factory=set)


class Audience:
    """The listeners of this process, by the store that they listen to; None is all stores."""

    def __init__(self) -> None:
        self._rooms: dict[str | None, _Room] = {}

    def __len__(self) -> int:
        """Count those who listen."""
        return sum(len(room.present) for room in self._rooms.values())

    def __contains__(self, store_id: str | None) -> bool:
        """Tell whether anybody listens to exactly this, or is about to."""
        return store_id in self._rooms

    def expect(self, store_id: str | None) -> Listener:
        """Make a listener that is told nothing yet."""
        listener = Listener()
        self._rooms.setdefault(store_id, _Room()).expected.add(listener)
        return listener

    def admit(self, store_id: str | None, listener: Listener) -> None:
        """Let an expected listener hear all that is told from here on."""
        self._rooms[store_id].present.add(listener)

    def dismiss(self, store_id: str | None, listener: Listener) -> None:
        """Let a listener go, whether it was admitted or not."""
        room = self._rooms[store_id]
        room.present.discard(listener)
        room.expected.discard(listener)
        if not room.expected:
            del self._rooms[store_id]

    def tell(self, store_id: str, stock: Stock) -> None:
        """Tell a store's report to all who listen to it; the frame is built once, and not for nobody."""
        rooms = [room for key in (store_id, ALL_STORES) if (room := self._rooms.get(key)) and room.present]
        if not rooms:
            return
        frame = frame_of(store_id, stock)
        for room in rooms:
            for listener in room.present:
                listener.offer(store_id, frame)

    def close(self) -> None:
        """End the listening for all."""
        for room in self._rooms.values():
            for listener in room.present:
                listener.close()
