"""One change stream, read by a thread of its own that hands over whole batches.

Motor spends a turn of a thread on every event. Here the server is asked by hand (MongoDB manual, commands
`aggregate` and `getMore`): the driver's own cursor does not tell where a batch ends, and resumes unseen.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

EMPTY_WAIT_MILLISECONDS = 500
"""How long the server holds back an empty answer; an event is answered at once."""

REST_SECONDS = 0.05
"""How long the server is left alone after an answer while nobody needs the news at once."""

BREATH_SECONDS = 0.002
"""How long it is left alone after events that had been waiting when it was asked: more are on their way."""

MOST_EVENTS = 1000
"""Events in one answer."""

MOST_AHEAD = 16
"""Answers that the thread may be ahead of the event loop; then it waits, and MongoDB keeps the rest."""

EVERY_COLLECTION = "$cmd.aggregate"
"""What the server calls the collection of a cursor that is over a whole database."""

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said.

    Args:
        events: what happened, in order.
        token: where to take the stream up after this answer.
        alive: whether more can follow.
    """

    events: Sequence[Event]
    token: Mapping[str, Any] | None
    alive: bool


class StreamReader:
    """Reads a change stream until it ends, fails or is closed.

    Args:
        database: what to follow.
        pipeline: which of its events are wanted.
        token: where to take it up; None begins now.
        is_urgent: whether anybody needs the news at once; asked by the thread after each answer. Each answer
            costs the server and us far more than one more event in it does.
    """

    def __init__(
        self,
        database: "Database[dict[str, Any]]",
        pipeline: Sequence[Mapping[str, Any]],
        token: Mapping[str, Any] | None,
        is_urgent: Callable[[], bool],
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._token = token
        self._is_urgent = is_urgent
        self._loop = asyncio.get_running_loop()
        self._answers: deque[Answer | Exception] = deque()
        self._arrived = asyncio.Event()
        self._is_told = False
        self._has_room = threading.Event()
        self._closed = threading.Event()
        # A thread that waits for MongoDB must not hold up the end of the process.
        threading.Thread(target=self._run, name="change stream", daemon=True).start()

    async def answer(self) -> Answer:
        """Wait for what the server says next; the first answer says that the stream is open.

        Raises:
            PyMongoError: the stream failed, after all that was given before.
        """
        while not self._answers:
            self._arrived.clear()
            await self._arrived.wait()
        answer = self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        self._answers.popleft()
        self._has_room.set()
        return answer

    def close(self) -> None:
        """Let the thread end after the server's next answer."""
        self._closed.set()
        self._has_room.set()

    def _run(self) -> None:
        try:
            with self._database.client.start_session(causal_consistency=False) as session:
                self._read(session)
        except Exception as error:  # noqa: BLE001  (whoever waits for the next answer raises it)
            self._put(error)

    def _read(self, session: ClientSession) -> None:
        begin = {} if self._token is None else {"resumeAfter": self._token}
        pipeline = [{"$changeStream": begin}, *self._pipeline]
        cursor = self._ask(session, aggregate=1, pipeline=pipeline, cursor={})
        try:
            events = cursor["firstBatch"]
            self._put(Answer(events, _token_of(cursor), bool(cursor["id"])))
            seconds_waited = BREATH_SECONDS
            while cursor["id"] and not self._closed.is_set():
                if not self._is_urgent():
                    # More than what fits into one answer has waited long enough.
                    if len(events) < MOST_EVENTS:
                        self._closed.wait(REST_SECONDS)
                elif seconds_waited < BREATH_SECONDS:
                    self._closed.wait(BREATH_SECONDS)
                asked_at = monotonic()
                cursor = self._ask(
                    session,
                    getMore=cursor["id"],
                    collection=EVERY_COLLECTION,
                    batchSize=MOST_EVENTS,
                    maxTimeMS=EMPTY_WAIT_MILLISECONDS,
                )
                seconds_waited = monotonic() - asked_at
                events = cursor["nextBatch"]
                self._put(Answer(events, _token_of(cursor), bool(cursor["id"])))
        finally:
            self._forget(session, cursor["id"])

    def _ask(self, session: ClientSession, **command: Any) -> dict[str, Any]:
        reply = self._database.command(command, session=session, codec_options=self._database.codec_options)
        cursor: dict[str, Any] = reply["cursor"]
        return cursor

    def _forget(self, session: ClientSession, cursor_id: int) -> None:
        # Out of courtesy: the server forgets by itself what is not asked for.
        if cursor_id and self._closed.is_set():
            try:
                self._database.command(
                    {"killCursors": EVERY_COLLECTION, "cursors": [cursor_id]}, session=session
                )
            except PyMongoError:
                return

    def _put(self, answer: Answer | Exception) -> None:
        self._answers.append(answer)
        if not self._is_told:
            self._is_told = True
            try:
                self._loop.call_soon_threadsafe(self._tell)
            except RuntimeError:
                # The event loop is gone, and with it all who would want to know.
                self._closed.set()
        if len(self._answers) >= MOST_AHEAD:
            self._has_room.clear()
            # Looked at again: they may all have been taken just before.
            if len(self._answers) >= MOST_AHEAD and not self._closed.is_set():
                self._has_room.wait()

    def _tell(self) -> None:
        # In this order: whoever puts an answer after the first line wakes the loop again.
        self._is_told = False
        self._arrived.set()


def _token_of(cursor: Mapping[str, Any]) -> Mapping[str, Any] | None:
    token: Mapping[str, Any] | None = cursor.get("postBatchResumeToken")
    return token
