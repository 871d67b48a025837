"""Which way imports point, and who may name whose packages: the table is exactly what there is."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set

import pytest

from tests.house.imports import ROOT, modules, packages_imported, room_of, rooms_imported
from tests.support.programs import begun

TABLE: dict[str, tuple[str, str]] = {
    # room: (rooms of ours, packages of others); errors may be imported by everybody and are left out
    "watchers": ("", "bson motor pymongo"),
    "store_api": ("", ""),
    "store_api.errors": ("", ""),
    "store_api.settings": ("", "dotenv pymongo"),  # pymongo judges a URL, and no more
    "store_api.stock": ("", "msgspec"),
    "store_api.contract": ("stock", "msgspec"),
    "store_api.access": ("contract stock", "aiohttp cryptography jwt limits msgspec"),
    "store_api.processes": ("", ""),
    "store_api.embedded": ("settings", "fiftyone pymongo"),
    "store_api.reports": ("contract processes stock", "msgspec openpyxl"),
    "store_api.storage": ("claims sending stock watchers", "bson motor msgspec pymongo"),
    "store_api.batches": ("stock", "msgspec"),
    "store_api.claims": ("stock", "msgspec"),
    "store_api.commit": ("batches claims stock", "msgspec"),
    "store_api.sending": ("watchers", "bson pymongo"),
    "store_api.feed": ("reports stock storage watchers", ""),
    "store_api.ledger": ("stock storage watchers", "bson msgspec pymongo"),
    "store_api.keeping": ("ledger storage telemetry", "bson msgspec pymongo"),
    "store_api.movements": (
        "contract ledger reports sending stock storage web",
        "bson msgspec pymongo sanic",
    ),
    "store_api.telemetry": ("stock", "msgspec prometheus_client"),
    "store_api.tokens": ("access contract embedded sending settings storage", "msgspec pymongo"),
    "store_api.web": (
        "access claims contract feed forwarded http reports stock telemetry",
        "msgspec sanic websockets",
    ),
    "store_api.http": ("", "sanic"),
    "store_api.gate": ("access contract forwarded http web", "itsdangerous msgspec sanic"),
    "store_api.entrance": ("access forwarded gate settings storage tokens", ""),
    "store_api.pages": ("contract http web", "msgspec openapi_ui_bundles sanic"),
    "store_api.service": (
        "commit entrance feed http keeping movements pages reports settings storage telemetry watchers web",
        "pymongo sanic",
    ),
    "store_api.forwarded": ("http", ""),
    "store_api.early_stop": ("", ""),
    "store_api.listening": ("", ""),
    "store_api.healthcheck": ("listening settings", ""),
    "store_api.command_line": (
        "early_stop embedded http listening processes service settings telemetry tokens",
        "",
    ),
    "store_api.__main__": ("command_line early_stop", ""),
    "bot": ("", ""),
    "bot.clock": ("", ""),
    "bot.errors": ("", ""),
    "bot.settings": ("store_api.settings", ""),
    "bot.options": ("settings store_api.settings", ""),
    "bot.retries": ("clock errors", ""),
    "bot.report": ("store_api.stock", "msgspec"),
    "bot.compose": (
        "report store_api.movements store_api.processes store_api.reports store_api.stock store_api.storage",
        "matplotlib msgspec",
    ),
    "bot.telegram": ("clock errors retries", "aiogram aiohttp pydantic"),  # aiogram's own means
    "bot.daily": (
        "clock compose errors report retries settings store_api.movements store_api.storage telegram",
        "aiocron pymongo",
    ),
    "bot.commands": ("compose daily errors report retries telegram", ""),
    "bot.program": ("clock commands daily errors options report settings telegram", ""),
    "bot.command_line": (
        "daily options program settings store_api.early_stop store_api.settings store_api.telemetry telegram",
        "",
    ),
    "bot.__main__": ("command_line store_api.early_stop", ""),
}

FLOORS = ("watchers", "store_api", "bot")

ONLY_HERE: dict[str, Set[str]] = {
    # The driver that will be replaced, and the packages whose inside we know: by module, not by room.
    "motor": {
        "store_api.storage.clients",
        "store_api.storage.reader",
        "store_api.storage.schema",
        "watchers.heartbeat",
    },
    "aiogram": {"bot.telegram.aiogram"},
    "pydantic": {"bot.telegram.aiogram"},
    "websockets": {"store_api.web.socket_writers"},
    "openpyxl": {"store_api.reports.movements_workbook", "store_api.reports.workbook"},
}

LIGHT = (
    "watchers.changes",
    "store_api.stock",
    "store_api.contract.openapi",
    "store_api.commit",
    "store_api.feed",
)
HEAVY = ("motor", "sanic", "openpyxl", "aiogram", "matplotlib", "prometheus_client")

Trees = Iterable[tuple[str, ast.Module]]


def arrows(trees: Trees) -> dict[str, Set[str]]:
    """Give the rooms that each room imports something of, errors left out."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, tree in trees:
        found[room_of(name)] |= rooms_imported(name, tree) - {"store_api.errors"}
    return dict(found)


