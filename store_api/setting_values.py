"""What the texts of settings may be: each parser makes the value of one, or says what it must be."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

_AROUND = re.compile(r"\A[\s\ufeff\u200b]+|[\s\ufeff\u200b]+\Z")
_QUOTES = ('""', "''", "“”", "‘’")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


def meant(text: str) -> str:
    """Take off what stands around a value and is not meant.

    Blanks, line ends (`echo` puts one into a Secret), a byte order mark, and one pair of quotes, which
    `docker run --env-file` leaves where a shell takes them off.
    """
    bare = _AROUND.sub("", text)
    if bare[:1] + bare[-1:] in _QUOTES and not {bare[0], bare[-1]} & set(bare[1:-1]):
        return _AROUND.sub("", bare[1:-1])
    return bare


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Make a parser of whole numbers within bounds."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def true_or_false(text: str) -> bool:
    """Parse what is on or off."""
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def database(text: str) -> str:
    """Parse a database's name."""
    if not text or len(text.encode()) > 63 or any(character in '/\\. "$*<>:|?\0' for character in text):
        raise ValueError("must be a database name that MongoDB takes")
    if text.lower() in ("admin", "config", "local"):
        raise ValueError("must be a database of its own: admin, config and local are MongoDB's")
    return text


def host(text: str) -> str:
    """Parse a name or an address to listen on, and take its brackets away."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        if _NAME.fullmatch(text) is None or len(text) > 253:
            raise ValueError(
                "must be a host name or an address: 0.0.0.0 is every IPv4 address, :: is every address"
            ) from None
    return bare


def folder(text: str) -> Path:
    """Parse a folder's path."""
    if "://" in text or "$" in text or any(character < " " for character in text):
        raise ValueError("must be a folder, without variables in it")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("must be a folder: whose home its ~ means is not known") from None


def file(text: str) -> Path:
    """Parse a file's path."""
    return folder(text)


def words(text: str) -> tuple[str, ...]:
    """Parse a list that is separated by commas or blanks."""
    found = tuple(word for word in re.split(r"[,\s]+", text) if word)
    if not found:
        raise ValueError("must be names, separated by commas")
    return found


AUTH_OFF, AUTH_TOKENS, AUTH_OIDC = "off", "tokens", "oidc"


def auth(text: str) -> frozenset[str]:
    """Parse how callers say who they are; none of the ways is `off`."""
    named = frozenset(words(text.lower()))
    if named == {AUTH_OFF}:
        return frozenset()
    if not named <= {AUTH_TOKENS, AUTH_OIDC}:
        raise ValueError("must be off, tokens, oidc, or tokens,oidc")
    return named


def hosts(text: str) -> frozenset[str]:
    """Parse names and addresses that requests may be for; `*` is any."""
    named = frozenset(word.lower().rstrip(".") for word in words(text))
    for name in named - {"*"}:
        if urlsplit(f"//{name}").netloc != name or "@" in name:
            raise ValueError("must be host names and addresses, separated by commas, or *")
    return named


def origins(text: str) -> frozenset[str]:
    """Parse origins of pages, as browsers send them."""
    named = frozenset(word.lower() for word in words(text))
    for origin in named:
        scheme, _, authority = origin.partition("://")
        if scheme not in ("http", "https") or not authority or urlsplit(f"//{authority}").netloc != authority:
            raise ValueError("must be origins as https://stock.example, separated by commas")
    return named


def url(text: str) -> str:
    """Parse an address of the web: of a secure server, or of one on this machine."""
    parts = urlsplit(text)
    is_here = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise ValueError("must be an https:// address")
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise ValueError("must be an https:// address without a user and a fragment")
    return text


_RATE = re.compile(r"([1-9][0-9]{0,8})/(?:([1-9][0-9]{0,4}) ?)?(second|minute|hour)s?")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}


def rate(text: str) -> tuple[int, int] | None:
    """Parse how many requests may be made in a window of so many seconds: `600/minute`, `50/10 seconds`."""
    if text.lower() in ("off", "0"):
        return None
    found = _RATE.fullmatch(text.lower())
    if found is None:
        raise ValueError("must be off, or as 100/second, 600/minute or 50/10 seconds")
    return int(found[1]), int(found[2] or 1) * _SECONDS[found[3]]
