"""Claims in memory: they keep what MongoDB promises, and fail as MongoDB and networks do."""

import asyncio
from collections.abc import Sequence

from msgspec import structs

from store_api.claims import Claim, State
from store_api.errors import DatabaseUnavailable
from store_api.stock import Key
from tests.simulation.nature import Fate, Nature


class FakeClaims:
    """The claims of a simulation.

    Args:
        nature: what happens to commands.

    Attributes:
        claims: what is claimed, by client and key.
        noted: up to which number the open claims of a writer came true.
    """

    def __init__(self, nature: Nature) -> None:
        self.nature = nature
        self.claims: dict[tuple[str, str], Claim] = {}
        self.noted: dict[str, int] = {}
        self._late: set[asyncio.Task[None]] = set()

    async def put(self, claims: Sequence[tuple[Claim | None, Claim]]) -> list[Claim | None]:
        """Write claims, each in the place of what is expected there."""
        await self.nature.pause()
        fate = self.nature.fate_of_command()
        if fate is Fate.LATE:
            late = asyncio.create_task(self._put_late(claims))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
        if fate in (Fate.NOT_SENT, Fate.LOST, Fate.LATE):
            raise DatabaseUnavailable
        instead = []
        for index in self.nature.order(len(claims)):
            instead.append((index, self._put(*claims[index])))
            await self.nature.pause()
        if fate is not Fate.DONE:
            raise DatabaseUnavailable
        return [found for _, found in sorted(instead, key=lambda one: one[0])]

    def _put(self, expected: Claim | None, claim: Claim) -> Claim | None:
        place = (claim.key.client, claim.key.value)
        there = self.claims.get(place)
        if there == expected:
            self.claims[place] = claim
        elif there != claim:
            # One that is gone is as good as nobody's; none goes in a simulation.
            return there
        return None

    async def _put_late(self, claims: Sequence[tuple[Claim | None, Claim]]) -> None:
        for expected, claim in claims:
            await self.nature.pause()
            self._put(expected, claim)

    async def find(self, key: Key) -> Claim | None:
        """Give the claim of a key."""
        await self.nature.pause()
        if self.nature.fails_reading():
            raise DatabaseUnavailable
        claim = self.claims.get((key.client, key.value))
        if claim and claim.state is State.OPEN and claim.number <= self.noted.get(claim.writer, 0):
            return structs.replace(claim, state=State.APPLIED)
        return claim

    async def note(self, writer: str, number: int) -> None:
        """Note that every open claim of a writer up to a number came true."""
        await self.nature.pause()
        if self.nature.fate_of_command() in (Fate.NOT_SENT, Fate.LOST):
            raise DatabaseUnavailable
        self.noted[writer] = max(number, self.noted.get(writer, 0))

    async def await_late(self) -> None:
        """Wait until what is late has happened."""
        while self._late:
            await asyncio.wait(self._late)
