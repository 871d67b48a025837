"""What a simulation is like: who is there, what they do, what goes wrong. All of it drawn from the seed.

Swarm testing (Groce et al., 2012): each simulation has only some of the features and faults, each with a
likelihood of its own, so that none hides another.
"""

import random
from dataclasses import dataclass

from store_api.stock import LARGEST_QUANTITY
from tests.simulation.nature import Fate, RandomNature


@dataclass(frozen=True, slots=True)
class Scenery:
    """One world.

    Args:
        stores: their ids.
        items: the ids of all items.
        initial: what each store holds at first; a store that is not in it does not exist.
        clients: how many there are.
        requests: how many each of them sends.
        burst: the most that one of them sends before it waits for answers.
        thinking: the most time between, in seconds.
        cleans: how likely a request empties its store.
        minimal: how likely it wants a minimal report.
        leaves: how likely its client goes away.
        supplies: how likely it supplies, else it demands.
        largest: the largest quantity.
        others: how many changes other programs make.
        destruction: how likely such a change deletes, breaks or replaces a store.
        lanes: writes in flight at once.
        most_waiting: operations that may wait.
        most_items: items remembered.
        bounds: the committer's own bounds, by module and name.
    """

    stores: tuple[str, ...]
    items: tuple[str, ...]
    initial: dict[str, dict[str, int]]
    clients: int
    requests: int
    burst: int
    thinking: float
    cleans: float
    minimal: float
    leaves: float
    supplies: float
    largest: int
    others: int
    destruction: float
    lanes: int
    most_waiting: int
    most_items: int
    bounds: dict[str, int]


def draw_scenery(chance: random.Random) -> Scenery:
    """Draw a world."""
    stores = tuple(f"store-{number}" for number in range(chance.choice((1, 1, 2, 3, 5))))
    items = tuple("abcdefgh"[: chance.choice((1, 2, 3, 8))])
    return Scenery(
        stores=stores,
        items=items,
        initial={store_id: _initial(chance, items) for store_id in stores if chance.random() < 0.8},
        clients=chance.randint(1, 6),
        requests=chance.randint(1, 16),
        burst=chance.choice((1, 1, 3, 8)),
        thinking=chance.choice((0.0, 0.01, 0.1)),
        cleans=_sometimes(chance, 0.2),
        minimal=chance.choice((0.0, 0.5, 1.0)),
        leaves=_sometimes(chance, 0.3),
        supplies=chance.choice((0.2, 0.5, 0.8)),
        largest=chance.choice((1, 3, 10)),
        others=chance.choice((0, 0, 3, 15)),
        destruction=_sometimes(chance, 0.4),
        lanes=chance.choice((1, 2, 3)),
        most_waiting=chance.choice((4, 8192, 8192, 8192)),
        most_items=chance.choice((0, 5, 100_000, 100_000)),
        bounds={
            "decide.MOST_OPERATIONS": chance.choice((1, 2, 5, 1024)),
            **dict.fromkeys(
                ("decide.MOST_BATCH_LINES", "last_seen.MOST_FORETOLD"), chance.choice((1, 4, 20_000, 20_000))
            ),
            "lanes.STORES_AT_ONCE": chance.choice((1, 2, 128, 128)),
            "store_queue.MOST_ROUNDS": chance.choice((2, 100, 100)),
            "sweeper.ZEROS_TO_SWEEP": chance.choice((1, 3, 64)),
        },
    )


def draw_nature(chance: random.Random) -> RandomNature:
    """Draw what goes wrong, and how often; in a third of all worlds nothing does."""
    delay = chance.choice((0.001, 0.01, 0.1))
    if chance.random() < 1 / 3:
        return RandomNature(chance, delay)
    return RandomNature(
        chance,
        delay,
        fates={fate: _sometimes(chance, 0.15) for fate in Fate if fate is not Fate.DONE},
        command_fates={fate: _sometimes(chance, 0.2) for fate in (Fate.NOT_SENT, Fate.LOST, Fate.REPLY_LOST)},
        reading_fails=_sometimes(chance, 0.3),
    )


def _initial(chance: random.Random, items: tuple[str, ...]) -> dict[str, int]:
    stock = {item_id: chance.randint(0, 8) for item_id in items if chance.random() < 0.8}
    if stock and chance.random() < 0.1:
        stock[chance.choice(list(stock))] = LARGEST_QUANTITY - chance.randint(0, 8)
    return stock


def _sometimes(chance: random.Random, most: float) -> float:
    return chance.random() * most if chance.random() < 0.5 else 0.0
