"""Settings of access: what each variable takes, what a wrong one says, and what must be said at the start."""

import dataclasses
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from store_api.errors import WrongSetting
from store_api.settings import Settings
from tests.support.refusals import refused

OF_ACCESS = (
    *("AUTH", "OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_JWKS_URL", "OIDC_STORES_CLAIM"),
    *("ALLOWED_HOSTS", "ALLOWED_ORIGINS", "TLS_CERT", "TLS_KEY", "RATE_WRITES", "RATE_READS"),
    "TRUSTED_PROXIES",
)
WHOLE = {
    "AUTH": "tokens,oidc",
    "OIDC_ISSUER": "https://issuer.example/",
    "OIDC_AUDIENCE": "stock",
    "OIDC_JWKS_URL": "https://issuer.example/keys",
    "TLS_CERT": "cert.pem",
    "TLS_KEY": "key.pem",
}
"""Whatever needs another variable has it."""

TYPED = [
    # variable, what somebody types, and what is meant by it; None is a refusal
    ("AUTH", "off", set()),
    ("AUTH", "OFF", set()),
    ("AUTH", "tokens", {"tokens"}),
    ("AUTH", "oidc", {"oidc"}),
    ("AUTH", '"tokens, oidc"', {"tokens", "oidc"}),
    ("AUTH", "tokens oidc\n", {"tokens", "oidc"}),
    ("AUTH", "off,tokens", None),
    ("AUTH", "off!", None),
    ("AUTH", "none", None),
    ("AUTH", "true", None),
    ("AUTH", "token", None),
    ("AUTH", ",", None),
    ("OIDC_ISSUER", "https://issuer.example/", "https://issuer.example/"),
    ("OIDC_ISSUER", "https://one.example/\nhttps://two.example/", None),
    ("OIDC_AUDIENCE", "my stock", "my stock"),
    ("OIDC_STORES_CLAIM", "https://stock.example/stores", "https://stock.example/stores"),
    ("OIDC_STORES_CLAIM", "a\x00b", None),
    ("OIDC_JWKS_URL", "https://issuer.example/keys?v=1", "https://issuer.example/keys?v=1"),
    ("OIDC_JWKS_URL", "http://127.0.0.1:8080/keys", "http://127.0.0.1:8080/keys"),
    ("OIDC_JWKS_URL", "http://[::1]/keys", "http://[::1]/keys"),
    ("OIDC_JWKS_URL", "http://issuer.example/keys", None),
    ("OIDC_JWKS_URL", "http://127.0.0.1.issuer.example/keys", None),
    ("OIDC_JWKS_URL", "http://127.0.0.1@issuer.example/keys", None),
    ("OIDC_JWKS_URL", "https://user:secret-word@issuer.example/keys", None),
    ("OIDC_JWKS_URL", "https://:secret-word@issuer.example/keys", None),
    ("OIDC_JWKS_URL", "https://issuer.example/keys#secret-word", None),
    ("OIDC_JWKS_URL", "https://issuer.example:secret-word/keys", None),
    ("OIDC_JWKS_URL", "https://issuer.exa\nmple/keys", None),
    ("OIDC_JWKS_URL", "https://issuer.example/my keys", None),
    ("OIDC_JWKS_URL", "file:///etc/secret-word", None),
    ("OIDC_JWKS_URL", "https:///secret-word", None),
    ("OIDC_JWKS_URL", "https://[secret-word", None),
    ("OIDC_JWKS_URL", "issuer.example", None),
    ("TRUSTED_PROXIES", "127.0.0.1", {IPv4Network("127.0.0.1")}),
    ("TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8", {IPv4Network("10.0.0.0/8"), IPv6Network("fd00::/8")}),
    ("TRUSTED_PROXIES", "10.1.2.3/8", None),
    ("TRUSTED_PROXIES", "proxy.example", None),
    ("TRUSTED_PROXIES", "*", None),
    ("ALLOWED_HOSTS", "*", {"*"}),
    ("ALLOWED_HOSTS", "Stock.example., 10.0.0.7", {"stock.example", "10.0.0.7"}),
    ("ALLOWED_HOSTS", "stock.example:08443", {"stock.example:8443"}),
    ("ALLOWED_HOSTS", "::1 [0:0::2] [::3]:80", {"[::1]", "[::2]", "[::3]:80"}),
    ("ALLOWED_HOSTS", "store_api", {"store_api"}),
    ("ALLOWED_HOSTS", "*.stock.example", None),
    ("ALLOWED_HOSTS", "https://stock.example", None),
    ("ALLOWED_HOSTS", "stock.example/", None),
    ("ALLOWED_HOSTS", "stock.example:", None),
    ("ALLOWED_HOSTS", "stock.example:http", None),
    ("ALLOWED_HOSTS", "stock.example:65536", None),
    ("ALLOWED_HOSTS", "user@stock.example", None),
    ("ALLOWED_HOSTS", "lager-köln.example", None),
    ("ALLOWED_HOSTS", "[::1", None),
    ("ALLOWED_HOSTS", ",", None),
    ("ALLOWED_ORIGINS", "https://Shop.example", {"https://shop.example"}),
    ("ALLOWED_ORIGINS", "https://shop.example:443/", {"https://shop.example"}),
    ("ALLOWED_ORIGINS", "http://a:80,http://b:443", {"http://a", "http://b:443"}),
    ("ALLOWED_ORIGINS", "http://[::1]:3000", {"http://[::1]:3000"}),
    ("ALLOWED_ORIGINS", "*", None),
    ("ALLOWED_ORIGINS", "null", None),
    ("ALLOWED_ORIGINS", "https://*.example", None),
    ("ALLOWED_ORIGINS", "shop.example", None),
    ("ALLOWED_ORIGINS", "https://shop.example/page", None),
    ("ALLOWED_ORIGINS", "file:///page", None),
    ("ALLOWED_ORIGINS", "https://", None),
    ("TLS_CERT", "~/cert.pem", Path.home() / "cert.pem"),
    ("TLS_KEY", "$HOME/key.pem", None),
    ("TLS_KEY", "-----BEGIN PRIVATE KEY-----\nsecret-word", None),
    ("RATE_WRITES", "600/minute", (600, 60)),
    ("RATE_WRITES", "1/second", (1, 1)),
    ("RATE_READS", "50/10 seconds", (50, 10)),
    ("RATE_READS", "2/24hours", (2, 86400)),
    ("RATE_READS", "OFF", None),
]
EVERYBODY = ("0.0.0.0", "::", "[::]")  # noqa: S104  (they are read, and nobody listens)
REFUSED_RATES = (
    "on",
    "10",
    "0/minute",
    "-1/minute",
    "1.5/minute",
    "10/day",
    "10/0 seconds",
    "١/minute",
    "/second",
)


