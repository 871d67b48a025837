"""Those who ask for the same under one key while this process is at it: each is told what it asked."""

import asyncio
from collections.abc import Awaitable, Callable

from store_api.claims.claim import asked_again, is_report
from store_api.stock import Key, Operation, Reply

Follower = tuple[Operation, asyncio.Future[Reply]]


class Followers:
    """Knows the operations with keys that this process is at, and who waits for their answers.

    Args:
        answer: carries out an operation that is asked for.
        replay: answers again an operation that was applied.
        begin: lets work go on in the background.
    """

    def __init__(
        self,
        answer: Callable[[Operation], asyncio.Future[Reply]],
        replay: Callable[[Operation], Awaitable[Reply]],
        begin: Callable[[Awaitable[None]], None],
    ) -> None:
        self._answer = answer
        self._replay = replay
        self._begin_work = begin
        self._first: set[tuple[str, str]] = set()
        self._followers: dict[tuple[str, str], list[Follower]] = {}

    def __bool__(self) -> bool:
        """Whether this process is at any operation with a key."""
        return bool(self._first)

    def follow(self, operation: Operation, key: Key, follower: asyncio.Future[Reply]) -> bool:
        """Wait for an operation with this one's key that this process is at already; tells whether it is.

        Where it is another operation, whose key it is shows when the first is at its end.
        """
        place = (key.client, key.value)
        if place not in self._first:
            return False
        self._followers.setdefault(place, []).append((operation, follower))
        return True

    def begin(self, key: Key) -> None:
        """Note the key of an operation that this process is at."""
        self._first.add((key.client, key.value))

    def end(self, first: Operation, key: Key, reply: Reply) -> None:
        """Forget an operation that has its answer, and tell those who wait for it as well."""
        place = (key.client, key.value)
        self._first.remove(place)
        if not self._followers:
            return
        again = asked_again(reply)
        for operation, follower in self._followers.pop(place, ()):
            if operation.key != key:
                self._begin_work(_tell(follower, self._answer(operation)))
            elif operation.minimal != first.minimal and is_report(again):
                self._begin_work(_tell(follower, self._replay(operation)))
            elif not follower.done():
                follower.set_result(again)


async def _tell(follower: asyncio.Future[Reply], reply: Awaitable[Reply]) -> None:
    """Tell one who waited for another's answer what its own is."""
    told = await reply
    if not follower.done():
        follower.set_result(told)
