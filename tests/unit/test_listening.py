"""Where the service listens: one family of addresses, the other, or both; and what it says when it cannot."""

import errno
import socket
import sys
from typing import Any

import pytest

from store_api.errors import WrongSetting
from store_api.listening import address_to_ask, open_port, shown
from tests.support.mongod import free_port

V4, V6 = "127.0.0.1", "::1"


def has_ipv6() -> bool:
    try:
        socket.create_server((V6, 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def reached(port: int) -> set[str]:
    """Give the loopback addresses at which somebody listens."""
    found = set()
    for address in (V4, V6):
        try:
            socket.create_connection((address, port), 1.0).close()
        except OSError:
            continue
        found.add(address)
    return found


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "families"),
    [
        ("127.0.0.1", {V4}),
        ("0.0.0.0", {V4}),  # noqa: S104  (that is what is tried)
        ("localhost", {V4}),
        ("LocalHost", {V4}),
        ("::1", {V6}),
        ("::", {V4, V6}),
        ("0:0::0", {V4, V6}),
    ],
)
def test_it_is_reached_in_the_families_that_it_listens_in(host: str, families: set[str]) -> None:
    port = free_port()
    with open_port(host, port):
        assert reached(port) == families
        # What a health check of the same machine asks is always among them.
        socket.create_connection((address_to_ask(host), port), 1.0).close()


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_on_a_machine_without_ipv6_every_address_is_every_ipv4_address(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    create = socket.create_server

    def without_ipv6(address: Any, **how: Any) -> socket.socket:
        if how.get("family") == socket.AF_INET6:
            raise OSError(code, "no IPv6 here")
        return create(address, **how)

    monkeypatch.setattr(socket, "create_server", without_ipv6)
    port = free_port()
    with open_port("::", port):
        assert reached(port) == {V4}


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("no-such-host.invalid", "HOST: no-such-host.invalid cannot be looked up: "),
        ("a..b", "HOST: a..b cannot be looked up: "),
        ("192.0.2.77", "HOST: 192.0.2.77 is no address of this machine"),
        ("2001:db8::77", "HOST: 2001:db8::77 is no address of this machine"),
    ],
)
def test_an_address_that_is_not_here_is_one_line_that_names_it(host: str, line: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        open_port(host, free_port())
    assert str(wrong.value).startswith(line)
    assert "\n" not in str(wrong.value)


@needs_ipv6
@pytest.mark.parametrize(("taken", "host"), [(V4, V4), (V6, V6), (V4, "::"), (V6, "::")])
def test_a_port_that_is_taken_is_one_line_that_names_it(taken: str, host: str) -> None:
    family = socket.AF_INET6 if ":" in taken else socket.AF_INET
    with socket.create_server((taken, 0), family=family) as other:
        port = other.getsockname()[1]
        with pytest.raises(WrongSetting) as wrong:
            open_port(host, port)
    assert str(wrong.value) == f"PORT: cannot listen on {shown(host)}:{port}: Address already in use"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone can be told")
def test_what_a_client_has_not_acknowledged_is_sent_again_soon() -> None:
    port = free_port()
    with open_port(V4, port) as listener, socket.create_connection((V4, port)):
        accepted, _ = listener.accept()
        with accepted:
            kept = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            try:
                again = accepted.getsockopt(socket.IPPROTO_TCP, 44)  # TCP_RTO_MAX_MS
            except OSError:
                # Before Linux 6.15 it goes on as long as it always did.
                assert kept == 0
            else:
                assert (again, kept) == (2000, 120_000)
