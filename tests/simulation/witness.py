"""Watches a committer at work: who asked for what, which batches were made, who was answered how and when."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from store_api.batches.last_seen import LastSeen
from store_api.batches.numbers import Numbers
from store_api.commit import Committer
from store_api.commit.store_queue import StoreQueue, Waiting
from store_api.stock import Change, Operation, Reply
from tests.simulation.fake_repository import FakeRepository
from tests.simulation.history import History


def _now() -> float:
    """Give the virtual time; nothing has begun where no loop runs."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return 0.0


@dataclass(slots=True, eq=False)
class Request:
    """One operation on its way.

    Attributes:
        number: its place among all requests.
        submitted: the moment it was handed over.
        ahead: how many waited for the same store when it came.
        turns: how many batches it was in.
        turned_away: whether so many waited that it must be turned away.
        answers: every answer that the committer gave it; there must be one.
        answered: the moment of the first.
        came: when it was handed over, in virtual seconds.
        left: when it had its answer.
        received: what its client got; nothing when the client went away.
    """

    number: int
    operation: Operation
    submitted: int
    ahead: int = 0
    turns: int = 0
    turned_away: bool = False
    answers: list[Reply] = field(default_factory=list)
    answered: int = 0
    came: float = 0.0
    left: float = 0.0
    received: list[Reply] = field(default_factory=list)

    def note_answer(self, answer: Reply, moment: int) -> None:
        """Note what it was told, and when."""
        self.answers.append(answer)
        self.answered = self.answered or moment


@dataclass(frozen=True, slots=True)
class Merged:
    """A change, and the requests that it is made of, in their order."""

    change: Change
    requests: Sequence[Request]


@dataclass(slots=True)
class Witness:
    """Takes notes.

    Attributes:
        requests: everything that was asked for, in order.
        merged: every change that was decided.
        closing: when the committer was told to close, in virtual seconds.
    """

    history: History
    requests: list[Request] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)
    closing: float = float("inf")
    _by_operation: dict[int, Request] = field(default_factory=dict)

    def submitted(self, operation: Operation) -> Request:
        """Note a new request."""
        ahead = self.waiting_for(operation.store_id)
        request = Request(len(self.requests), operation, self.history.tick(), ahead)
        request.came = _now()
        self.requests.append(request)
        # Two operations may be equal, so it is the very object that counts.
        self._by_operation[id(operation)] = request
        return request

    def answered(self, operation: Operation, answer: Reply) -> None:
        """Note an answer."""
        request = self._by_operation[id(operation)]
        request.note_answer(answer, self.history.tick())
        request.left = _now()

    def waiting_for(self, store_id: str) -> int:
        """Count those who wait for a store."""
        return sum(not one.answers for one in self.requests if one.operation.store_id == store_id)

    def decided(self, batch: Sequence[Operation], passed: Sequence[bool], change: Change | None) -> None:
        """Note a batch, and what was decided of it."""
        requests = self._requests_of(batch)
        for request in requests:
            request.turns += 1
        if change is not None:
            merged = [request for request, passes in zip(requests, passed, strict=True) if passes]
            self.merged.append(Merged(change, merged))

    def queued(self, operations: Iterable[Operation]) -> None:
        """Note the operations of a store in the order in which they will be served."""
        numbers = [request.number for request in self._requests_of(operations)]
        if numbers != sorted(numbers):
            self.history.violations.append(f"out of order: {numbers}")

    def _requests_of(self, operations: Iterable[Operation]) -> list[Request]:
        return [self._by_operation[id(operation)] for operation in operations]


class WatchedCommitter(Committer):
    """The committer itself, with a witness beside it.

    Args:
        repository: where it writes.
        witness: who takes notes.
        lanes: writes in flight at once.
        most_waiting: operations that may wait.
        most_items: how many items its memory holds.
    """

    def __init__(
        self, repository: FakeRepository, witness: Witness, *, lanes: int, most_waiting: int, most_items: int
    ) -> None:
        super().__init__(
            repository,
            lanes=lanes,
            most_waiting=most_waiting,
            last_seen=LastSeen(most_items),
            numbers=Numbers(lambda: "w", _now),
        )
        self._repository = repository
        self._witness = witness

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left of what it did: no waiting, no queue, no lane, no sweep, no held store."""
        held = len(self._held) or self._held.waiting or self._held._tasks
        busy = self._waiting or len(self._queues) or self._sweeper._sweeps or held or len(self.doubts)
        return self._lanes.is_idle and not busy

    @property
    def free_lanes(self) -> int:
        """How many more writes could begin."""
        return self._lanes.free

    def is_full(self, store_id: str) -> bool:
        """Tell whether so many wait that one more for this store is turned away."""
        queue = self._queues.find(store_id)
        held = self._held.waiting
        return (held if queue and queue.held else self._waiting - held) >= self._most_waiting

    def _take_off(self, queue: StoreQueue) -> None:
        self._witness.queued(waiting.operation for waiting in queue.waiting)
        super()._take_off(queue)
        flight = queue.flight
        self._witness.decided(flight.operations, flight.decision.passed, flight.decision.change)

    def _resolve(self, waiting: Waiting, answer: Reply) -> None:
        self._witness.answered(waiting.operation, answer)
        super()._resolve(waiting, answer)
        store_id = waiting.operation.store_id
        if not self._witness.waiting_for(store_id):
            self._repository.forget_held(store_id)
