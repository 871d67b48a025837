"""A real HTTP server that speaks as much of the Bot API as the bot does, and can be as bad as Telegram.

What it checks, and how it refuses, is what core.telegram.org/bots/api says: text of 1 to 4,096 characters
(counted in UTF-16 units, the strictest reading), captions up to 1,024, photos up to 10 MB and 10,000 dots of
width and height together, files up to 50 MB and not empty.
"""

import asyncio
import itertools
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web
from sanic.headers import parse_content_header
from sanic.request.form import parse_multipart_form

from tests.support.mongod import wait_until

TOKEN = "4242:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"  # noqa: S105
USER, STRANGER = 1001, 2002

AT_ONCE = 100
"""Updates in one answer, unless fewer were asked for (core.telegram.org/bots/api#getupdates)."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent along."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in, whatever became of it."""

    method: str
    fields: dict[str, str]
    files: dict[str, Upload]
    at: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error, as Telegram words them."""

    status: int
    description: str = "Something is wrong"
    retry_after: int | None = None
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """Take the request and never answer it, until the server is left."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the connection without an answer; maybe after the message was delivered."""

    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Garbage:
    """Answer with a proxy's page."""

    status: int = 502
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Deliver the message, but answer no sooner than the event is set."""

    until: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Raw:
    """Answer with just this body; maybe after the message was delivered."""

    status: int
    body: str
    delivered: bool = False


Fault = Refuse | Stall | HangUp | Garbage | Hold | Raw


class BotApi:
    """The server, in a thread of its own; a context manager.

    Attributes:
        calls: every request but getUpdates.
        delivered: what has reached the user's chat, in order.

    Args:
        address: of this machine, where it listens.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._address = address
        self.calls: list[Call] = []
        self.delivered: list[Call] = []
        self.polls = 0
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._updates: list[Any] = []
        self._next_update = 0
        self._ids = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._closing = asyncio.Event()
        self._polling = False

    def __enter__(self) -> Self:
        """Open a free port."""
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The base URL, for TELEGRAM_API."""
        return f"http://{self._address}:{self._port}"

    def fail(self, method: str, *faults: Fault) -> None:
        """Let the next requests of a method go wrong, one after the other."""
        self._faults[method].extend(faults)

    def say(
        self,
        text: str,
        user: int = USER,
        chat: dict[str, Any] | None = None,
        *,
        at: float | None = None,
        **more: object,
    ) -> None:
        """Let a user write to the bot, in the private chat with it unless told otherwise.

        Args:
            text: what.
            user: who.
            chat: where.
            at: when, by Telegram's clock, in seconds since 1970; now unless told otherwise.
            more: what else the message has, as `forward_origin`.
        """
        update_id = next(self._ids)
        sender = {"id": user, "is_bot": False, "first_name": "Somebody"}
        message = {
            "message_id": update_id,
            "date": int(time.time() if at is None else at),
            "chat": chat or {"id": user, "type": "private", "first_name": "Somebody"},
            "from": sender,
            "text": text,
            "entities": [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
            if text.startswith("/")
            else [],
            **more,
        }
        self.put({"update_id": update_id, "message": message})

    def put(self, *updates: Any) -> None:
        """Let updates wait for the bot, whatever they are."""
        self._updates.extend(updates)
        self._next_update = max((number_of(update) for update in updates), default=0) + 1

    def number_from(self, update_id: int) -> None:
        """Give the next update this number."""
        self._ids = itertools.count(update_id)

    def let_a_quiet_week_pass(self, update_id: int) -> None:
        """Give the next update this number, as Telegram gives any number after a week without messages.

        By then the bot has long confirmed what it was sent before; an answer to it does not say so yet.
        """
        self.wait_for(lambda api: api.all_read, "the request that confirms what was sent")
        self.number_from(update_id)

    def methods(self) -> list[str]:
        """List the methods that were called, in order."""
        return [call.method for call in list(self.calls)]

    def texts(self) -> list[str]:
        """List the messages that were delivered."""
        return [call.fields["text"] for call in list(self.delivered) if call.method == "sendMessage"]

    def files(self, method: str) -> list[Upload]:
        """List the files that were delivered by sendPhoto or sendDocument."""
        return [
            file for call in list(self.delivered) if call.method == method for file in call.files.values()
        ]

    def wait_for(self, condition: Callable[["BotApi"], bool], what: str, seconds: float = 60.0) -> None:
        """Wait until something has come in."""
        wait_until(lambda: condition(self), f"{what}; there came {self.methods()}", seconds)

    def forget(self) -> None:
        """Begin anew with what was asked and delivered."""
        self.calls.clear()
        self.delivered.clear()

    def let_it_read(self) -> None:
        """Wait until the server has read what has come in so far."""
        self._run(asyncio.sleep(0))

    @property
    def all_read(self) -> bool:
        """Whether every message to the bot was received, and confirmed by the next request."""
        return not self._updates

    def _run(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _open(self) -> None:
        app = web.Application(client_max_size=100 * 10**6)
        app.router.add_post("/bot{token}/{method}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address, 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        self._closing.set()
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        call = await _read(request)
        if request.match_info["token"] != TOKEN:
            return _refusal(Refuse(401, "Unauthorized"))
        if call.method == "getUpdates":
            return await self._get_updates(call, request)
        self.calls.append(call)
        fault = self._next_fault(call.method)
        if isinstance(fault, Stall):
            await self._closing.wait()
        if fault is not None and not getattr(fault, "delivered", True):
            return _fault_alone(fault, request)
        if (wrong := _refused_by_telegram(call)) is not None:
            return _refusal(wrong)
        answer = self._deliver(call)
        if isinstance(fault, HangUp | Raw):
            return _fault_alone(fault, request)
        if isinstance(fault, Hold):
            await asyncio.to_thread(fault.until.wait, 20)
        return answer

    def _deliver(self, call: Call) -> web.StreamResponse:
        if not call.method.startswith("send"):
            return _ok(True)
        self.delivered.append(call)
        chat = {"id": int(call.fields["chat_id"]), "type": "private", "first_name": "Somebody"}
        return _ok({"message_id": next(self._ids), "date": int(time.time()), "chat": chat})

    def _next_fault(self, method: str) -> Fault | None:
        faults = self._faults[method]
        return faults.popleft() if faults else None

    async def _get_updates(self, call: Call, request: web.Request) -> web.StreamResponse:
        self.polls += 1
        if (fault := self._next_fault("getUpdates")) is not None:
            return _fault_alone(fault, request)
        if self._polling:
            return _refusal(Refuse(409, "Conflict: terminated by other getUpdates request"))
        self._polling = True
        try:
            offset = int(call.fields.get("offset", "0"))
            if offset <= self._next_update:  # one from before the numbers jumped confirms nothing
                self._updates[:] = [update for update in self._updates if number_of(update) >= offset]
            until = time.monotonic() + float(call.fields.get("timeout", "0"))
            while not self._updates and time.monotonic() < until and not self._closing.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            return _ok(self._updates[:AT_ONCE])
        finally:
            self._polling = False


def number_of(update: Any) -> int:
    """Give an update's number; one that has none is confirmed by nothing."""
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) else 2**31


