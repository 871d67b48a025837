"""A store that is held is let go when something was written to it, or nobody waits: not before."""

import asyncio

import pytest

from store_api.commit.held_stores import HeldStores
from store_api.commit.store_queue import StoreQueue, Waiting
from store_api.stock import Operation, OperationKind, Written


@pytest.mark.parametrize(
    ("tries", "left"),
    [
        ([None, Written.APPLIED], 1),
        ([None, None, None], 0),
        ([Written.HELD, None, Written.NOT_MATCHED], 1),
    ],
    ids=["one was refused, and the next one's write says", "all were refused", "held, refused, written"],
)
async def test_a_try_that_wrote_nothing_says_nothing_of_who_holds_the_store(
    tries: list[Written | None], left: int
) -> None:
    released = asyncio.Event()
    coming = list(tries)
    queue = StoreQueue("s")
    queue.waiting.extend(
        Waiting(Operation("s", OperationKind.DEMAND, {"a": 1}), asyncio.Future())
        for _ in range(len(tries) - tries.count(Written.HELD) + left)
    )

    async def write(tried: StoreQueue, patience: float) -> Written | None:
        assert tried.held
        written = coming.pop(0)
        if written is not Written.HELD:
            tried.waiting.popleft()
        return written

    held = HeldStores(write, lambda released_queue: released.set(), lambda waiting, reply: None)
    held.put(queue)
    await asyncio.wait_for(released.wait(), 5.0)
    assert coming == []
    assert len(queue.waiting) == left
    assert not queue.held
    await held.close()
