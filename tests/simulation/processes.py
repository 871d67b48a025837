"""Processes that can be killed: whatever they have sent goes on, and they never hear of it."""

import asyncio
from collections.abc import Callable
from typing import Any

from store_api.batches.numbers import Numbers
from store_api.commit import Committer
from tests.simulation.fake_claims import FakeClaims
from tests.simulation.fake_repository import FakeRepository


class Line:
    """What a process calls, until it is killed: then no call of it ever ends.

    Args:
        end: who is called.
    """

    def __init__(self, end: object) -> None:
        self._end = end
        self._sent: set[asyncio.Future[Any]] = set()
        self.is_cut = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        called: Callable[..., Any] = getattr(self._end, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            if self.is_cut:
                await asyncio.get_running_loop().create_future()
            sent = asyncio.ensure_future(called(*arguments, **named))
            self._sent.add(sent)
            sent.add_done_callback(self._sent.discard)
            try:
                return await asyncio.shield(sent)
            finally:
                if self.is_cut:
                    await asyncio.get_running_loop().create_future()

        return call


class Process:
    """One process of the service.

    Args:
        name: its writers' ids begin with it.
        stores: all stores.
        claims: all claims.
        lanes: writes in flight at once.
    """

    def __init__(self, name: str, stores: FakeRepository, claims: FakeClaims, lanes: int) -> None:
        self.name = name
        self._lines = Line(stores), Line(claims)
        self._drawn = 0
        numbers = Numbers(self._draw, asyncio.get_running_loop().time)
        self.committer = Committer(self._lines[0], lanes=lanes, numbers=numbers, claims=self._lines[1])

    @property
    def is_dead(self) -> bool:
        """Whether it was killed."""
        return self._lines[0].is_cut

    def _draw(self) -> str:
        self._drawn += 1
        return f"{self.name}{self._drawn}"

    def kill(self) -> None:
        """Kill it."""
        for line in self._lines:
            line.is_cut = True
