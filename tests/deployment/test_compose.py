"""The Compose files: read by Compose itself, held against its specification, and against each other."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mongo_replica_init.settings import Settings as InitSettings

from bot.settings import BotSettings
from store_api.embedded.guarded_process import MongodProcess
from store_api.settings import Settings
from tests.deployment.cross_references import OURS, VARIABLES, mongod_flags_wrong
from tests.deployment.tools import Manifest, compose, copy_of, plant, run
from tests.support.mongod import found_mongod, free_port, wait_until
from tests.support.service import ROOT

FILES = ("docker-compose.yml", "docker-compose.dev.yml")
MEMBERS = ("mongo-1", "mongo-2", "mongo-3")
BOT = {"BOT_TOKEN": "123456:ABC", "SPECIAL_USER": "1", "REPORT_TZ": "Europe/Berlin"}

SETTINGS: dict[str, Any] = defaultdict(lambda: InitSettings, api=Settings, bot=BotSettings)
"""What each program reads; all others are the replica set's init."""


def is_of_ours(service: Manifest) -> bool:
    return bool(service["image"].partition(":")[0] == OURS)


def variables_wrong(project: Manifest) -> list[str]:
    """List variables that the programs do not read, or refuse."""
    wrong = []
    for name, service in project["services"].items():
        given = service.get("environment") or {}
        if not is_of_ours(service):
            continue
        wrong += [f"{name}: reads no {each}" for each in sorted(given.keys() - VARIABLES[name])]
        try:
            SETTINGS[name].read(given)
        except Exception as error:  # noqa: BLE001  (whichever of the two programs' own)
            wrong.append(f"{name}: {error}")
    return wrong


def members_wrong(project: Manifest) -> list[str]:
    """List members that are started otherwise than elsewhere, and names that lead to none."""
    wrong = []
    services = project["services"]
    members = [name for name, service in services.items() if service["image"].startswith("mongo:")]
    for name in members:
        further = ["--keyFile"] if len(members) > 1 else ["--setParameter=enableTestCommands=1"]
        wrong += [
            f"{name}: {each}" for each in mongod_flags_wrong(services[name]["command"], further=further)
        ]
    for name, service in services.items():
        hosts = (service.get("environment") or {}).get("MONGO_HOSTS")
        if hosts is not None and hosts not in (
            ",".join(f"{each}:27017" for each in members),
            "127.0.0.1:27017",
        ):
            wrong.append(f"{name}: MONGO_HOSTS is {hosts}")
    return wrong


def hardening_wrong(project: Manifest) -> list[str]:
    """List services that may do more than they need."""
    return [
        f"{name}: {what}"
        for name, service in project["services"].items()
        for what, holds in {
            "its root file system can be written to": service.get("read_only"),
            "it has capabilities": service.get("cap_drop") == ["ALL"],
            "it may get privileges": "no-new-privileges:true" in service.get("security_opt", ()),
            "nobody reaps its children": service.get("init"),
            "it runs as root": is_of_ours(service) or service.get("user") == "999:999",
            "its image may change": re.search(r":\d+\.\d+\.\d+", service["image"]) or is_of_ours(service),
            "it has no time to stop": "stop_grace_period" in service or service.get("restart") == "no",
            "it is not asked how it is": "healthcheck" in service or service.get("restart") == "no",
        }.items()
        if not holds
    ]


def order_wrong(project: Manifest) -> list[str]:
    """List waits for something healthy that is asked no such thing, and for an end that never comes."""
    wrong = []
    for name, service in project["services"].items():
        for other, how in (service.get("depends_on") or {}).items():
            awaited = project["services"][other]
            if how["condition"] == "service_healthy" and "healthcheck" not in awaited:
                wrong.append(f"{name}: {other} is never healthy")
            if how["condition"] == "service_completed_successfully" and awaited.get("restart") != "no":
                wrong.append(f"{name}: {other} never ends")
    return wrong