@pytest.mark.parametrize(("variable", "typed", "is_meant"), TYPED)
def test_what_people_type_is_taken_as_meant_or_refused_in_one_line(
    variable: str, typed: str, is_meant: object
) -> None:
    (name,) = [each.name for each in dataclasses.fields(Settings) if each.metadata["variable"] == variable]
    if is_meant is not None or typed == "OFF":
        assert getattr(Settings.read({**WHOLE, variable: typed}), name) == is_meant
        return
    assert "secret-word" not in refused(Settings, variable, typed, **WHOLE)


@pytest.mark.parametrize("typed", REFUSED_RATES)
def test_what_is_no_rate_is_refused(typed: str) -> None:
    assert "600/minute" in refused(Settings, "RATE_WRITES", typed)


@pytest.mark.parametrize("host", [*EVERYBODY, "10.0.0.7", "stock.example", "fe80::1%eth0", "::ffff:10.0.0.7"])
def test_a_service_that_others_reach_must_be_told_who_may(host: str) -> None:
    for nothing in ({}, {"AUTH": ""}, {"AUTH": " "}):
        with pytest.raises(WrongSetting) as wrong:
            Settings.read({**nothing, "HOST": host})
        said = str(wrong.value)
        assert said.startswith("AUTH: ")
        assert "\n" not in said
        assert host.strip("[]") in said
        for way_out in ("AUTH=tokens", "AUTH=off", "python -m store_api tokens create"):
            assert way_out in said
    for auth in ("off", "tokens"):
        assert Settings.read({"AUTH": auth, "HOST": host}).auth == frozenset({auth} - {"off"})


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.9", "::1", "[::1]", "localhost", "LOCALHOST", "localhost."]
)
def test_a_service_that_nobody_else_reaches_need_not_be_told(host: str) -> None:
    settings = Settings.read({"HOST": host})
    assert (settings.auth, settings.is_loopback) == (None, True)


def test_a_service_that_trusts_a_proxy_is_reached_through_it_and_must_be_told() -> None:
    with pytest.raises(
        WrongSetting, match=r"AUTH: must be set .* TRUSTED_PROXIES names a proxy: AUTH=tokens"
    ):
        Settings.read({"TRUSTED_PROXIES": "127.0.0.1"})
    for auth in ("off", "tokens"):
        settings = Settings.read({"TRUSTED_PROXIES": "127.0.0.1", "AUTH": auth})
        assert settings.auth == frozenset({auth} - {"off"})


@pytest.mark.parametrize("missing", ["OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_JWKS_URL", "TLS_CERT", "TLS_KEY"])
def test_what_needs_another_variable_names_the_one_that_is_missing(missing: str) -> None:
    refused(Settings, missing, "", **WHOLE)


def test_without_oidc_nothing_of_an_issuer_is_needed() -> None:
    assert Settings.read({"AUTH": "tokens"}).oidc_issuer is None
