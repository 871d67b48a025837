"""Whether the driver's monitors see a primary, and what it is asked: without one, nobody waits for long."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from bson import ObjectId
from pymongo import MongoClient

from store_api.errors import DatabaseUnavailable
from store_api.sending.answers import Answers, Unanswered
from store_api.sending.elections import Elections
from watchers.members import Members

Result = TypeVar("Result")

PRIMARY_SECONDS = 5.0
"""How long an operation waits for a primary before it is turned away."""

LOOK_SECONDS = 0.05
"""How often a primary is looked for."""


def members_are_known(client: "MongoClient[dict[str, Any]]") -> bool:
    """Whether the driver knows whom to look for; asked for anything before, it would wait for DNS."""
    return all(each.known for each in client.options.event_listeners if isinstance(each, Members))


class Primary:
    """Knows whether there is a primary.

    Args:
        client: whose monitors look for it.
        patience: seconds without one after which whoever comes is turned away at once.

    Attributes:
        elections: knows which primary may be read; None lets any be.
    """

    def __init__(self, client: "MongoClient[dict[str, Any]]", patience: float = PRIMARY_SECONDS) -> None:
        self._client = client
        self._patience = patience
        self._answers = Answers(lambda: client.primary)
        self._missed_at: float | None = None
        self._is_known = False
        self.elections: Elections | None = None

    def confirm_by(self, confirm: Callable[[], Awaitable[None]]) -> Elections:
        """Let a primary that was elected be read once a majority has all that it had then.

        Args:
            confirm: comes back when a majority has whatever the primary had as it was called.
        """
        self.elections = Elections(self._client, lambda: self._answers.of(confirm()))
        return self.elections

    def look(self) -> bool:
        """Whether the monitors see a primary right now; asks nobody."""
        self._is_known = self._is_known or members_are_known(self._client)
        seen = self._is_known and self._client.primary is not None
        if seen:
            self._missed_at = None
        return seen

    async def until_members_are_known(self) -> None:
        """Wait until the driver knows whom to look for."""
        while not members_are_known(self._client):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)

    async def wait(self) -> None:
        """Wait until there is one.

        Waiting here costs no thread; waiting in the driver would use up the pool for everybody. The wait
        counts from when the primary was first missed: whoever comes later is turned away at once.

        Raises:
            DatabaseUnavailable: it was missed for too long.
        """
        clock = asyncio.get_running_loop().time
        while not self.look():
            if self._missed_at is None:
                self._missed_at = clock()
            if clock() > self._missed_at + self._patience:
                raise DatabaseUnavailable
            await asyncio.sleep(LOOK_SECONDS)

    async def ask(self, question: Callable[[], Awaitable[Result]]) -> Result:
        """Ask the primary; asks again where another takes its place before it has answered.

        The driver would wait until its monitor gives the silent one up, seconds after the others did. And
        what one says that is none any more, or was just elected, may be older than what was answered before.

        Args:
            question: asks once; what it asks may be asked again.

        Raises:
            DatabaseUnavailable: there is no primary, see `wait`, or none that a majority follows.
            PyMongoError: it does not answer.
        """
        while True:
            await self.wait()
            with suppress(Unanswered):
                election = await self._election()
                answer = await self._answers.of(question())
                if self.elections is None or self.elections.current() == election:
                    return answer

    async def _election(self) -> ObjectId | None:
        """Wait until the primary may be read; gives its election."""
        if self.elections is None:
            return None
        if (current := self.elections.current()) is not None:
            # Nearly always: then no reading pays for a time-out.
            return current
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                return await self.elections.confirmed()
        raise DatabaseUnavailable
