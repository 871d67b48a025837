"""What happens to the commands of a simulation: how long they take, and what goes wrong."""

import asyncio
import random
from dataclasses import dataclass, field
from enum import Enum, auto


class Fate(Enum):
    """What becomes of a write."""

    DONE = auto()
    NOT_SENT = auto()
    """It fails for certain."""
    RACED = auto()
    """Another writer came between."""
    LOST = auto()
    """It never arrives, and nobody can tell."""
    REPLY_LOST = auto()
    """It is done, and nobody can tell."""
    LATE = auto()
    """It is done after all, some time after everybody gave up."""
    FAULT = auto()
    """It is done, and then our own program fails."""


class Nature:
    """Decides what happens to commands: with this one, they take no time and nothing goes wrong."""

    async def pause(self) -> None:
        """Let others go on for a while."""
        await asyncio.sleep(0)

    def fate_of_command(self) -> Fate:
        """Decide about a command that writes several changes."""
        return Fate.DONE

    def fate_of_change(self) -> Fate:
        """Decide about one change."""
        return Fate.DONE

    def fails_reading(self) -> bool:
        """Decide about a reading."""
        return False

    def order(self, count: int) -> list[int]:
        """Decide in which order a command's changes are written."""
        return list(range(count))


@dataclass(frozen=True, slots=True)
class RandomNature(Nature):
    """Decides by chance.

    Args:
        random: where chance comes from.
        delay: the most that one step of a command takes, in seconds.
        fates: how likely each fate of a change is; what is left is DONE.
        command_fates: the same of a command.
        reading_fails: how likely a reading fails.
    """

    random: random.Random
    delay: float = 0.01
    fates: dict[Fate, float] = field(default_factory=dict)
    command_fates: dict[Fate, float] = field(default_factory=dict)
    reading_fails: float = 0.0

    async def pause(self) -> None:
        """Let others go on for a moment or longer."""
        await asyncio.sleep(self.random.random() * self.delay)

    def fate_of_command(self) -> Fate:
        """Decide by chance."""
        return self._draw(self.command_fates)

    def fate_of_change(self) -> Fate:
        """Decide by chance."""
        return self._draw(self.fates)

    def fails_reading(self) -> bool:
        """Decide by chance."""
        return self.random.random() < self.reading_fails

    def order(self, count: int) -> list[int]:
        """Decide by chance."""
        return self.random.sample(range(count), count)

    def _draw(self, fates: dict[Fate, float]) -> Fate:
        if fates:
            left = self.random.random()
            for fate, likelihood in fates.items():
                left -= likelihood
                if left < 0:
                    return fate
        return Fate.DONE
