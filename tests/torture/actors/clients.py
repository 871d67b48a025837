"""Clients of the API: with and without keys, in stores that all share and in stores of their own."""

import asyncio
import random
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from bench.load.http_client import AnswerLost, Connection, Response, ServiceUnreachable
from tests.torture.account import LEFT, RIGHT, RISING, Book, Lane, Operation
from tests.torture.story import Story

ANSWER_SECONDS = 20.0
"""Longer than the service takes for any answer."""

IMPATIENCE = (0.005, 0.1)
"""How soon a client with a key asks again now and then, in seconds, though its request is on its way."""

SHARED_STORES, HOT_STORES = 12, 4
HOT = 0.9
"""How often an operation goes to the store that a quarter of all share; the rest go to those of a few."""

PAUSE_SECONDS = 0.02
KEPT_KEYS = 10
"""How many operations of a client with keys are asked for once more when all is calm."""

REFUSALS = ("out-of-stock", "store-not-found")
MINIMAL = {"prefer": "return=minimal"}
_KEYS_AT_RANDOM = 128


class Kept(NamedTuple):
    """An operation that is known for good."""

    path: str
    body: bytes
    key: str
    became: str


class Client:
    """One caller, with one request at a time.

    Args:
        name: of its items; letters and digits alone.
        urls: of the services; each request goes to any of them.
        token: says who it is.
        keyed: whether its operations have keys.
        alone: whether it has stores of its own, which it also cleans.
        story: gets all that happens.
        seed: of its wishes.

    Attributes:
        busy_with: the operation that it waits for, if any.
    """

    def __init__(
        self, name: str, urls: Sequence[str], token: str, story: Story, seed: str, *, keyed: bool, alone: bool
    ) -> None:
        self.name = name
        self.kept: list[Kept] = []
        self.busy_with: str | None = None
        self._connections = [Connection(url, ANSWER_SECONDS, token=token) for url in urls]
        self._story = story
        self._keyed, self._alone = keyed, alone
        self._seed = seed
        self._chance = random.Random()
        self._lanes: dict[bool, Lane] = {}
        self._made = 0

    async def go_on(self, book: Book, is_over: asyncio.Event, is_open: asyncio.Event) -> None:
        """Have one wish after the other until it is over; with a key, know what became of each.

        Args:
            book: where it belongs.
            is_over: then it has no more wishes.
            is_open: whether wishes may be had just now.
        """
        self._chance = random.Random(f"{self._seed} {book.part} {self.name}")
        self._lanes, self._made = {}, 0
        self.kept.clear()
        while not is_over.is_set():
            if not is_open.is_set():
                await is_open.wait()
                continue
            lane = self._lane(book)
            await self._carry_out(lane, self._wish(lane), is_over)

    async def ask_again(self, spared: Collection[str] = ()) -> None:
        """Send what is known for good once more, and note where the answer is another.

        Args:
            spared: stores of which nothing is asked.
        """
        asked = [kept for kept in self.kept if kept.path.split("/")[2] not in spared]
        for path, body, key, became in asked:
            answer = await self._chance.choice(self._connections).request(
                "POST", path, body, {"idempotency-key": key, **MINIMAL}
            )
            what = meaning_of(answer)[0]
            if what != became or answer.headers.get("idempotent-replayed") != "true":
                store = path.split("/")[2]
                self._story.wrong(f"{store} {key}: was {became}, and is {answer.status} {answer.body!r} now")
        self._story.counts["asked again when calm"] += len(asked)

    def close(self) -> None:
        """Hang up."""
        for connection in self._connections:
            connection.close()

    def _lane(self, book: Book) -> Lane:
        is_hot = self._chance.random() < HOT
        lane = self._lanes.get(is_hot)
        if lane is None or not lane.is_open:
            self._made += 1
            number = int(self.name[1:])
            if self._alone:
                store = book.store("p", number * 1000 + self._made)
            else:
                store = (
                    book.store("h", number % HOT_STORES)
                    if is_hot
                    else book.store("m", number % SHARED_STORES)
                )
            mark = f"{self.name}.{self._made}"
            # A second item where nobody else has any: documents of hundreds of items are slow.
            lane = self._lanes[is_hot] = store.lane(f"{mark}a", *[f"{mark}b"] * self._alone)
        return lane

    def _wish(self, lane: Lane) -> Operation:
        chance = self._chance
        key = f"{chance.getrandbits(_KEYS_AT_RANDOM):032x}" if self._keyed else ""
        one, *others = lane.held
        if self._alone and chance.random() < 0.03:
            return Operation("clean", {}, {}, key)
        kind = "supply" if lane.held[one] < 3 or chance.random() < 0.5 else "demand"
        if chance.random() < 0.6:
            return Operation(kind, {one: chance.randint(1, 4)}, {}, key)
        pair = chance.randint(1, 3)
        shared = {LEFT: pair, RIGHT: pair} if not self._alone else {}
        own = {one: chance.randint(1, 4)}
        if kind == "supply":
            shared |= {RISING: 1} if not self._alone else {}
            own |= dict.fromkeys(others, 1)
        elif chance.random() < 0.03:
            own[one] = 1_000_000
        return Operation(kind, own, shared, key)

    async def _carry_out(self, lane: Lane, operation: Operation, is_over: asyncio.Event) -> None:
        path, body = request_of(lane.store.name, operation)
        headers = {**MINIMAL, "idempotency-key": operation.key} if self._keyed else MINIMAL
        self.busy_with = f"{lane.store.name} {lane.name} {operation}"
        existed = lane.store.exists
        while True:
            what, shown = await self._send(path, body, headers)
            self._story.note(lane.store.name, lane.name, operation, what)
            wrong = self._noted(lane, operation, what, shown, existed=existed)
            if wrong:
                self._story.wrong(f"{lane.store.name} {lane.name}: {wrong}")
                lane.unknown(operation)
            if what in ("applied", "refused"):
                self._keep(lane, operation, path, body, what)
                break
            await asyncio.sleep(PAUSE_SECONDS)
            if wrong or not self._keyed or lane.store.doomed:
                break
            needs_store = operation.kind != "supply" and not lane.store.exists
            if needs_store and what == "doubtful" and is_over.is_set():
                # Where there is no document nobody can prove what a killed process did (docs/limits.md).
                lane.unknown(operation)
                break
        self.busy_with = None

    def _noted(self, lane: Lane, operation: Operation, what: str, shown: Any, *, existed: bool) -> str | None:
        """Note an answer; says what is wrong with it."""
        if what == "applied":
            return lane.applied(operation, shown)
        if what == "refused":
            return lane.refused(operation, shown, existed=existed)
        if what == "not applied":
            return None
        if what != "doubtful":
            return f"{operation} was told {what}"
        if not self._keyed or lane.store.doomed:
            lane.unknown(operation)
        return None

    def _keep(self, lane: Lane, operation: Operation, path: str, body: bytes, became: str) -> None:
        if self._keyed and not lane.store.doomed:
            if len(self.kept) == KEPT_KEYS:
                self.kept.pop(0)
            self.kept.append(Kept(path, body, operation.key, became))

    async def _send(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[str, Any]:
        connection = self._chance.choice(self._connections)
        sending = connection.request("POST", path, body, headers)
        began = time.monotonic()
        try:
            if self._keyed and self._chance.random() < 0.01:
                async with asyncio.timeout(self._chance.uniform(*IMPATIENCE)):
                    answer = await sending
            else:
                answer = await sending
        except TimeoutError:
            self._story.counts["no patience"] += 1
            return "doubtful", None
        except ServiceUnreachable:
            self._story.counts["unreachable"] += 1
            return "not applied", None
        except AnswerLost:
            self._story.counts["answer lost"] += 1
            return "doubtful", None
        what, shown, counted = meaning_of(answer)
        self._story.told(time.monotonic() - began, counted)
        return what, shown


def request_of(store_id: str, operation: Operation) -> tuple[str, bytes]:
    """Write an operation's path and body."""
    if operation.kind == "clean":
        return f"/stores/{store_id}/clean", b""
    lines = [{"item_id": item_id, "quantity": quantity} for item_id, quantity in operation.own.items()]
    lines += [{"item_id": item_id, "quantity": quantity} for item_id, quantity in operation.shared.items()]
    if len(lines) == 1:
        return f"/stores/{store_id}", msgspec.json.encode({"operation": operation.kind, **lines[0]})
    return f"/stores/{store_id}/group_op", msgspec.json.encode({"operation": operation.kind, "items": lines})


def meaning_of(answer: Response) -> tuple[str, Any, str]:
    """Say what an answer means, what it shows, and how it is counted.

    The meaning is `applied` (with quantities by item), `refused` (with what there is of what is short, or
    None where there is no store), `not applied`, `doubtful`, or what must not be.
    """
    again = "again " if "idempotent-replayed" in answer.headers else ""
    body = msgspec.json.decode(answer.body)
    if answer.status == 200:
        lines = {line["item_id"]: line["quantity"] for line in body["store"]["report"]}
        return "applied", lines, f"{again}applied"
    slug, outcome = body["type"].rpartition("/")[2], body.get("outcome")
    counted = f"{again}{answer.status} {slug}, {outcome}"
    if slug in REFUSALS and outcome == "not applied":
        short = {line["item_id"]: line["available"] for line in body.get("shortages", ())}
        return "refused", short if answer.status == 409 else None, counted
    if answer.status == 500 and outcome == "applied":
        return "applied", None, counted
    if outcome == "unknown":
        return "doubtful", None, counted
    if answer.status == 503 and outcome == "not applied":
        return "not applied", None, counted
    return counted, None, counted