async def _read(request: web.Request) -> Call:
    """Read the body whole, and only then look at it.

    aiohttp's own `request.post()` looks at a multipart body piece by piece. Where a small piece comes before
    a large one it takes a way that aiohttp has deprecated, and how TCP cuts a body is nobody's choice.
    """
    body = await request.read()
    if request.content_type == "multipart/form-data":
        boundary = _boundary(request.headers["Content-Type"])
        parts, uploads = parse_multipart_form(body, boundary)  # type: ignore[no-untyped-call]
        fields = {name: value for name, (value,) in parts.items()}
        files = {name: Upload(file.name, file.body) for name, (file,) in uploads.items()}
    else:
        fields, files = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body))), {}
    return Call(request.match_info["method"], fields, files, time.monotonic())


def _boundary(content_type: str) -> bytes:
    _, parameters = parse_content_header(content_type)
    return str(parameters["boundary"]).encode()


def _refused_by_telegram(call: Call) -> Refuse | None:
    """Say what Telegram would say to it, or None where it would take it."""
    if not call.method.startswith("send"):
        return None
    if int(call.fields.get("chat_id", "0")) not in (USER, STRANGER):
        return Refuse(400, "Bad Request: chat not found")
    if call.method == "sendMessage":
        return _wrong_text(call.fields.get("text", ""))
    if len(call.fields.get("caption", "").encode("utf-16-le")) // 2 > 1024:
        return Refuse(400, "Bad Request: message caption is too long")
    (file,) = call.files.values()
    if not file.content:
        return Refuse(400, "Bad Request: file must be non-empty")
    if call.method == "sendPhoto":
        return _wrong_photo(file.content)
    return Refuse(413, "Request Entity Too Large") if len(file.content) > 50 * 10**6 else None


def _wrong_text(text: str) -> Refuse | None:
    if not text.strip():
        return Refuse(400, "Bad Request: message text is empty")
    if len(text.encode("utf-16-le")) // 2 > 4096:
        return Refuse(400, "Bad Request: message is too long")
    return None


def _wrong_photo(content: bytes) -> Refuse | None:
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or content[-8:-4] != b"IEND":
        return Refuse(400, "Bad Request: IMAGE_PROCESS_FAILED")
    wide, high = struct.unpack(">II", content[16:24])
    if len(content) > 10 * 10**6 or wide + high > 10_000 or max(wide, high) > 20 * min(wide, high):
        return Refuse(400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    return None


def _ok(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _refusal(fault: Refuse) -> web.Response:
    body: dict[str, object] = {
        "ok": False,
        "error_code": fault.status,
        "description": fault.description,
    }
    if fault.retry_after is not None:
        body["parameters"] = {"retry_after": fault.retry_after}
    return web.json_response(body, status=fault.status)


def _fault_alone(fault: Fault, request: web.Request) -> web.StreamResponse:
    """Answer with a fault and nothing else."""
    if isinstance(fault, Refuse):
        return _refusal(fault)
    if isinstance(fault, Garbage):
        return web.Response(status=fault.status, text="<html>Bad gateway</html>", content_type="text/html")
    if isinstance(fault, Raw):
        return web.Response(status=fault.status, text=fault.body, content_type="application/json")
    return _hang_up(request)


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
