"""The change stream of the store collection: hands every change, in order, to the callback it is given.

It is the whole database's, narrowed down to a few collections, so that heartbeats, and what else has to be
heard in time, come the same way as changes.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import OperationFailure, PyMongoError

from watchers.changes import StoreChange, store_change_of
from watchers.heartbeat import HEARTBEATS
from watchers.resume import Next, after_error, after_event, pause_seconds
from watchers.stream_reader import Answer, StreamReader

log = logging.getLogger(__name__)


NO_REPLICA_SET = 40573
"""What a mongod by itself answers to `$changeStream` (mongo, document_source_change_stream.cpp)."""


class StoreWatcher:
    """Follows one collection for ever, through every fault.

    Args:
        collection: what to follow, on a client of its own; a thread of the reader's asks it.
        on_change: called with each change, in order; must not wait.
        on_afresh: awaited after the stream was opened anew without a token, before the first event is read:
            whatever happened before is not in the stream.
        random: gives a number from 0 to 1, for the jitter of pauses.
        clock: gives seconds, never going back.
        is_urgent: whether anybody needs a change at the moment it happens; called in another thread.
        others: what is called with the events of further collections, by their names; must not wait.
        without: fields of the documents that nobody here wants to hear of.

    Attributes:
        openings: how often the stream was opened, afresh or resumed, and after what: the start, an end of
            the collection, the network, the server, or a fault of ours.
    """

    def __init__(
        self,
        collection: Collection[dict[str, Any]],
        *,
        on_change: Callable[[StoreChange], None],
        on_afresh: Callable[[], Awaitable[None]],
        random: Callable[[], float],
        clock: Callable[[], float],
        is_urgent: Callable[[], bool] = lambda: True,
        others: Mapping[str, Callable[[Mapping[str, Any]], None]] = MappingProxyType({}),
        without: Sequence[str] = (),
    ) -> None:
        self._collection = collection
        self._others = others
        names = [collection.name, HEARTBEATS, *others]
        self._pipeline: list[Mapping[str, Any]] = [
            {"$match": {"$or": [{"ns.coll": {"$in": [*names, None]}}, {"to.coll": collection.name}]}}
        ]
        places = ("updateDescription.updatedFields", "fullDocument")
        if unwanted := [f"{place}.{field}" for place in places for field in without]:
            self._pipeline.append({"$unset": unwanted})
        self._on_change = on_change
        self._on_afresh = on_afresh
        self._random = random
        self._clock = clock
        self._is_urgent = is_urgent
        self._token: Mapping[str, Any] | None = None
        self._failures = 0
        self._heard_at = float("-inf")
        self._is_open = False
        self._cause = "start"
        self._stopping = False
        self.openings: Counter[tuple[str, str]] = Counter()

    @property
    def silent_seconds(self) -> float:
        """How long ago the stream was opened or an event came through it, in seconds; infinite at first."""
        return self._clock() - self._heard_at

    def stop(self) -> None:
        """Let `run` end after the server's next answer, at most half a second from now."""
        self._stopping = True

    async def run(self) -> None:
        """Follow the collection until stopped."""
        while not self._stopping:
            self._is_open = False
            try:
                verdict = await self._follow()
            except PyMongoError as error:
                verdict = self._after_error(error)
            except Exception as error:  # noqa: BLE001  (one that nobody foresaw must not end the pushes)
                self._log_failure(error, Next.BEGIN_AFRESH)
                verdict = Next.BEGIN_AFRESH
            if verdict is Next.BEGIN_AFRESH:
                self._token = None
            if self._failures:
                await asyncio.sleep(pause_seconds(self._failures, self._random))

    async def _follow(self) -> Next:
        reader = StreamReader(self._collection.database, self._pipeline, self._token, self._is_urgent)
        try:
            verdict = await self._open(reader)
            while verdict is Next.GO_ON and not self._stopping:
                verdict = await self.step(reader)
        finally:
            reader.close()
        if verdict is not Next.GO_ON:
            self._cause = "invalidated"
            log.warning("Change stream ended", extra={"action": "stream_invalidated"})
        return verdict

    async def _open(self, reader: StreamReader) -> Next:
        answer = await reader.answer()
        self._is_open = True
        afresh = self._token is None
        if afresh:
            await self._on_afresh()
            self._heard_at = self._clock()
        self.openings["afresh" if afresh else "resumed", self._cause] += 1
        log.info(
            "Change stream open",
            extra={"action": "stream_opened", "afresh": afresh, "cause": self._cause},
        )
        return self._hand_on(answer)

    async def step(self, reader: StreamReader) -> Next:
        """Wait for the server's next answer and hand on what it holds.

        Raises:
            PyMongoError: the stream failed.
        """
        answer = await reader.answer()
        self._failures = 0
        return self._hand_on(answer)

    def _hand_on(self, answer: Answer) -> Next:
        if answer.events:
            self._heard_at = self._clock()
        for event in answer.events:
            self._token = event["_id"]
            name = event.get("ns", {}).get("coll")
            if name == HEARTBEATS:
                continue
            if (take := self._others.get(name)) is not None:
                take(event)
                continue
            change = store_change_of(event)
            if change is not None:
                self._on_change(change)
            if (verdict := after_event(event["operationType"])) is not Next.GO_ON:
                return verdict
        self._token = answer.token
        return Next.GO_ON if answer.alive else Next.BEGIN_AFRESH

    def _after_error(self, error: PyMongoError) -> Next:
        verdict = after_error(
            error.code if isinstance(error, OperationFailure) else None,
            server_answered=isinstance(error, OperationFailure),
            was_open=self._is_open,
            resumable=error.has_error_label("ResumableChangeStreamError"),
        )
        self._log_failure(error, verdict)
        return verdict

    def _log_failure(self, error: Exception, verdict: Next) -> None:
        self._failures += 1
        if getattr(error, "code", None) == NO_REPLICA_SET and self._failures == 1:
            log.error(
                "This MongoDB is no replica set, and only those have change streams: start mongod with "
                "--replSet and run rs.initiate()",
                extra={"action": "no_replica_set"},
            )
        if isinstance(error, PyMongoError):
            self._cause = "server" if isinstance(error, OperationFailure) else "network"
        else:
            self._cause = "fault"
        log.warning(
            "Change stream failed",
            extra={
                "action": "stream_failed",
                "error": type(error).__name__,
                "code": getattr(error, "code", None),
                "next": verdict.value,
                "failures": self._failures,
            },
        )
