"""Awaits the answers of a primary for as long as it is the primary: from another, none will come.

A member that was cut off its network, so that packets vanish, breaks no connection: whoever waits for its
answer waits until the driver's time-out. The other members elect a new primary long before that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Result = TypeVar("Result")
Address = tuple[str, int | None]

LOOK_SECONDS = 0.05
"""How often it is looked whether there is another primary, while an answer is awaited."""


class Unanswered(Exception):
    """There is another primary, and the one that was asked has not answered."""


class Answers:
    """Awaits answers.

    Args:
        primary: gives the address of the primary as it is known now; None while none is. Asks nobody.
    """

    def __init__(self, primary: Callable[[], Address | None]) -> None:
        self.primary = primary
        self._awaited: dict[asyncio.Future[Any], Address | None] = {}
        self._is_looking = False

    async def of(self, asked: Awaitable[Result]) -> Result:
        """Await the answer of the primary that there is now.

        Raises:
            Unanswered: there is another one meanwhile.
        """
        answer = asyncio.ensure_future(asked)
        self._awaited[answer] = self.primary()
        if not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        try:
            return await answer
        except asyncio.CancelledError:
            if answer in self._awaited:
                raise
            raise Unanswered from None
        finally:
            self._awaited.pop(answer, None)

    def _look(self) -> None:
        now = self.primary()
        for answer, asked in list(self._awaited.items()):
            if asked is None:
                self._awaited[answer] = now
            elif now is not None and now != asked:
                del self._awaited[answer]
                # Its thread goes on until the driver's time-out; nobody waits for it any more.
                answer.cancel()
        self._is_looking = bool(self._awaited)
        if self._is_looking:
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
