"""Pure: what a proxy says of a request that it hands on (`X-Forwarded-*`).

Whoever reaches the port can write such lines, so only proxies that were named are believed. From anybody else
the lines change nothing.
"""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple

from store_api.http.grammar import HOST, Fields, elements

Network = IPv4Network | IPv6Network

_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")
"""Plain segments alone: it becomes part of header lines, and `//host` would be another host's address."""

_LONGEST_PREFIX: Final = 256

_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+:[0-9A-Fa-f:.]*)\]|([0-9.]+))(?::[0-9]+)?")
"""As some gateways name a client: `203.0.113.9:4711`, `[2001:db8::7]:4711`."""

_SCHEMES: Final = ("http", "https")
_MOST_ADDRESSES = 1024


class Came(NamedTuple):
    """How a request came to the first of our proxies, or to us where there is none.

    Args:
        host: which it was for, with the port where one was named.
        scheme: `http` or `https`; None where nobody has said.
        address: the client's, as far as it is known.
        prefix: the path under which the proxy has the service, such as `/stock`; empty is the root.
    """

    host: str
    scheme: str | None
    address: str
    prefix: str


class Proxies:
    """The proxies that are believed.

    Args:
        trusted: their addresses.
    """

    def __init__(self, trusted: Collection[Network]) -> None:
        self._trusted = tuple(trusted)
        self._is_trusted: Callable[[str], bool] = lru_cache(_MOST_ADDRESSES)(self._look_up)

    def came(self, peer: str, headers: Fields) -> Came:
        """Tell how a request came.

        Args:
            peer: the address that its connection comes from.
            headers: its header.
        """
        host = headers.getall("host", ("",))[0]
        if not self._trusted or not self._is_trusted(peer):
            return Came(host, None, peer, "")
        scheme = _last(headers, "x-forwarded-proto").lower()
        prefix = _last(headers, "x-forwarded-prefix").rstrip("/")
        named = _last(headers, "x-forwarded-host")
        return Came(
            named if named and HOST.fullmatch(named) else host,
            scheme if scheme in _SCHEMES else None,
            self._client(peer, headers),
            prefix if len(prefix) <= _LONGEST_PREFIX and _PREFIX.fullmatch(prefix) else "",
        )

    def _client(self, peer: str, headers: Fields) -> str:
        """Find the client's address: the last one that is no proxy of ours, since each added whom it heard.

        What stands before it, that client has written.
        """
        client = peer
        for address in map(_without_port, reversed(_list(headers, "x-forwarded-for"))):
            if _plain(address) is None:
                break
            client = address
            if not self._is_trusted(address):
                break
        return client

    def _look_up(self, address: str) -> bool:
        known = _plain(address)
        return known is not None and any(known in network for network in self._trusted)


NOBODY: Final = Proxies(())
"""Where no proxy is named."""


def _list(headers: Fields, name: str) -> list[str]:
    """Read a field's lines, which are all one list (RFC 9110, 5.3)."""
    return elements(",".join(headers.getall(name, ())))


def _last(headers: Fields, name: str) -> str:
    """Give the last element, which the proxy that is next to us wrote; empty where there is none."""
    return "".join(_list(headers, name)[-1:])


def _without_port(address: str) -> str:
    """Give an address alone; what is none is as it was."""
    found = _WITH_PORT.fullmatch(address)
    return (found[1] or found[2]) if found else address


def _plain(address: str) -> object | None:
    """Read an address; None where it is none. By a port of both families, one of IPv4 comes within IPv6."""
    try:
        known = ip_address(address)
    except ValueError:
        return None
    return known.ipv4_mapped or known if isinstance(known, IPv6Address) else known
