"""What must be true when all is calm: it is looked at, and whatever is not so is noted."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.load.http_client import Connection
from store_api.storage.documents import quantities_in
from tests.support.ledger_check import check_ledger
from tests.support.listening import read_report
from tests.torture.account import Book
from tests.torture.actors.listeners import Listener
from tests.torture.scene import Scene

WHOLE_SECONDS = 90.0
KNOWN_SECONDS = 45.0
SOCKETS_SECONDS = 5.0
LEDGER_SECONDS = 60.0
AT_ONCE = 16

Truth = Mapping[str, Mapping[str, int]]


class Calm:
    """Looks at everything once nobody writes and nothing is hurt any more.

    Args:
        scene: what is looked at.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._wrong = scene.story.wrong
        self._before: dict[str, Mapping[str, int]] = {}

    async def all_is_well(self) -> None:
        """Wait until the set is whole and the services are ready; that they are not is wrong."""
        scene = self._scene
        await asyncio.to_thread(self._wait, scene.members.is_whole, "the set is whole")
        scene.database_harm.heal()
        for service in scene.services:
            await asyncio.to_thread(self._wait, lambda: service.readiness() == 200, "a service is ready")  # noqa: B023

    async def all_know(self, actors: Sequence["asyncio.Task[None]"], seconds: float = KNOWN_SECONDS) -> None:
        """Wait until everybody knows what became of what they asked for; that somebody does not is wrong."""
        _, pending = await asyncio.wait(actors, timeout=seconds)
        if pending:
            for client in self._scene.clients:
                if client.busy_with:
                    self._wrong(f"{client.busy_with}: nobody says what became of it")
            self._wrong(f"{len(pending)} actors have not ended in {seconds:g} s of calm")
        for actor in pending:
            actor.cancel()
        ended = await asyncio.gather(*actors, return_exceptions=True)
        for error in ended:
            # Who was cancelled just now is wrong already; the story is to be told.
            if isinstance(error, Exception):
                raise error

    async def look(self, book: Book, listeners: Sequence[Listener], *, has_killed: bool) -> float:
        """Look at everything; gives how long the sockets took until they were true.

        Args:
            book: what all were told in this round.
            listeners: that listen.
            has_killed: whether a process of the service was killed in it.
        """
        names = set(book.stores)
        truth = await asyncio.to_thread(self._truth, names)
        took = await self._sockets_are_true(truth, names, listeners)
        for name, store in book.stores.items():
            for wrong in store.contradictions(truth.get(name, {})):
                self._wrong(wrong)
        await self._services_say(truth, names)
        # What a killed process had not noted yet only a store could prove that is gone (docs/limits.md).
        spared = {name for name, store in book.stores.items() if store.doomed and has_killed}
        await asyncio.gather(*(client.ask_again(spared) for client in self._scene.clients))
        if await asyncio.to_thread(self._truth, names) != truth:
            self._wrong("what was asked again when calm changed something")
        await asyncio.to_thread(self._ledger_adds_up, names)
        for guest in self._scene.guests:
            await guest.visit(0.5, asyncio.Event(), strictly=True)
            await guest.is_kept_out()
        self._scene.evening.judge()
        for service in self._scene.services:
            self._scene.hear(service)
        await asyncio.to_thread(self._nothing_came_late, book.was_doomed)
        self._before = dict(truth)
        return took

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        began = time.monotonic()
        while not condition():
            if time.monotonic() > began + WHOLE_SECONDS:
                raise TimeoutError(f"not in {WHOLE_SECONDS:g} s of calm: {what}")
            time.sleep(0.05)

    async def _sockets_are_true(self, truth: Truth, names: set[str], listeners: Sequence[Listener]) -> float:
        began = time.monotonic()
        while differences := [wrong for each in listeners for wrong in each.differs(truth, names)]:
            if time.monotonic() > began + SOCKETS_SECONDS:
                for wrong in differences[:20]:
                    self._wrong(f"{wrong} {SOCKETS_SECONDS:g} s after all was calm")
                break
            await asyncio.sleep(0.02)
        for listener in listeners:
            listener.check()
        return time.monotonic() - began

    async def _services_say(self, truth: Truth, names: set[str]) -> None:
        for service in self._scene.services:
            wanted = iter(sorted(names))
            await asyncio.gather(*(self._ask(service.url, wanted, truth) for _ in range(AT_ONCE)))

    async def _ask(self, url: str, names: Iterator[str], truth: Truth) -> None:
        connection = Connection(url, 20.0, token=self._scene.token)
        for name in names:
            answer = await connection.request("GET", f"/stores/{name}")
            items = {} if answer.status == 404 else read_report(answer.body).items
            if items != truth.get(name, {}):
                self._wrong(f"{name} is said to hold {items}, and it holds {truth.get(name, {})}")
        connection.close()

    def _truth(self, names: set[str]) -> dict[str, dict[str, int]]:
        """Read what stores hold; fields with 0 are left out."""
        found = {}
        for document in self._scene.mongo["store_api"]["stores"].find({"_id": {"$in": [*names]}}):
            quantities = quantities_in(document)[1]
            if any(quantity < 0 for quantity in quantities.values()):
                self._wrong(f"{document['_id']} holds less than nothing")
            found[document["_id"]] = {
                item_id: quantity for item_id, quantity in quantities.items() if quantity
            }
        return found

    def _ledger_adds_up(self, names: set[str]) -> None:
        try:
            check_ledger(self._scene.mongo, "store_api", LEDGER_SECONDS, names)
        except (AssertionError, TimeoutError) as wrong:
            self._wrong(f"the ledger: {wrong}")

    def _nothing_came_late(self, were_dropped: bool) -> None:
        """Look once more at the stores of the round before: no write has come late; then they go."""
        names, wanted = set(self._before), {} if were_dropped else self._before
        if (now := self._truth(names)) != wanted:
            changed = [name for name in names if now.get(name) != wanted.get(name)]
            self._wrong(f"stores of the round before have changed since: {changed[:5]}")
        self._scene.mongo["store_api"]["stores"].delete_many({"_id": {"$in": [*names]}})
