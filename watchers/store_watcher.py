"""The change stream of the store collection: hands every change, in order, to the callback it is given."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import Timestamp
from motor.motor_asyncio import AsyncIOMotorChangeStream, AsyncIOMotorCollection
from pymongo.errors import OperationFailure, PyMongoError

from watchers.resume import Next, after_error, after_event, pause_seconds

log = logging.getLogger(__name__)

EMPTY_WAIT_MILLISECONDS = 500
"""How long the server holds back an empty answer; an event is answered at once."""


@dataclass(frozen=True, slots=True)
class StoreChange:
    """One change of one store document.

    Args:
        store_id: the document's `_id`.
        at: the moment of the change in the replica set's time.
        document: the whole document after an insert or a replacement, else None.
        updated: the fields that an update set, by dotted path.
        removed: the fields that an update removed, by dotted path.
        deleted: whether the document is gone.
    """

    store_id: str
    at: Timestamp
    document: Mapping[str, Any] | None = None
    updated: Mapping[str, Any] = field(default_factory=dict)
    removed: Sequence[str] = ()
    deleted: bool = False


def store_change_of(event: Mapping[str, Any]) -> StoreChange | None:
    """Translate a change event; None for one that is not about a store document.

    Array fields are reported as `truncatedArrays`; a store document has none that matter.
    """
    store_id = event.get("documentKey", {}).get("_id")
    if not isinstance(store_id, str):
        return None
    at = event["clusterTime"]
    match event["operationType"]:
        case "insert" | "replace":
            return StoreChange(store_id, at, document=event["fullDocument"])
        case "update":
            description = event["updateDescription"]
            return StoreChange(
                store_id, at, updated=description["updatedFields"], removed=description["removedFields"]
            )
        case "delete":
            return StoreChange(store_id, at, deleted=True)
        case _:
            return None


class StoreWatcher:
    """Follows one collection for ever, through every fault.

    Args:
        collection: what to follow, on a client of its own.
        on_change: called with each change, in order; must not wait.
        on_afresh: awaited after the stream was opened anew without a token, before the first event is read:
            whatever happened before is not in the stream.
        random: gives a number from 0 to 1, for the jitter of pauses.
        clock: gives seconds, never going back.
    """

    def __init__(
        self,
        collection: AsyncIOMotorCollection[dict[str, Any]],
        *,
        on_change: Callable[[StoreChange], None],
        on_afresh: Callable[[], Awaitable[None]],
        random: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._collection = collection
        self._on_change = on_change
        self._on_afresh = on_afresh
        self._random = random
        self._clock = clock
        self._token: Mapping[str, Any] | None = None
        self._failures = 0
        self._answered_at = float("-inf")
        self._stopping = False

    @property
    def silent_seconds(self) -> float:
        """How long ago the server last answered the stream, in seconds; infinite before the first answer."""
        return self._clock() - self._answered_at

    def stop(self) -> None:
        """Let `run` end after the server's next answer, at most half a second from now."""
        self._stopping = True

    async def run(self) -> None:
        """Follow the collection until stopped."""
        while not self._stopping:
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
        async with self._collection.watch(
            resume_after=self._token, max_await_time_ms=EMPTY_WAIT_MILLISECONDS
        ) as stream:
            afresh = self._token is None
            if afresh:
                await self._on_afresh()
            log.info("Change stream open", extra={"action": "stream_opened", "afresh": afresh})
            while (verdict := await self.step(stream)) is Next.GO_ON:
                if self._stopping:
                    return verdict
        log.warning("Change stream ended", extra={"action": "stream_invalidated"})
        return verdict

    async def step(self, stream: AsyncIOMotorChangeStream[dict[str, Any]]) -> Next:
        """Wait for the server's next answer and hand on what it holds.

        Raises:
            PyMongoError: the stream failed.
        """
        event = await stream.try_next()
        self._answered_at = self._clock()
        self._failures = 0
        self._token = stream.resume_token
        if event is None:
            # Motor's stub takes this property for a method.
            return Next.GO_ON if stream.alive else Next.BEGIN_AFRESH  # type: ignore[truthy-function]
        change = store_change_of(event)
        if change is not None:
            self._on_change(change)
        return after_event(event["operationType"])

    def _after_error(self, error: PyMongoError) -> Next:
        code = error.code if isinstance(error, OperationFailure) else None
        verdict = after_error(code, server_answered=isinstance(error, OperationFailure))
        self._log_failure(error, verdict)
        return verdict

    def _log_failure(self, error: Exception, verdict: Next) -> None:
        self._failures += 1
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
