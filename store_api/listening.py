"""The address that the service listens on: one family of addresses, the other, or both."""

import errno
import ipaddress
import os
import socket
import sys
from contextlib import suppress

from store_api.errors import WrongSetting

BACKLOG = 1024
"""Connections that may wait to be accepted."""

_TCP_RTO_MAX_MS, SENT_AGAIN_MILLISECONDS = 44, 2000
"""How often at least Linux sends again what a client has not acknowledged (since 6.15; linux/tcp.h).

By itself it pauses for as long again as nothing arrived: who was cut off for 15 s hears nothing for 15 more.
"""

KEPT_MILLISECONDS = 120_000
"""How long Linux goes on with that: it counts how often, which is over sooner now. A ping ends it before."""

_WITHOUT_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def open_port(host: str, port: int) -> socket.socket:
    """Listen.

    `::` is every address of the machine, of both families; on a machine without IPv6 that is every IPv4
    address. `0.0.0.0` is every IPv4 address. A name that has addresses of both families is its IPv4 one.

    Args:
        host: an address without brackets, or a name.
        port: the port.

    Raises:
        WrongSetting: it cannot be; one line says why.
    """
    try:
        if _is_every(host, 6):
            return _insistent(_open_every(port))
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        return _insistent(socket.create_server(address, family=family, backlog=BACKLOG))
    except (socket.gaierror, UnicodeError) as unknown:
        reason = getattr(unknown, "strerror", None) or "it is no name"
        raise WrongSetting("HOST", f"{host} cannot be looked up: {reason}") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise WrongSetting("HOST", f"{host} is no address of this machine") from None
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise WrongSetting("PORT", f"cannot listen on {shown(host)}:{port}: {reason}") from None


def _open_every(port: int) -> socket.socket:
    try:
        return socket.create_server(
            ("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=socket.has_dualstack_ipv6()
        )
    except OSError as error:
        if error.errno not in _WITHOUT_IPV6:
            raise
    return socket.create_server(("0.0.0.0", port), backlog=BACKLOG)  # noqa: S104  (what `::` asks for)


def _insistent(listener: socket.socket) -> socket.socket:
    """Let its connections send again soon what was lost; an older system does as it always did."""
    if sys.platform == "linux":
        with suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, SENT_AGAIN_MILLISECONDS)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, KEPT_MILLISECONDS)
    return listener


def address_to_ask(host: str) -> str:
    """Give the address at which this machine reaches who listens on `host`."""
    return "127.0.0.1" if _is_every(host, 4) or _is_every(host, 6) else host


def shown(host: str) -> str:
    """Write an address or a name as a URL does."""
    return f"[{host}]" if ":" in host else host


def _is_every(host: str, version: int) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.version == version and address.is_unspecified
