"""Files for browsers, read once and kept in memory: what each is, how it is cached, and what it may do."""

import gzip
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from pathlib import PurePath

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


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served.

    Args:
        body: its content.
        content_type: its media type.
        policy: what a page may load and do (Content-Security-Policy); empty where it is no page.
    """

    body: bytes
    content_type: str
    policy: str = ""
    etag: str = field(init=False)
    squeezed: bytes | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "etag", sha256(self.body).hexdigest()[:20])
        squeezed = gzip.compress(self.body, 6, mtime=0) if len(self.body) > WORTH_SQUEEZING else None
        object.__setattr__(self, "squeezed", squeezed)

    async def answer(self, request: Request) -> HTTPResponse:
        """Answer a request for it: whole, compressed, or "you have it already"."""
        squeezed = self.squeezed if accepts_gzip(request.headers.getall("accept-encoding", ())) else None
        # Each coding is a representation with a tag of its own (RFC 9110, 8.8.3).
        etag = f'"{self.etag}-gzip"' if squeezed else f'"{self.etag}"'
        headers = {**HEADERS, "ETag": etag}
        if self.policy:
            headers["Content-Security-Policy"] = self.policy
        body, status = squeezed or self.body, HTTPStatus.OK
        if _knows(request.headers.get("if-none-match", ""), etag):
            body, status = b"", HTTPStatus.NOT_MODIFIED
        elif squeezed:
            headers["Content-Encoding"] = "gzip"
        lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items())
        return WholeAnswer(body, self.content_type, lines, status, ASKED_AGAIN)


def _knows(header: str, etag: str) -> bool:
    """Tell whether an `If-None-Match` header names this tag, weak or strong (RFC 9110, 13.1.2)."""
    return header.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in header.split(",")]
