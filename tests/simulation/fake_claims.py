"""Claims in memory: they keep what MongoDB promises, and fail as MongoDB and networks do."""

import asyncio
from collections.abc import Sequence

from msgspec import structs

from store_api.claims import Claim, NotClaimed, State
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

    Claims that are made with a write are unsure until its end: whoever meets one waits, as MongoDB's majority
    lets them, and a fail-over may undo those whose write it undoes.
    """

    def __init__(self, nature: Nature) -> None:
        self.nature = nature
        self.claims: dict[tuple[str, str], Claim] = {}
        self._unsure: set[tuple[str, str]] = set()
        self.noted: dict[str, int] = {}
        self._late: set[asyncio.Task[None]] = set()

    async def put(self, claims: Sequence[tuple[Claim | None, Claim]]) -> list[Claim | None]:
        """Write claims, each in the place of what is expected there."""
        await self.nature.pause()
        fate = self.nature.fate_of_command()
        if fate is Fate.LATE:
            self._send_late(claims)
        if fate in (Fate.NOT_SENT, Fate.LOST, Fate.LATE):
            raise DatabaseUnavailable
        instead = []
        for index in self.nature.order(len(claims)):
            await self._until_sure(claims[index][1].key)
            instead.append((index, self._put(*claims[index])))
            await self.nature.pause()
        if fate is not Fate.DONE:
            raise DatabaseUnavailable
        return [found for _, found in sorted(instead, key=lambda one: one[0])]

    def _put(self, expected: Claim | None, claim: Claim) -> Claim | None:
        place = (claim.key.client, claim.key.value)
        there = self.claims.get(place)
        if there is None or there == expected:
            self.claims[place] = claim
        elif there != claim:
            return there
        return None

    async def begin(self, claims: Sequence[Claim]) -> None:
        """Make claims ahead of a write, where nothing is; `end` is called after it.

        Raises:
            NotClaimed: the write must not be sent.
        """
        await self.nature.pause()
        fate = self.nature.fate_of_command()
        if fate is Fate.LATE:
            self._send_late([(None, claim) for claim in claims])
        if fate in (Fate.NOT_SENT, Fate.LOST, Fate.LATE):
            raise NotClaimed
        made = [claim for claim in claims if (claim.key.client, claim.key.value) not in self.claims]
        for claim in made:
            self.claims[claim.key.client, claim.key.value] = claim
            self._unsure.add((claim.key.client, claim.key.value))
        await self.nature.pause()
        if fate is not Fate.DONE or len(made) < len(claims):
            self.end(made, is_kept=self.nature.fate_of_command() is not Fate.LOST)
            raise NotClaimed

    def end(self, claims: Sequence[Claim], *, is_kept: bool) -> None:
        """Let claims be sure from now on, or undo them."""
        for claim in claims:
            place = (claim.key.client, claim.key.value)
            self._unsure.discard(place)
            if not is_kept and self.claims.get(place) == claim:
                del self.claims[place]

    async def _until_sure(self, key: Key) -> None:
        while (key.client, key.value) in self._unsure:
            await self.nature.pause()

    def _send_late(self, claims: Sequence[tuple[Claim | None, Claim]]) -> None:
        late = asyncio.create_task(self._put_late(claims))
        self._late.add(late)
        late.add_done_callback(self._late.discard)

    async def _put_late(self, claims: Sequence[tuple[Claim | None, Claim]]) -> None:
        for expected, claim in claims:
            await self.nature.pause()
            await self._until_sure(claim.key)
            self._put(expected, claim)

    async def find(self, key: Key) -> Claim | None:
        """Give the claim of a key."""
        await self.nature.pause()
        if self.nature.fails_reading():
            raise DatabaseUnavailable
        await self._until_sure(key)
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
