"""Header fields that say what a client wants: preferences, origins, codings, upgrades."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from store_api.http.grammar import BLANKS, QUOTED, TOKEN, elements, tokens

_PREFERENCE = re.compile(
    rf"({TOKEN})(?:[ \t]*=[ \t]*({TOKEN}|{QUOTED})?)?"
    rf"(?:[ \t]*;(?:[ \t]*{TOKEN}(?:[ \t]*=[ \t]*(?:{TOKEN}|{QUOTED})?)?)?)*[ \t]*"
)
_PAIR = re.compile(r"\\(.)")
_CHARSET = re.compile(rf";[ \t]*charset=({TOKEN}|{QUOTED})[ \t]*(?=;|$)", re.IGNORECASE)
_NO_WEIGHT = re.compile(r"q[ \t]*=[ \t]*0(?:\.0{0,3})?")
_PORTS = {"http": 80, "https": 443}


def preference(lines: Sequence[str], name: str) -> str:
    """Find what `Prefer` asks for under a name: the first time that it is named counts (RFC 7240, 2).

    Args:
        lines: the field's lines, in their order.
        name: in small letters.

    Returns:
        The value, its case as it was; empty where there is none.
    """
    for element in elements(", ".join(lines)):
        found = _PREFERENCE.fullmatch(element)
        if found is not None and found[1].lower() == name:
            return unquoted(found[2] or "")
    return ""


def unquoted(word: str) -> str:
    """Take a quoted string's quotes and backslashes away; a token is left as it is."""
    return _PAIR.sub(r"\1", word[1:-1]) if word.startswith('"') else word


def charsets(content_type: str) -> list[str]:
    """List the character sets that a media type names, in small letters."""
    return [unquoted(charset).strip(BLANKS).lower() for charset in _CHARSET.findall(content_type)]


def codings(value: str) -> list[str]:
    """List the content codings of `Content-Encoding`; `identity` is none (RFC 9110, 8.4.1)."""
    return [coding for coding in tokens(value) if coding != "identity"]


def accepts_gzip(lines: Sequence[str]) -> bool:
    """Tell whether `Accept-Encoding` takes gzip (RFC 9110, 12.5.3): its own name counts before `*`.

    Args:
        lines: of the field; none is no, since not every program that says nothing can read it.
    """
    weights: dict[str, bool] = {}
    for coding in tokens(", ".join(lines)):
        name, _, weight = coding.partition(";")
        # An old name of the same (RFC 9110, 8.4.1.3).
        name = name.strip(BLANKS).removeprefix("x-")
        weights[name] = _NO_WEIGHT.fullmatch(weight.strip(BLANKS)) is None
    return weights.get("gzip", weights.get("*", False))


def is_same_host(origin: str, host: str) -> bool:
    """Tell whether an `Origin` is where the request was sent: the same host and port.

    The port that a scheme has of itself may be left out on either side (RFC 9110, 4.2.3). The scheme is not
    compared: who ends TLS before the service is not seen by it.
    """
    scheme, _, authority = origin.lower().partition("://")
    if scheme not in _PORTS or not host:
        return False
    try:
        theirs, ours = urlsplit(f"//{authority}"), urlsplit(f"//{host.lower()}")
        ports = [_PORTS[scheme] if url.port is None else url.port for url in (theirs, ours)]
    except ValueError:
        return False
    is_plain = theirs.netloc == authority and ours.netloc == host.lower() and "@" not in authority + host
    return is_plain and bool(ours.hostname) and theirs.hostname == ours.hostname and ports[0] == ports[1]


def asks_for_websocket(upgrade: Sequence[str], connection: Sequence[str], version: str) -> bool:
    """Tell whether a request asks for a websocket (RFC 9110, 7.8; RFC 6455, 4.2.1).

    Args:
        upgrade: the lines of `Upgrade`; another protocol may be named beside it.
        connection: the lines of `Connection`.
        version: the request's, as `1.1`.
    """
    return (
        version != "1.0"
        and "websocket" in tokens(", ".join(upgrade))
        and "upgrade" in tokens(", ".join(connection))
    )
