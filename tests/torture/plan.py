"""Which faults happen when, from a seed; pure: the same seed plans the same."""

import random
from collections.abc import Collection
from dataclasses import dataclass

LEAST_GAP, MOST_GAP = 1.0, 7.0
"""Seconds between two faults: one in four seconds."""

TARGETS = {"member": 3, "service": 2, "keeper": 2, "bot": 1, "database": 1}
"""What is hurt, and how many there are of it."""

LONGEST_OUTAGE = 7.0
"""Seconds. One in ten faults lasts that long: longer than an election and than most time-outs."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Args:
        target: what it hurts, a key of TARGETS.
        weight: how often it is chosen, among all.
        seconds: how long it lasts, at least and as a rule at most.
        needs: what the machine must have for it.
    """

    target: str
    weight: int
    seconds: tuple[float, float] = (0.1, 3.0)
    needs: str = ""


KINDS = {
    "kill_member": Kind("member", 10),
    "halt_member": Kind("member", 8),
    "stutter_member": Kind("member", 3),
    "stop_member": Kind("member", 4),
    "step_down": Kind("member", 6),
    "cut_off": Kind("member", 6, needs="network"),
    "cut_from_service": Kind("member", 4, needs="network"),
    "mute_to_service": Kind("member", 4, needs="network"),
    "cut_pair": Kind("member", 4, needs="network"),
    "mute_pair": Kind("member", 4, needs="network"),
    "lose_packets": Kind("member", 5, needs="packets"),
    "late_packets": Kind("member", 5, needs="late"),
    "fill_disk": Kind("member", 3, (6.0, 12.0), needs="disk"),
    "wrong_clock_of_member": Kind("member", 2, (3.0, 8.0), needs="clock"),
    "kill_service": Kind("service", 8),
    "halt_service": Kind("service", 6),
    "stop_service": Kind("service", 4),
    "wrong_clock_of_service": Kind("service", 3, (3.0, 10.0), needs="clock"),
    "kill_keeper": Kind("keeper", 5),
    "halt_keeper": Kind("keeper", 3, (1.0, 12.0)),
    "kill_bot": Kind("bot", 2),
    "halt_bot": Kind("bot", 1),
    "break_connections": Kind("database", 6),
    "fail_write_concern": Kind("database", 5),
    "fail_commands": Kind("database", 5),
    "hold_commands": Kind("database", 4),
    "lose_history": Kind("database", 4),
    "lose_history_of_ledger": Kind("database", 3),
    "drop_collection": Kind("database", 1),
}


KILLING_SERVICES = ("kill_service", "wrong_clock_of_service")
"""Kinds by which a process of the service dies, and may not have noted what it knew."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Args:
        at: seconds from the round's beginning.
        kind: a key of KINDS.
        which: of its targets.
        seconds: how long it lasts.
        chance: a number from 0 to 1, for what else is left to chance.
    """

    at: float
    kind: str
    which: int
    seconds: float
    chance: float


def faults_of(seed: int, part: int, seconds: float, has: Collection[str]) -> list[Fault]:
    """Plan the faults of a round, in their order.

    Args:
        seed: of everything.
        part: which round it is.
        seconds: how long it lasts.
        has: what the machine has of what kinds need.
    """
    chance = random.Random(f"faults {seed} {part}")
    # All kinds are drawn from, so that a machine that has less leaves faults out, and changes no other.
    names, weights = list(KINDS), [kind.weight for kind in KINDS.values()]
    faults: list[Fault] = []
    at = chance.uniform(LEAST_GAP, MOST_GAP)
    while at < seconds:
        (name,) = chance.choices(names, weights)
        kind = KINDS[name]
        lasts = LONGEST_OUTAGE if chance.random() < 0.1 else chance.uniform(*kind.seconds)
        fault = Fault(at, name, chance.randrange(TARGETS[kind.target]), lasts, chance.random())
        if not kind.needs or kind.needs in has:
            faults.append(fault)
        at += chance.uniform(LEAST_GAP, MOST_GAP)
    return faults
