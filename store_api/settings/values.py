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


def on_or_off(text: str) -> bool:
    """Parse what is on or off, in these words."""
    if text.lower() not in ("on", "off"):
        raise ValueError("must be on or off")
    return text.lower() == "on"


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
    named = frozenset(re.split(r"[,\s]+", text.lower().strip(", ")))
    if named == {AUTH_OFF}:
        return frozenset()
    if not named <= {AUTH_TOKENS, AUTH_OIDC}:
        raise ValueError("must be off, tokens, oidc, or tokens,oidc")
    return named


_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_PORTS = {"http": "80", "https": "443"}


def hosts(text: str) -> frozenset[str]:
    """Parse names and addresses that requests may be for, each for every port or with one; `*` is any."""
    try:
        return frozenset(word if word == "*" else _authority(word) for word in words(text.lower()))
    except ValueError:
        raise ValueError(
            "must be host names and addresses as clients name them, separated by commas, or *"
        ) from None


def origins(text: str) -> frozenset[str]:
    """Parse origins of pages, and write them as browsers send them."""
    try:
        return frozenset(_origin(word) for word in words(text.lower()))
    except ValueError:
        raise ValueError("must be origins as https://stock.example, separated by commas") from None


def _origin(word: str) -> str:
    scheme, _, authority = word.removesuffix("/").partition("://")
    if scheme not in _PORTS:
        raise ValueError(word)
    return f"{scheme}://{_authority(authority).removesuffix(f':{_PORTS[scheme]}')}"


def _authority(word: str) -> str:
    """Write a host with or without a port as clients send it.

    Raises:
        ValueError: it is none.
    """
    found = _AUTHORITY.fullmatch(f"[{word}]" if word.count(":") > 1 and "[" not in word else word)
    if found is None or not 0 < int(found[2] or 1) < 65536:
        raise ValueError(word)
    name = host(found[1]).rstrip(".")
    if ":" in name:
        name = f"[{ipaddress.ip_address(name).compressed}]"
    return name if found[2] is None else f"{name}:{int(found[2])}"


def line(text: str) -> str:
    """Parse a text that others have made up, which is compared as it is."""
    if not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


def url(text: str) -> str:
    """Parse an address of the web: of a secure server, or of one on this machine."""
    try:
        parts = urlsplit(text)
        is_here = parts.hostname in ("127.0.0.1", "::1", "localhost")
        is_whole = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
    except ValueError:
        raise ValueError("must be an https:// address, or http:// on this machine") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise ValueError("must be an https:// address, or http:// on this machine")
    if not is_whole or not text.isprintable() or " " in text:
        raise ValueError("must be an https:// address without a user, a fragment and blanks")
    return text


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(text: str) -> frozenset[Network]:
    """Parse addresses and networks."""
    try:
        return frozenset(ipaddress.ip_network(word) for word in words(text))
    except ValueError:
        raise ValueError("must be addresses and networks as 10.1.2.3 and 10.0.0.0/8") from None


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
