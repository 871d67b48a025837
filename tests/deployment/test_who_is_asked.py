"""Access in Compose and Kubernetes: who is asked, who may read which secret, and what an image does alone."""

import base64
import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from store_api.access.token_text import is_token
from store_api.entrance import allowed_hosts
from store_api.errors import WrongSetting
from store_api.settings import Settings
from tests.deployment import cross_references as crossed
from tests.deployment.tools import OVERLAYS, Manifest, compose, copy_of, kustomize, manifests, plant
from tests.support.service import ROOT

OIDC = {
    "OIDC_ISSUER": "https://issuer.example",
    "OIDC_AUDIENCE": "store_api",
    "OIDC_JWKS_URL": "https://issuer.example/jwks.json",
}
PRODUCTION = "k8s/overlays/production/kustomization.yaml"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with copy_of("k8s") as folder:
        yield folder


@pytest.fixture(scope="module", params=OVERLAYS)
def built(request: pytest.FixtureRequest, folder: Path) -> list[Manifest]:
    return manifests(kustomize(folder, request.param))


def told_by_compose(**variables: str) -> Settings:
    """Read what Compose tells the service, where `.env` says this."""
    given = compose("docker-compose.yml", variables=variables)["services"]["api"]["environment"]
    return Settings.read(given)


def told_by_kubernetes(built: list[Manifest]) -> Settings:
    (api,) = [each for each in built if crossed.name_of(each) == "Deployment/api"]
    (container,) = crossed.containers(api)
    given = crossed.environment(container, built)
    return Settings.read({name: value for name, value in given.items() if value is not None})


def test_compose_asks_for_tokens_unless_it_is_told_otherwise() -> None:
    assert told_by_compose().auth == frozenset({"tokens"})
    assert told_by_compose(AUTH="off").auth == frozenset()
    both = told_by_compose(AUTH="tokens,oidc", OIDC_STORES_CLAIM="stores", **OIDC)
    assert both.auth == frozenset({"tokens", "oidc"})
    assert (both.oidc_issuer, both.oidc_audience) == ("https://issuer.example", "store_api")
    assert (both.oidc_jwks_url, both.oidc_stores_claim) == ("https://issuer.example/jwks.json", "stores")
    others = {"ALLOWED_ORIGINS": "https://a.example", "RATE_WRITES": "5/second", "RATE_READS": "9/minute"}
    others["TRUSTED_PROXIES"] = "172.18.0.1"
    told = told_by_compose(**others)
    assert told.allowed_origins == frozenset({"https://a.example"})
    assert told.trusted_proxies == frozenset({ip_network("172.18.0.1")})
    assert (told.rate_writes, told.rate_reads) == ((5, 1), (9, 60))


def test_compose_answers_for_the_names_that_lead_to_it() -> None:
    assert allowed_hosts(told_by_compose()) == frozenset({"localhost", "127.0.0.1", "[::1]", "api"})
    assert allowed_hosts(told_by_compose(ALLOWED_HOSTS="stock.example")) == frozenset({"stock.example"})
    assert allowed_hosts(told_by_compose(ALLOWED_HOSTS="*")) is None


def test_kubernetes_asks_for_tokens_and_takes_any_host(built: list[Manifest]) -> None:
    settings = told_by_kubernetes(built)
    assert settings.auth == frozenset({"tokens"})
    assert allowed_hosts(settings) is None


def test_an_issuer_takes_a_component_and_its_names(folder: Path) -> None:
    with copy_of("k8s") as planted:
        plant(planted / PRODUCTION, "  #- ../../oidc", "  - ../../oidc")
        text = (planted / PRODUCTION).read_text()
        commented = re.search(r"^  #- name: api .*?(?=^  - name: bot)", text, re.MULTILINE | re.DOTALL)
        assert commented is not None
        plant(planted / PRODUCTION, commented[0], re.sub(r"^  #", "  ", commented[0], flags=re.MULTILINE))
        built = manifests(kustomize(planted, "production"))
    settings = told_by_kubernetes(built)
    assert settings.auth == frozenset({"tokens", "oidc"})
    assert settings.oidc_jwks_url == "https://issuer.example/jwks.json"
    (policy,) = [each for each in built if crossed.name_of(each) == "NetworkPolicy/reaches-issuer"]
    assert crossed.selected(policy["spec"]["podSelector"]["matchLabels"], built) == ["Deployment/api"]
    assert crossed.families_wrong(built) == []