def ports_wrong(project: Manifest) -> list[str]:
    """List ports that are published to everybody, or lead nowhere."""
    wrong = []
    for name, service in project["services"].items():
        listens = (service.get("environment") or {}).get("PORT", "27017")
        for port in service.get("ports", ()):
            if port.get("host_ip") != "127.0.0.1":
                wrong.append(f"{name}: {port['published']} is open to everybody")
            if str(port["target"]) != listens:
                wrong.append(f"{name}: nobody listens on {port['target']}")
    return wrong


def families_wrong(project: Manifest) -> list[str]:
    """List what is reached, or asked how it is, in one family of addresses alone."""
    wrong = []
    for name, service in project["services"].items():
        host = (service.get("environment") or {}).get("HOST", "::")
        asked = service.get("healthcheck", {}).get("test", ())
        wrong += [] if host == "::" else [f"{name}: listens on {host}"]
        wrong += [
            f"{name}: is asked at an address" for word in asked if re.search(r"127\.|::|localhost", word)
        ]
    return wrong


def engines_wrong(project: Manifest) -> list[str]:
    """List what engines before 25 do not know: some Composes refuse the file then, others leave it out."""
    return [
        f"{name}: start_interval"
        for name, service in project["services"].items()
        if "start_interval" in service.get("healthcheck", {})
    ]


CHECKS = (
    variables_wrong,
    members_wrong,
    hardening_wrong,
    order_wrong,
    ports_wrong,
    families_wrong,
    engines_wrong,
)


@pytest.fixture
def planted() -> Iterator[Path]:
    with copy_of(*FILES) as folder:
        yield folder


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("variables", [{}, BOT], ids=["as it is", "with a bot"])
def test_everything_in_a_compose_file_is_right(file: str, variables: dict[str, str]) -> None:
    project = compose(file, variables=variables)
    assert {check.__name__: check(project) for check in CHECKS} == {check.__name__: [] for check in CHECKS}


@pytest.mark.parametrize("file", FILES)
def test_a_compose_file_is_of_the_specification(file: str) -> None:
    checked = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    assert checked.exit_code == 0, checked.said


def test_the_bot_is_there_in_its_profile_only() -> None:
    plain = ("--env-file", "/dev/null", "config", "--services")
    always = {"secrets", *MEMBERS, "mongo-replica-init", "api"}
    assert set(run("docker-compose", *plain).said.split()) == always
    assert set(run("docker-compose", *plain, variables={"COMPOSE_PROFILES": "bot"}).said.split()) == {
        *always,
        "bot",
    }