def packages(trees: Trees) -> dict[str, Set[str]]:
    """Give the packages of others that each room imports."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, tree in trees:
        found[room_of(name)] |= packages_imported(tree)
    return dict(found)


def full(room: str, short: str) -> str:
    """Give a room's whole name, of one that is written as its neighbours do."""
    if short.partition(".")[0] in FLOORS:
        return short
    return f"{room.partition('.')[0]}.{short}"


def wrong_arrows(trees: Trees) -> list[str]:
    """List the arrows that the table does not have, and those that only the table has."""
    there = {(room, other) for room, others in arrows(trees).items() for other in others}
    allowed = {(room, full(room, other)) for room, (ours, _) in TABLE.items() for other in ours.split()}
    return [
        *(f"{room} may not import {other}" for room, other in sorted(there - allowed)),
        *(f"{room} does not import {other} any more" for room, other in sorted(allowed - there)),
    ]


def wrong_packages(trees: Trees) -> list[str]:
    """List the packages that a room may not import, and those that only the table has."""
    there = {(room, package) for room, others in packages(trees).items() for package in others}
    allowed = {(room, package) for room, (_, others) in TABLE.items() for package in others.split()}
    return [
        *(f"{room} may not import {package}" for room, package in sorted(there - allowed)),
        *(f"{room} does not import {package} any more" for room, package in sorted(allowed - there)),
    ]


def circles(table: Mapping[str, Set[str]]) -> list[str]:
    """List rooms that can be reached from themselves, along the arrows."""
    reached = {room: set(others) for room, others in table.items()}
    for _ in table:
        for others in reached.values():
            others |= set[str]().union(*(reached.get(other, set()) for other in others))
    return sorted(room for room, others in reached.items() if room in others)


def floors_turned(trees: Trees) -> list[str]:
    """List the imports that go up a floor, or name an entry point."""
    turned = []
    for name, tree in trees:
        mine = FLOORS.index(name.partition(".")[0])
        turned += [
            f"{name} imports {room}"
            for room in sorted(rooms_imported(name, tree))
            if FLOORS.index(room.partition(".")[0]) > mine or room.endswith("__main__")
        ]
    return turned


def only_here(trees: Trees) -> dict[str, Set[str]]:
    """Give the modules that import each of the packages which few may."""
    found: dict[str, set[str]] = {package: set() for package in ONLY_HERE}
    for name, tree in trees:
        for package in packages_imported(tree) & found.keys():
            found[package].add(name)
    return dict(found)


def drawn(page: str) -> Set[tuple[str, str]]:
    """Read the arrows of the one graph that a page draws."""
    (graph,) = re.findall(r"```mermaid\ngraph TD\n(.*?)```", page, re.DOTALL)
    return {(one, other) for one, other in re.findall(r"^ +(\w+) --> (\w+)$", graph, re.MULTILINE)}


