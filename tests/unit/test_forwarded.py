"""What proxies say of requests, and that nobody else is believed."""

from collections.abc import Sequence
from ipaddress import ip_network

import pytest
from multidict import CIMultiDict

from store_api.forwarded import NOBODY, Came, Proxies

PROXY, EDGE, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.9"
PROXIES = Proxies([ip_network("10.0.0.0/24"), ip_network("fd00::1")])
ALL_LINES = [
    ("Host", "api:8000"),
    ("X-Forwarded-For", CLIENT),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "stock.example"),
    ("X-Forwarded-Prefix", "/stock"),
]


def came(*lines: tuple[str, str], peer: str = PROXY, proxies: Proxies = PROXIES) -> Came:
    return proxies.came(peer, CIMultiDict(lines))


@pytest.mark.parametrize("peer", [PROXY, "::ffff:10.0.0.1", "fd00::1"])
def test_a_named_proxy_is_believed(peer: str) -> None:
    assert came(*ALL_LINES, peer=peer) == ("stock.example", "https", CLIENT, "/stock")


@pytest.mark.parametrize("peer", [CLIENT, "10.0.1.1", "::ffff:10.0.1.1", "fd00::2", "", "unix"])
def test_nobody_else_is(peer: str) -> None:
    assert came(*ALL_LINES, peer=peer) == ("api:8000", None, peer, "")
    assert came(*ALL_LINES, proxies=NOBODY) == ("api:8000", None, PROXY, "")


def test_a_proxy_that_says_nothing_changes_nothing() -> None:
    assert came(("Host", "api:8000")) == ("api:8000", None, PROXY, "")
    assert came() == ("", None, PROXY, "")


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([CLIENT], CLIENT),
        # What a client made up stands before what the proxies added.
        ([f"127.0.0.1, {CLIENT}"], CLIENT),
        (["127.0.0.1", CLIENT], CLIENT),
        ([f"{CLIENT}, {EDGE}"], CLIENT),
        (["2001:db8::7"], "2001:db8::7"),
        ([f"{EDGE}, {PROXY}"], EDGE),
        ([f"{CLIENT}, unknown"], PROXY),
        ([f"{CLIENT}, unknown, {EDGE}"], EDGE),
        ([""], PROXY),
        # Some gateways name the port as well.
        ([f"{CLIENT}:4711"], CLIENT),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        ([f"{CLIENT}, {EDGE}:80"], CLIENT),
        ([f"{CLIENT}:"], PROXY),
        ([f"{CLIENT}:port"], PROXY),
        ([f"[{CLIENT}]:80"], PROXY),
    ],
)
def test_the_client_is_the_last_one_that_is_no_proxy(lines: Sequence[str], client: str) -> None:
    assert came(*(("X-Forwarded-For", line) for line in lines)).address == client


@pytest.mark.parametrize(
    ("said", "prefix"),
    [
        ("/stock", "/stock"),
        ("/stock/", "/stock"),
        ("/a/b-c_d.e~1", "/a/b-c_d.e~1"),
        ("/other, /stock", "/stock"),
        ("/", ""),
        ("", ""),
        ("stock", ""),
        ("//evil.example", ""),
        ("/stock//evil", ""),
        ("https://evil.example", ""),
        ("/..", ""),
        ("/stock/../other", ""),
        ("/stock/./other", ""),
        ("/.stock", "/.stock"),
        ("/st ock", ""),
        ("/stock; Domain=evil.example", ""),
        ("/stock?x", ""),
        ("/st\u00f6ck", ""),
        ("/" + 255 * "a", "/" + 255 * "a"),
        ("/" + 256 * "a", ""),
    ],
)
def test_a_prefix_is_plain_segments_or_none(said: str, prefix: str) -> None:
    assert came(("X-Forwarded-Prefix", said)).prefix == prefix


@pytest.mark.parametrize(
    ("said", "host"),
    [
        ("stock.example", "stock.example"),
        ("evil.example, stock.example:8443", "stock.example:8443"),
        ("[2001:db8::7]:443", "[2001:db8::7]:443"),
        ("user@stock.example", "api:8000"),
        ("stock.example/path", "api:8000"),
        ("stock example", "api:8000"),
        ("", "api:8000"),
    ],
)
def test_a_host_is_written_as_in_the_host_line_or_that_one_counts(said: str, host: str) -> None:
    assert came(("Host", "api:8000"), ("X-Forwarded-Host", said)).host == host


@pytest.mark.parametrize(
    ("said", "scheme"), [("HTTPS", "https"), ("http", "http"), ("https, http", "http"), ("ftp", None)]
)
def test_a_scheme_is_the_one_that_the_nearest_proxy_names(said: str, scheme: str | None) -> None:
    assert came(("X-Forwarded-Proto", said)).scheme == scheme
