"""One store's queue: who waits for it, what of that is in flight, and who lands with which answer; no I/O."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from store_api.batches.conclude import conclude
from store_api.batches.decide import Decision, batch_size, decide, wanted_items
from store_api.batches.last_seen import LastSeen, Reading, Seen, seen_after
from store_api.claims import Claim
from store_api.errors import BrokenDocument, DatabaseUnavailable, Overloaded
from store_api.stock import UNSTAMPED, Answer, Key, Operation, Reply, Stamp, Written

MOST_ROUNDS = 100
"""How often others may come between the decision and the write before a batch is turned away."""

MOST_FENCED = 10
"""How often in a row a write may come to nothing without an answer before its operations are turned away."""

MOST_UNFIT = 2
"""How often a whole, sound document may refuse an update in a row before it counts as broken."""


class Waiting(msgspec.Struct, eq=False):
    """One operation, and where its answer is awaited.

    Args:
        operation: what is asked for.
        answer: where its answer is awaited.
        since: when it began to wait for a store that is held, by the loop's clock; 0 where it does not.
        claim: what was claimed for its key, as it stands.
        void: the claim of another that came to nothing, whose place its own takes.
    """

    operation: Operation
    answer: asyncio.Future[Reply]
    since: float = 0.0
    claim: Claim | None = None
    void: Claim | None = None


NOTHING = Decision(None, ())
"""What is decided of nobody."""


class Flight(msgspec.Struct, eq=False):
    """A batch on its way to the database and back.

    Args:
        batch: who is on board, in their order.
        decision: what was decided of them.
        wanted: the items whose quantities answer all of them; None for the whole store.
        stamp: of its write.
        is_sure: whether its claims are there, whatever becomes of its write.
    """

    batch: Sequence[Waiting] = ()
    decision: Decision = NOTHING
    wanted: frozenset[str] | None = None
    stamp: Stamp = UNSTAMPED
    is_sure: bool = True

    @property
    def operations(self) -> list[Operation]:
        """The operations on board."""
        return [waiting.operation for waiting in self.batch]

    def unclaimed(self) -> Iterator[tuple[Waiting, Key]]:
        """Give those who pass under a key that is not claimed for this flight."""
        for waiting, passes in zip(self.batch, self.decision.passed, strict=True):
            key, claim = waiting.operation.key, waiting.claim
            is_claimed = claim and claim.number == self.stamp.number and claim.writer == self.stamp.writer
            if key is not None and passes and not is_claimed:
                yield waiting, key


class StoreQueue(msgspec.Struct, eq=False):
    """What waits for one store, and its batch in flight.

    Args:
        store_id: the store.
        seen: what was last seen of it.
        waiting: who waits, in their order.
        flight: the batch that is on its way; an empty one between flights.
        rounds: how many flights in a row answered nobody.
        unfit: how many of those the document itself refused.
        fenced: how many flights in a row had no answer, and came to nothing.
        again: how many at the front are to be decided again.
        held: whether a transaction of another program was found to hold the store.
        counted: as how many who wait for a held store it is counted.
        tries: how often it was tried since it is held.
        says: whether its writes say what they are made of.
    """

    store_id: str
    seen: Seen | None = None
    waiting: deque[Waiting] = msgspec.field(default_factory=deque)
    flight: Flight = msgspec.field(default_factory=Flight)
    rounds: int = 0
    unfit: int = 0
    fenced: int = 0
    again: int = 0
    held: bool = False
    counted: int = 0
    tries: int = 0
    says: bool = False

    @property
    def is_first(self) -> bool:
        """Whether the writer of this flight is not known to have written to the store before."""
        return self.seen is None or self.seen.stamp.writer != self.flight.stamp.writer

    def take_off(self, writer: str, number: int) -> None:
        """Take a batch from the front, and decide it on what was last seen.

        Args:
            writer: who writes it.
            number: the writer's number of it.
        """
        size = batch_size(waiting.operation for waiting in self.waiting)
        # Those who are decided again go by themselves: what they need has been read, and newcomers, whose
        # items may be unknown, could make the guard fail for them again and again.
        self.flight = Flight([self.waiting.popleft() for _ in range(min(size, self.again or size))])
        self.stamp(writer, number)

    def stamp(self, writer: str, number: int) -> None:
        """Give a flight of which nothing was sent another number, and decide it."""
        last = UNSTAMPED if self.seen is None else self.seen.stamp
        self.flight.stamp = Stamp(writer, number, last.number if last.writer == writer else 0)
        self._decide()

    def has_stale_claim(self) -> bool:
        """Tell whether a write of this flight would prove an open claim that is not part of it.

        That is a claim of the same writer with a lower number, whose operation does not pass this time, or
        waits.
        """
        writer = self.flight.stamp.writer
        passed = zip(self.flight.batch, self.flight.decision.passed, strict=True)
        aside = [waiting for waiting, passes in passed if not passes]
        aside += islice(self.waiting, self.again)
        return any(waiting.claim is not None and waiting.claim.writer == writer for waiting in aside)

    def leave_out(self, waiting: Waiting) -> None:
        """Let one leave a flight of which nothing was sent, and decide the others anew."""
        self.flight.batch = [other for other in self.flight.batch if other is not waiting]
        self.again = max(0, self.again - 1)
        self._decide()

    def _decide(self) -> None:
        flight = self.flight
        operations = flight.operations
        flight.wanted = wanted_items(operations)
        flight.decision = NOTHING
        if operations:
            flight.decision = decide(operations, self.seen, flight.stamp, says=self.says)

    def learn(self, written: Written | None, reading: Reading) -> None:
        """Keep what was read after the write, for the next decision."""
        if written is Written.HELD:
            # Nothing was written, and maybe nothing was read.
            return
        wanted = self.flight.wanted
        found = reading
        if isinstance(reading, dict) and wanted is not None:
            found = {item_id: reading.get(item_id, 0) for item_id in wanted}
        self.seen = seen_after(
            self.seen, self.flight.decision.change, written, found, complete=wanted is None
        )

    def land(self, written: Written | None, reading: Reading) -> list[tuple[Waiting, Answer]]:
        """End the flight: give who is answered, and put the others back to the front of the queue."""
        flight = self.flight
        answers = conclude(flight.operations, flight.decision, written, reading)
        if written not in (Written.HELD, Written.FENCED):
            self.rounds = self.rounds + 1 if not any(answers) else 0
        self.unfit = self.unfit + 1 if self.rounds and written is Written.UNFIT else 0
        self.fenced = self.fenced + 1 if written is Written.FENCED else 0
        if self.fenced > MOST_FENCED:
            answers = [DatabaseUnavailable()] * len(answers)
        elif self.unfit > MOST_UNFIT:
            answers = [BrokenDocument(self.store_id, "MongoDB cannot update it")] * len(answers)
        elif self.rounds > MOST_ROUNDS:
            answers = [Overloaded()] * len(answers)
        if all(answers):
            self.rounds = self.unfit = self.fenced = 0
        # Only now: were the answers not to be had by a fault of ours, whoever is on board would be abandoned.
        self.flight = Flight()
        landed = list(zip(flight.batch, answers, strict=True))
        again = [waiting for waiting, answer in landed if answer is None]
        self.again = len(again)
        self.waiting.extendleft(reversed(again))
        return [(waiting, answer) for waiting, answer in landed if answer is not None]

    def expire(self, since: float) -> Sequence[Waiting]:
        """Let those go who have waited for the held store since this moment or longer; gives who they are."""
        expired: list[Waiting] = []
        while self.waiting and 0 < self.waiting[0].since <= since:
            expired.append(self.waiting.popleft())
        self.again = max(0, self.again - len(expired))
        return expired

    def abandon(self) -> Sequence[Waiting]:
        """End a flight that came to nothing by a fault of ours; gives who was on board."""
        flight, self.flight = self.flight, Flight()
        self.rounds = self.unfit = self.fenced = self.again = 0
        return flight.batch


class Queues:
    """The queues of all stores that anybody waits for; what was last seen of the others is remembered.

    Args:
        last_seen: remembers it.
        says: whether writes say what they are made of.
    """

    def __init__(self, last_seen: LastSeen, *, says: bool = False) -> None:
        self._last_seen = last_seen
        self._says = says
        self._queues: dict[str, StoreQueue] = {}
        self.find = self._queues.get

    def __len__(self) -> int:
        """Give how many there are."""
        return len(self._queues)

    def begin(self, store_id: str) -> StoreQueue:
        """Begin the queue of a store."""
        seen = self._last_seen.recall(store_id)
        queue = self._queues[store_id] = StoreQueue(store_id, seen=seen, says=self._says)
        return queue

    def put_away(self, queue: StoreQueue) -> None:
        """End a queue that nobody is in any more."""
        del self._queues[queue.store_id]
        if queue.seen is None:
            self._last_seen.forget(queue.store_id)
        else:
            self._last_seen.remember(queue.store_id, queue.seen)
