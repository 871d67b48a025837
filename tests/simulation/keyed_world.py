"""A world of keys: processes that die, clients that send the same again until they know; a seed is a world.

Every operation has an item of its own, of which it takes or brings one piece: so each store tells at the end
how often each key was applied.
"""

import asyncio
import random
from dataclasses import dataclass, field

from store_api.claims.claim import refusal_of
from store_api.errors import NotApplied
from store_api.stock import Change, Key, Operation, OperationKind, Replayed, Reply, Report
from store_api.storage.documents import ITEMS
from tests.simulation.fake_claims import FakeClaims
from tests.simulation.fake_repository import FakeRepository
from tests.simulation.history import History
from tests.simulation.invariants import Violation, require
from tests.simulation.nature import Fate, RandomNature
from tests.simulation.processes import Process
from tests.simulation.virtual_time import NothingWillEverHappen, run

LONGEST = 2000.0
"""What takes longer than this, in virtual seconds, never ends."""

LIVES = 9
"""Pieces of a demand's own item that its store holds at first."""

PATIENCE_SECONDS = 30.0
"""How long a client waits for an answer before it takes the process for dead."""


@dataclass(slots=True)
class Wish:
    """One operation under a key, and every answer that its client had."""

    operation: Operation
    replies: list[Reply] = field(default_factory=list)

    @property
    def own_item(self) -> str:
        """The item that is this operation's alone."""
        return f"own-{self.operation.key.value if self.operation.key else ''}"

    @property
    def is_answered(self) -> bool:
        """Whether its client knows."""
        if not self.replies:
            return False
        answer = self.replies[-1]
        answer = answer.answer if isinstance(answer, Replayed) else answer
        return isinstance(answer, Report) or refusal_of(answer) is not None


def draw_nature(chance: random.Random) -> RandomNature:
    """Draw what goes wrong; in a fifth of all worlds nothing does."""
    delay = chance.choice((0.001, 0.01, 0.1))
    if chance.random() < 0.2:
        return RandomNature(chance, delay)
    commands = (Fate.NOT_SENT, Fate.LOST, Fate.REPLY_LOST, Fate.LATE)
    return RandomNature(
        chance,
        delay,
        fates={fate: chance.random() * 0.2 for fate in Fate if fate not in (Fate.DONE, Fate.UNFIT)},
        command_fates={fate: chance.random() * 0.15 for fate in commands},
        reading_fails=chance.random() * 0.2,
    )


class KeyedWorld:
    """One world, from its beginning to its end.

    Args:
        seed: which one.
    """

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.history = History()
        nature = draw_nature(chance)
        self.claims = FakeClaims(nature)
        self.repository = FakeRepository(self.history, nature, of_many=True, claims=self.claims)
        self.stores = [f"store-{number}" for number in range(chance.choice((1, 1, 2)))]
        self.wishes = [self._draw_wish(number) for number in range(chance.randint(1, 8))]
        self.shared = chance.choice((0, 2, 5))
        self.brought = 0
        self.deaths = chance.choice((0, 0, 1, 2))
        self.lanes = chance.choice((1, 3))
        self.processes: list[Process] = []
        for store_id in self.stores:
            items = {
                wish.own_item: LIVES
                for wish in self.wishes
                if wish.operation.store_id == store_id and wish.operation.kind is OperationKind.DEMAND
            }
            if items or chance.random() < 0.5:
                self.repository.put(store_id, {"_id": store_id, ITEMS: {"shared": self.shared, **items}})

    def _draw_wish(self, number: int) -> Wish:
        kind = self.chance.choice((OperationKind.SUPPLY, OperationKind.DEMAND, OperationKind.DEMAND))
        items = {"shared": self.chance.randint(1, 2), f"own-{number}": 1}
        key = Key("c", str(number), b"same")
        minimal = self.chance.random() < 0.5
        return Wish(Operation(self.chance.choice(self.stores), kind, items, minimal, key))

    def play(self) -> None:
        """Let everything happen, then judge it.

        Raises:
            Violation: what must never happen did.
        """
        try:
            run(self._play())
        except (NothingWillEverHappen, TimeoutError) as never:
            raise Violation("somebody waits for ever") from never
        self._judge()

    async def _play(self) -> None:
        self.processes = [
            Process(f"p{number}-", self.repository, self.claims, self.lanes)
            for number in range(self.chance.randint(1, 3))
        ]
        async with asyncio.timeout(LONGEST):
            senders = [self._send(wish) for wish in self.wishes for _ in range(self.chance.choice((1, 1, 2)))]
            await asyncio.gather(*senders, self._kill(), self._supply_now_and_then())
            for process in self.processes:
                if not process.is_dead:
                    await process.committer.close()
            await self.claims.await_late()
            await self.repository.await_late()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        # Whatever is left now belongs to the dead.
        await asyncio.sleep(0)

    async def _send(self, wish: Wish) -> None:
        """Be a client that sends the same again, to whichever process lives, until it knows."""
        await asyncio.sleep(self.chance.random() * 0.2)
        while not wish.is_answered:
            process = self.chance.choice([one for one in self.processes if not one.is_dead])
            reply = process.committer.answer(wish.operation)
            patience = self.chance.choice((0.05, PATIENCE_SECONDS, PATIENCE_SECONDS))
            try:
                wish.replies.append(await asyncio.wait_for(asyncio.shield(reply), patience))
            except TimeoutError:
                continue
            await asyncio.sleep(self.chance.random())

    async def _kill(self) -> None:
        for _ in range(self.deaths):
            await asyncio.sleep(self.chance.random() * 0.5)
            self.chance.choice(self.processes).kill()
            if all(process.is_dead for process in self.processes):
                name = f"p{len(self.processes)}-"
                self.processes.append(Process(name, self.repository, self.claims, self.lanes))

    async def _supply_now_and_then(self) -> None:
        for _ in range(self.chance.choice((0, 3))):
            await asyncio.sleep(self.chance.random() * 0.3)
            for store_id in self.stores:
                self.brought += self.repository.change_by_another(Change(store_id, {"shared": 1}, {}))

    def _judge(self) -> None:
        require(not self.history.violations, "; ".join(self.history.violations))
        for wish in self.wishes:
            document = self.repository.documents.get(wish.operation.store_id) or {}
            held = document.get(ITEMS, {}).get(wish.own_item, 0)
            times = held if wish.operation.kind is OperationKind.SUPPLY else LIVES - held
            kinds = {_kind_of(reply) for reply in wish.replies}
            told = f"{wish.own_item} was applied {times} times, and answered {wish.replies}"
            require(times <= 1, told)
            require(not (times == 0 and "applied" in kinds), told)
            require(not (times == 1 and kinds & {"refused"}), told)
            require(not {"applied", "refused"} <= kinds, told)
            require(times == 0 or kinds - {"not applied"}, told)


def _kind_of(reply: Reply) -> str:
    answer = reply.answer if isinstance(reply, Replayed) else reply
    if isinstance(answer, Report) or getattr(answer, "slug", "") == "applied-unreported":
        return "applied"
    if refusal_of(answer) is not None:
        return "refused"
    return "not applied" if isinstance(answer, NotApplied) else "unknown"
