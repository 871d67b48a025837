"""Which hosts a request may be for, and which pages may do more than read."""

import pytest

from store_api.errors import ForeignPage, UnknownHost
from store_api.gate.origins import Hosts, Origins


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "stock.example"),
        (None, None),
        ("https://stock.example", "stock.example"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
    ],
)
def test_programs_and_the_service_s_own_page_may_write(origin: str | None, host: str | None) -> None:
    Origins().require(origin, host or "")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://stock.example:8000",
        "https://stock.example.evil.example",
        "null",
        "",
        "http://[",
    ],
)
def test_a_page_of_another_site_may_not(origin: str) -> None:
    with pytest.raises(ForeignPage):
        Origins().require(origin, "stock.example")


def test_a_page_that_is_allowed_may_write_from_elsewhere() -> None:
    Origins(frozenset({"https://shop.example"})).require("https://Shop.example", "stock.example")


def test_what_a_browser_calls_cross_site_may_not_even_without_an_origin() -> None:
    with pytest.raises(ForeignPage):
        Origins().require(None, "stock.example", "cross-site")
    Origins().require(None, "stock.example", "same-origin")


OURS = Hosts(frozenset({"localhost", "[::1]", "stock.example:8443"}))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost:8000",
        "localhost.:8000",
        "[::1]",
        "[::1]:80",
        "stock.example:8443",
    ],
)
def test_a_request_for_one_of_our_hosts_is_taken(host: str) -> None:
    OURS.require(host)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            "evil.example",
            "localhost.evil.example",
            "evil.example:8000",
            "stock.example",
            "stock.example:80",
        ),
        *("[::2]", "::1", "localhost@evil.example", ":80"),
    ],
)
def test_a_request_for_another_host_is_not(host: str) -> None:
    with pytest.raises(UnknownHost):
        OURS.require(host)


def test_any_host_may_be_allowed() -> None:
    Hosts(None).require("whatever")
