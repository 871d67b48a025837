"""Operations with a key: their keys are claimed before their write goes out, and what they end as is kept.

Nobody's key is claimed twice: who finds a key claimed leaves the batch and finds out what became of that
operation. A refusal is kept before it is told. Keys that nobody of ours has claimed before are claimed in one
turn with the write (`commit.Stores.apply`); all others first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec import structs

from store_api.batches.numbers import Numbers
from store_api.claims import Claim, Claims, FindingOut, NoClaims, State
from store_api.claims.claim import refusal_of
from store_api.claims.followers import Followers
from store_api.claims.noting import Noting
from store_api.commit.ports import Stores
from store_api.commit.store_queue import StoreQueue, Waiting
from store_api.errors import AppliedUnreported, DatabaseUnavailable
from store_api.stock import Answer, Key, Operation, Reply, Report, Written


class KeyedOperations:
    """Claims keys for flights, keeps refusals, and finds out about keys that are claimed already.

    Args:
        claims: where claims are kept; None where no operation has a key.
        stores: which prove what became of open claims.
        numbers: whose writes the claims are about.
        resolve: gives a waiting operation its answer.
        join: puts an operation into the queue of its store again.
        answer: carries out an operation that is asked for.

    Attributes:
        finding_out: finds out about keys that are claimed already.
        made: how many claims were written.
    """

    def __init__(
        self,
        claims: Claims | None,
        stores: Stores,
        numbers: Numbers,
        resolve: Callable[[Waiting, Reply], None],
        join: Callable[[Waiting], None],
        answer: Callable[[Operation], asyncio.Future[Reply]],
    ) -> None:
        self._claims: Claims = NoClaims() if claims is None else claims
        self._stores = stores
        self._numbers = numbers
        self._resolve = resolve
        self._join = join
        self._noting = Noting(self._claims, lambda: numbers.writer, self._begin)
        self._tasks: set[asyncio.Task[None]] = set()
        self.finding_out = FindingOut(self._claims, stores, numbers.is_ours)
        self._followers = Followers(answer, self.finding_out.replay, self._begin)
        self.made = 0

    def __bool__(self) -> bool:
        """Whether there is any operation with a key."""
        return bool(self._followers)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be found out, told or confirmed."""
        return not self._tasks

    def follow(self, operation: Operation, follower: asyncio.Future[Reply]) -> bool:
        """Wait for an operation with this one's key, if this process is at one; tells whether it is."""
        key = operation.key
        return key is not None and self._followers.follow(operation, key, follower)

    def begin(self, waiting: Waiting) -> None:
        """Note an operation with a key."""
        if (key := waiting.operation.key) is not None:
            self._followers.begin(key)

    def end(self, waiting: Waiting, reply: Reply) -> None:
        """Forget an operation that has its answer, and tell those who wait for it as well."""
        if (key := waiting.operation.key) is not None:
            self._leave_true(waiting, reply)
            self._followers.end(waiting.operation, key, reply)

    def _leave_true(self, waiting: Waiting, reply: Reply) -> None:
        """See to it that what an open claim says stays true."""
        claim = waiting.claim
        if claim is None or claim.state is not State.OPEN:
            return
        if isinstance(reply, Report | AppliedUnreported) or getattr(reply, "applied", False):
            self._noting.came_true(claim)
        else:
            # It was not applied, or nobody knows: no later write of ours may look as if it was.
            self._numbers.leave(claim.writer)

    def begin_at_once(self, queues: Sequence[StoreQueue]) -> list[Waiting]:
        """Name the claims that can be made in one turn with the write; gives whose they are.

        Those are all, or none: none where any key was claimed before, whose claim has to be replaced first.
        From now on they may be there.
        """
        wanted = [(queue, waiting, key) for queue in queues for waiting, key in queue.flight.unclaimed()]
        is_new = not any(waiting.claim or waiting.void for _, waiting, _ in wanted)
        if not is_new or any(queue.has_stale_claim() for queue in queues):
            return []
        for queue, waiting, key in wanted:
            queue.flight.is_sure = False
            waiting.claim = _claim_of(key, queue)
            self._noting.begin(waiting.claim)
        return [waiting for _, waiting, _ in wanted]

    def end_at_once(self, claimed: Sequence[Waiting], *, is_made: bool) -> None:
        """Note whether claims were made with the write, or have to be made first after all."""
        if is_made:
            self.made += len(claimed)
            return
        for waiting in claimed:
            if waiting.claim is not None:
                self._noting.end(waiting.claim)
                waiting.claim = None

    async def settle(self, queue: StoreQueue) -> Written:
        """Find out what became of a flight that had no answer: `Stores.settle` says all of it.

        Where it was applied, its claims are there. A store that is missing would be made anew, and for that
        they have to be made sure first.
        """
        flight = queue.flight
        change = flight.decision.change
        if change is None:
            return Written.UNKNOWN
        if change.creates and not flight.is_sure:
            claims = [(waiting.claim, waiting.claim) for waiting in flight.batch if waiting.claim is not None]
            try:
                found = await self._claims.put(claims)
            except DatabaseUnavailable:
                return Written.UNKNOWN
            flight.is_sure = not any(found)
            change = structs.replace(change, creates=flight.is_sure)
        return await self._stores.settle(change)

    async def claim(self, queues: Sequence[StoreQueue]) -> None:
        """Claim the keys of all who pass; those whose key another has leave, and the rest is decided anew.

        Whatever a write is numbered with, it must not look as if an open claim that is not part of it came
        true: then it goes out under another id.
        """
        for queue in queues:
            queue.flight.is_sure = True
            if queue.has_stale_claim():
                self._stamp_anew(queue)
        while wanted := [
            (queue, waiting, key) for queue in queues for waiting, key in queue.flight.unclaimed()
        ]:
            new = [(waiting.claim or waiting.void, _claim_of(key, queue)) for queue, waiting, key in wanted]
            instead = await self._put(new)
            unsure: list[StoreQueue] = []
            for (queue, waiting, _), (_, claim), found in zip(wanted, new, instead, strict=True):
                if found is None:
                    waiting.claim, waiting.void = claim, None
                    continue
                if isinstance(found, DatabaseUnavailable):
                    # Its claim may be there all the same.
                    unsure.append(queue)
                queue.leave_out(waiting)
                self._left(waiting, found)
            for queue in queues:
                if queue in unsure or queue.has_stale_claim():
                    self._stamp_anew(queue)

    def _stamp_anew(self, queue: StoreQueue) -> None:
        self._numbers.leave(queue.flight.stamp.writer)
        queue.stamp(self._numbers.writer, self._numbers.next())

    async def keep(self, landed: Sequence[tuple[Waiting, Answer]]) -> None:
        """Answer operations with keys, those refused once that is kept."""
        refused = []
        for waiting, answer in landed:
            refusal = None if isinstance(answer, Report) else refusal_of(answer)
            if (key := waiting.operation.key) is None or refusal is None:
                self._resolve(waiting, answer)
            else:
                # With a number, so that nobody takes another's refusal for its own.
                writer, number = self._numbers.writer, self._numbers.next()
                claim = Claim(key, waiting.operation.store_id, writer, number, State.REFUSED, refusal)
                refused.append((waiting, answer, claim))
        if not refused:
            return
        found = await self._put([(waiting.claim or waiting.void, claim) for waiting, _, claim in refused])
        for (waiting, answer, claim), instead in zip(refused, found, strict=True):
            if instead is None:
                waiting.claim = claim
                self._resolve(waiting, answer)
            else:
                self._left(waiting, instead)

    async def close(self) -> None:
        """Wait until all is found out and confirmed."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _put(
        self, claims: Sequence[tuple[Claim | None, Claim]]
    ) -> list[Claim | DatabaseUnavailable | None]:
        """Put claims in their places, and count which are open from then on."""
        for _, claim in claims:
            self._noting.begin(claim)
        try:
            found = await self._claims.put(claims)
        except DatabaseUnavailable as unavailable:
            # Any of them may be there, or come yet.
            return [unavailable] * len(claims)
        for (replaced, claim), instead in zip(claims, found, strict=True):
            if replaced is None and instead is None:
                continue
            # What stands there now is one of three: of ours the other two are gone.
            for gone in (replaced, claim):
                if gone is not None and gone != (instead or claim):
                    self._noting.end(gone)
        self.made += found.count(None)
        return [*found]

    def _left(self, waiting: Waiting, found: Claim | DatabaseUnavailable) -> None:
        if isinstance(found, DatabaseUnavailable):
            self._resolve(waiting, found)
        else:
            waiting.claim = waiting.void = None
            self._begin(self._find_out(waiting, found))

    async def _find_out(self, waiting: Waiting, found: Claim) -> None:
        ended = await self.finding_out.find_out(waiting.operation, found)
        if ended is None or isinstance(ended, Claim):
            waiting.void = ended
            self._join(waiting)
        else:
            self._resolve(waiting, ended)

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _claim_of(key: Key, queue: StoreQueue) -> Claim:
    stamp = queue.flight.stamp
    return Claim(key, queue.store_id, stamp.writer, stamp.number)
