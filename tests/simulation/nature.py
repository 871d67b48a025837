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
    UNFIT = auto()
    """The document refuses it, for a reason that no reading shows."""
    LOST = auto()
    """It never arrives, and nobody can tell."""
    REPLY_LOST = auto()
    """It is done, and nobody can tell."""
    LATE = auto()
    """It is done after all, some time after everybody gave up."""
    TWICE = auto()
    """It is done, nobody can tell, and a copy of it arrives some time later."""
    HELD = auto()
    """A transaction of another program holds the store, from now on for a while."""
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

    def seconds_held(self) -> float:
        """Decide how long a store is held."""
        return 1.0


class HeldNature(Nature):
    """Holds every step of every command until it is let go.

    Attributes:
        held: the steps that wait, in the order they came.
        fate: what becomes of the next change, or command, or reading.
    """

    def __init__(self) -> None:
        self.held: list[asyncio.Future[None]] = []
        self.fate = Fate.DONE

    async def pause(self) -> None:
        """Wait until this step is let go."""
        step: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.held.append(step)
        await step

    def fate_of_command(self) -> Fate:
        """Give the fate that was set, to a command that fails whole."""
        return self._take_fate() if self.fate is Fate.NOT_SENT else Fate.DONE

    def fate_of_change(self) -> Fate:
        """Give the fate that was set."""
        return self._take_fate()

    def fails_reading(self) -> bool:
        """Fail when the next thing is not to be sent."""
        return self._take_fate() is Fate.NOT_SENT

    def _take_fate(self) -> Fate:
        fate, self.fate = self.fate, Fate.DONE
        return fate


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

    def seconds_held(self) -> float:
        """Decide by chance: mostly shorter than anybody waits, and now and then longer."""
        return self.random.choice((0.01, 0.1, 0.1, 1.0, 1.0, 20.0))

    def _draw(self, fates: dict[Fate, float]) -> Fate:
        if fates:
            left = self.random.random()
            for fate, likelihood in fates.items():
                left -= likelihood
                if left < 0:
                    return fate
        return Fate.DONE