def test_the_bot_sees_nothing_of_the_services_secrets_in_compose() -> None:
    services = compose("docker-compose.yml")["services"]
    mounted = {
        name: {(volume["source"], volume["target"]) for volume in service.get("volumes", ())}
        for name, service in services.items()
    }
    assert mounted["bot"] == {("bot-secrets", "/secrets")}
    assert mounted["api"] == {("secrets", "/secrets")}
    assert mounted["secrets"] == {("secrets", "/secrets"), ("bot-secrets", "/secrets/bot")}
    writes = [
        name
        for name, service in services.items()
        for volume in service.get("volumes", ())
        if "secrets" in volume["source"] and not volume.get("read_only")
    ]
    assert writes == ["secrets", "secrets"]
    # Docker gives a new volume the owner and the mode of what the image has there.
    assert "install -d -o 999 -g 10001 -m 0750 /secrets /secrets/bot" in (ROOT / "Dockerfile").read_text()


def secrets_of(workload: Manifest) -> set[str]:
    """Name the Secrets that a workload's pods can read, without what kustomize appends."""
    named = {name for name, _ in crossed.references(workload) if name.startswith("Secret/")}
    return {re.sub(r"-[a-z0-9]{10}$", "", name.removeprefix("Secret/")) for name in named}


def test_each_pod_reads_the_secrets_that_it_needs(built: list[Manifest]) -> None:
    assert {crossed.name_of(each): secrets_of(each) for each in crossed.workloads(built)} == {
        "Deployment/api": {"mongo-url"},
        "Deployment/bot": {"bot-mongo-url", "telegram"},
        "Job/mongo-replica-init": {"replica-set", "first-token"},
        "StatefulSet/mongodb": {"replica-set"},
    }


def test_the_command_that_shows_the_first_token_finds_it(built: list[Manifest]) -> None:
    command = r"kubectl -n store-api get secret first-token -o jsonpath='\{\.data\.token\}' \| base64 -d"
    for text in [(ROOT / "docs/deployment.md").read_text(), (ROOT / PRODUCTION).read_text()]:
        assert re.search(command, text)
    (secret,) = [each for each in built if crossed.name_of(each) == "Secret/first-token"]
    assert secret["metadata"]["namespace"] == "store-api"
    assert is_token(base64.b64decode(secret["data"]["token"]).decode().strip())


def test_in_compose_the_first_token_is_with_who_may_read_it() -> None:
    command = re.search(
        r"exec (mongo-1) cat (/secrets/first-token)", (ROOT / "docker-compose.yml").read_text()
    )
    assert command is not None
    assert command[0] in (ROOT / "docs/deployment.md").read_text()
    member = compose("docker-compose.yml")["services"][command[1]]
    # The file is 999's, and of mode 0400: tests/image reads it as each of the two users.
    assert (member["user"], member["volumes"][-1]["target"]) == ("999:999", "/secrets")


def test_an_image_that_is_told_nothing_ends_with_the_two_ways_out() -> None:
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    given = dict(pair.split("=", 1) for pair in block.replace("\\\n", " ").split())
    assert "AUTH" not in given
    with pytest.raises(WrongSetting, match=r"^AUTH: must be set .*HOST is ::: AUTH=tokens .*AUTH=off"):
        Settings.read(given)


def test_no_token_is_in_what_compose_tells_docker() -> None:
    # What `docker inspect` shows of a container is what Compose has made of the files.
    assert not re.search(r"sapi_[0-9A-Za-z]", str(compose("docker-compose.yml")))
    for service in compose("docker-compose.yml")["services"].values():
        assert not {"MONGO_URL", "FIRST_TOKEN"} & set(service.get("environment") or {})