def arrows_to_draw() -> Set[tuple[str, str]]:
    """Give the table's arrows as the picture names them: bot and watchers whole, all other rooms by name."""

    def name(room: str) -> str:
        package, _, inner = room.partition(".")
        return inner if package == "store_api" else package

    pairs = {
        (name(room), name(full(room, other)))
        for room, (ours, _) in TABLE.items()
        for other in ours.split()
        if room not in ("store_api.__main__", "store_api.command_line")
    }
    return {(one, other) for one, other in pairs if one != other}


def test_every_room_imports_exactly_what_the_table_says() -> None:
    trees = list(modules())
    assert wrong_arrows(trees) == []
    assert wrong_packages(trees) == []
    assert {room_of(name) for name, _ in trees} == TABLE.keys()


def test_no_room_leads_back_to_itself_and_no_floor_is_turned() -> None:
    trees = list(modules())
    assert circles(arrows(trees)) == []
    assert floors_turned(trees) == []


def test_the_service_does_without_what_only_the_bot_needs() -> None:
    of_the_bot = {"aiogram", "aiocron", "matplotlib"}
    needed = {room for room, others in packages(modules()).items() if others & of_the_bot}
    assert {room.partition(".")[0] for room in needed} == {"bot"}


def test_some_packages_are_named_in_few_modules_only() -> None:
    assert only_here(modules()) == ONLY_HERE


@pytest.mark.parametrize("module", LIGHT)
def test_what_is_pure_loads_nothing_large(module: str) -> None:
    program = f"import sys, {module}; print(*sorted({set(HEAVY)!r} & sys.modules.keys()))"
    loaded = subprocess.run(
        begun(sys.executable, "-c", program), cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert loaded.stdout.split() == []


def test_the_service_begins_without_what_it_seldom_needs() -> None:
    seldom = ("openpyxl", "aiohttp", "jwt", "cryptography", "numpy", "aiogram", "matplotlib")
    program = f"import sys, store_api.service; print(*sorted({set(seldom)!r} & sys.modules.keys()))"
    loaded = subprocess.run(
        begun(sys.executable, "-c", program), cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert loaded.stdout.split() == []


def test_the_picture_of_the_architecture_shows_the_same_arrows() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    assert drawn(page) == arrows_to_draw()


def planted(module: str, code: str) -> list[tuple[str, ast.Module]]:
    return [*modules(), (module, ast.parse(code))]


def test_the_checks_see_what_is_planted() -> None:
    for code in (
        "from store_api.storage import reader",
        "import store_api.storage.reader",
        "from store_api import storage",
        "def late():\n    from store_api.storage.reader import StoreReader",
    ):
        assert wrong_arrows(planted("store_api.commit.spy", code)) == [
            "store_api.commit may not import store_api.storage"
        ]
    for code in ("import sanic", "import sanic.response as r", "from sanic import Sanic"):
        assert wrong_packages(planted("store_api.commit.spy", code)) == [
            "store_api.commit may not import sanic"
        ]
    lonely = [(name, tree) for name, tree in modules() if room_of(name) != "store_api.feed"]
    assert "store_api.feed does not import watchers any more" in wrong_arrows(lonely)
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]
    assert floors_turned(planted("watchers.spy", "import store_api.stock\nfrom bot import clock")) == [
        "watchers.spy imports bot.clock",
        "watchers.spy imports store_api.stock",
    ]
    assert floors_turned(planted("bot.spy", "from store_api import __main__")) == [
        "bot.spy imports store_api.__main__"
    ]
    assert "store_api.web.spy" in only_here(planted("store_api.web.spy", "from motor import x"))["motor"]
    assert drawn("```mermaid\ngraph TD\n    a --> b\n```") == {("a", "b")}
