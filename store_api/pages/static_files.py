"""Files for browsers, kept in memory: what each is, how it is cached, and what it may do."""

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from pathlib import PurePath
from typing import NamedTuple

from sanic import HTTPResponse, Request

from store_api.http.fields import accepts_gzip
from store_api.web.fast_path import WholeAnswer

WORTH_SQUEEZING = 1400
"""A body that fits into one packet is not compressed, in bytes."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".yaml": "application/yaml",
}

ASKED_AGAIN = "no-cache"
"""Always asked again, and answered without a body as long as nothing changed: right after every upgrade."""

HEADERS = {
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def content_type_of(name: str) -> str:
    """Name the media type of a file by its suffix.

    Raises:
        KeyError: the service serves no such files.
    """
    return _TYPES[PurePath(name).suffix]


class Served(NamedTuple):
    """A file's content as it leaves.

    Args:
        body: its content.
        etag: tells it from every other content.
        squeezed: compressed; None where that is not worth it.
    """

    body: bytes
    etag: str
    squeezed: bytes | None


@dataclass(slots=True, eq=False)
class Asset:
    """One file as it is served.

    Args:
        body: its content, or what makes it.
        content_type: its media type.
        policy: what a page may load and do (Content-Security-Policy); empty where it is no page.
    """

    body: bytes | Callable[[], bytes]
    content_type: str
    policy: str = ""
    _served: Served | None = field(init=False, default=None)

    async def answer(self, request: Request) -> HTTPResponse:
        """Answer a request for it: whole, compressed, or "you have it already"."""
        if self._served is None:
            # A tenth of a second for all files, which most processes are never asked for.
            self._served = await asyncio.to_thread(self._prepare)
        whole, tag, squeezed = self._served
        if not accepts_gzip(request.headers.getall("accept-encoding", ())):
            squeezed = None
        # Each coding is a representation with a tag of its own (RFC 9110, 8.8.3).
        etag = f'"{tag}-gzip"' if squeezed else f'"{tag}"'
        headers = {**HEADERS, "ETag": etag}
        if self.policy:
            headers["Content-Security-Policy"] = self.policy
        body, status = squeezed or whole, HTTPStatus.OK
        if _knows(request.headers.get("if-none-match", ""), etag):
            body, status = b"", HTTPStatus.NOT_MODIFIED
        elif squeezed:
            headers["Content-Encoding"] = "gzip"
        lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items())
        return WholeAnswer(body, self.content_type, lines, status, ASKED_AGAIN)

    def content(self) -> bytes:
        """Give its content, and make it where it is made."""
        return self.body if isinstance(self.body, bytes) else self.body()

    def _prepare(self) -> Served:
        body = self.content()
        squeezed = gzip.compress(body, 6, mtime=0) if len(body) > WORTH_SQUEEZING else None
        return Served(body, sha256(body).hexdigest()[:20], squeezed)


def _knows(header: str, etag: str) -> bool:
    """Tell whether an `If-None-Match` header names this tag, weak or strong (RFC 9110, 13.1.2)."""
    return header.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in header.split(",")]