def test_the_example_of_an_env_file_is_one(tmp_path: Path) -> None:
    example = (ROOT / ".env.example").read_text()
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^#(?=[A-Z_]+=)", "", example, flags=re.MULTILINE))
    read = run("docker-compose", "--env-file", str(file), "config", "--services")
    assert (read.exit_code, "bot" in read.said) == (0, True)
    named = set(re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE))
    text = (ROOT / "docker-compose.yml").read_text()
    assert {name for name in named if f"${{{name}:-" not in text} == {"COMPOSE_PROFILES"}


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (variables_wrong, 'HOST: "::"', 'HOSTS: "::"'),
        (variables_wrong, 'HOST: "::"', 'HOST: "*"'),
        (variables_wrong, "WORKERS: ${WORKERS:-1}", "WORKERS: ${WORKERS:-none}"),
        (variables_wrong, "AUTH: ${AUTH:-tokens}", "AUTH: ${AUTH:-passwords}"),
        (variables_wrong, "AUTH: ${AUTH:-tokens}", "AUTH: ${AUTH:-}"),
        (variables_wrong, "RATE_WRITES:", "RATE_WRITE:"),
        (variables_wrong, "REPLICA_SET: rs0", "REPLICA_SETS: rs0"),
        (members_wrong, "--journalCommitInterval=2", "--journalCommitInterval=100"),
        (members_wrong, "    - --ipv6\n", ""),
        (members_wrong, "    - --keyFile=/secrets/keyFile\n", ""),
        (members_wrong, "mongo-2:27017,", "mongo-4:27017,"),
        (hardening_wrong, "read_only: true", "read_only: false"),
        (hardening_wrong, "cap_drop: [ALL]", "cap_drop: [CHOWN]"),
        (hardening_wrong, 'user: "999:999"', 'user: "0:0"'),
        (hardening_wrong, "mongo:8.0.30-noble", "mongo:8"),
        (hardening_wrong, "stop_grace_period: 60s", "stop_signal: SIGTERM"),
        (order_wrong, 'restart: "no"', "restart: always"),
        (
            order_wrong,
            "init:\n        condition: service_completed_successfully",
            "init:\n        condition: service_healthy",
        ),
        (ports_wrong, "127.0.0.1}", "0.0.0.0}"),
        (ports_wrong, ":-8000}:8000", ":-8000}:80"),
        (families_wrong, 'HOST: "::"', "HOST: 0.0.0.0"),
        (engines_wrong, "start_period: 60s", "start_period: 60s\n    start_interval: 2s"),
        (families_wrong, "store_api.healthcheck, ready", "store_api.healthcheck, 127.0.0.1"),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value)[:30],
)
def test_a_planted_error_is_found(
    planted: Path, check: Callable[[Manifest], list[str]], right: str, wrong: str
) -> None:
    plant(planted / FILES[0], right, wrong)
    assert check(compose(FILES[0], planted)) != []


@pytest.mark.parametrize(
    ("tool", "right", "wrong"),
    [
        ("check-jsonschema", "stop_grace_period:", "stop_grace:"),
        ("check-jsonschema", "condition: service_completed_", "condition: service_complete_"),
        ("docker-compose", "      - mongo-1:/data/db", "      - mongo-9:/data/db"),
        ("docker-compose", "source: secrets", "source: secret"),
        ("docker-compose", "networks: [database]", "networks: [databases]"),
    ],
)
def test_a_planted_error_is_found_by_a_tool(planted: Path, tool: str, right: str, wrong: str) -> None:
    plant(planted / FILES[0], right, wrong)
    arguments = {
        "check-jsonschema": ("--builtin-schema", "vendor.compose-spec", FILES[0]),
        "docker-compose": ("-f", FILES[0], "config", "-q"),
    }
    assert run(tool, *arguments[tool], folder=planted).exit_code == 1


@pytest.mark.parametrize(("given", "host"), [("0.0.0.0", "0.0.0.0"), ("[::]", "::"), ("[::1]", "::1")])  # noqa: S104
def test_the_api_is_published_at_an_address_of_either_family(given: str, host: str) -> None:
    project = compose("docker-compose.yml", variables={"API_ADDRESS": given})
    assert [port["host_ip"] for port in project["services"]["api"]["ports"]] == [host]


@pytest.mark.parametrize("file", FILES)
def test_a_mongod_takes_these_flags(file: str, tmp_path: Path) -> None:
    (member, *_) = [each for each in compose(file)["services"].values() if each["image"].startswith("mongo:")]
    (tmp_path / "keyFile").write_text("keyOfThisTestAlone")
    (tmp_path / "keyFile").chmod(0o400)
    elsewhere = {"--port=27017": f"--port={free_port()}", "--bind_ip_all": "--bind_ip=127.0.0.1"}
    flags = [elsewhere.get(flag, flag).replace("/secrets", str(tmp_path)) for flag in member["command"][1:]]
    log = tmp_path / "log"
    mongod = MongodProcess(
        [str(found_mongod()), *flags, "--dbpath", str(tmp_path), "--logpath", str(log)], log
    )
    try:
        wait_until(lambda: log.exists() and "Waiting for connections" in log.read_text(), "it serves", 30.0)
        assert mongod.exit_code() is None
    finally:
        mongod.stop()
