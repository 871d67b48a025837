"""The house rules that a program can check: arrows, who may name what, and the size of rooms."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("watchers", "store_api", "bot")
DRIVER = {
    "bot.daily.claims",
    "store_api.storage.reader",
    "store_api.storage.clients",
    "store_api.storage.schema",
    "watchers.heartbeat",
}
BOT_PACKAGES = {"aiogram", "aiocron", "matplotlib"}
LARGE_FILES = {
    "store_api/commit/committer.py": "queues, lanes and answers are one protocol; decide.py decides",
    "store_api/storage/documents.py": "",
    "store_api/commit/decide.py": "",
    "store_api/storage/writer.py": "every read and write of stores, one method each",
}
COLUMNS = {"store_api.storage.reader": 1}
"""The overview's number of items is called as the field that it is counted from."""
MOST_LINES = 250
LONGEST_FUNCTION = 40


def modules() -> Iterator[tuple[str, ast.Module]]:
    for floor in FLOORS:
        for file in sorted((ROOT / floor).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, ast.parse(file.read_text())


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def wrong_arrows(module: str, tree: ast.Module) -> list[str]:
    floor = module.partition(".")[0]
    allowed = FLOORS[: FLOORS.index(floor) + 1]
    return [
        name
        for name in sorted(imported(tree))
        if name.partition(".")[0] in FLOORS
        and (name.partition(".")[0] not in allowed or "__main__" in name.split("."))
    ]


def uses_the_driver(tree: ast.Module) -> bool:
    return any(name.partition(".")[0] == "motor" for name in imported(tree))


def field_names(tree: ast.Module) -> list[int]:
    """The lines on which a document's field is named by a string of its own."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (node.value in ("items", "rev") or node.value.startswith(("items.", "$items", "$rev")))
    ]


def is_long(text: str) -> bool:
    return len(text.splitlines()) > MOST_LINES


def long_functions(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            if (node.end_lineno or 0) - first.lineno >= LONGEST_FUNCTION:
                found.append(node.name)
    return found


@pytest.mark.parametrize(("module", "tree"), list(modules()), ids=[name for name, _ in modules()])
def test_imports_point_one_way_and_nobody_imports_an_entry_point(module: str, tree: ast.Module) -> None:
    assert wrong_arrows(module, tree) == []


def test_only_six_files_talk_to_the_driver_that_will_be_replaced() -> None:
    assert {name for name, tree in modules() if uses_the_driver(tree)} == DRIVER


def test_the_service_does_without_what_only_the_bot_needs() -> None:
    needed = {
        name: found
        for name, tree in modules()
        if (found := {package.partition(".")[0] for package in imported(tree)} & BOT_PACKAGES)
    }
    assert set().union(*needed.values()) == BOT_PACKAGES
    assert {name.partition(".")[0] for name in needed} == {"bot"}


def test_only_one_file_knows_the_fields_of_a_document() -> None:
    named = {name: len(found) for name, tree in modules() if (found := field_names(tree))}
    assert named.pop("store_api.storage.documents") >= 2
    assert named == COLUMNS


def test_rooms_and_functions_are_small() -> None:
    files = {
        str(file.relative_to(ROOT)): file.read_text()
        for floor in FLOORS
        for file in (ROOT / floor).rglob("*.py")
    }
    # Exactly those: a file that has become small needs no excuse any more.
    assert {name for name, text in files.items() if is_long(text)} == LARGE_FILES.keys()
    assert {name: found for name, tree in modules() if (found := long_functions(tree))} == {}


def test_the_checks_see_what_is_planted() -> None:
    upward = ast.parse("from store_api import stock\nimport store_api.__main__")
        "store_api",
        "store_api.__main__",
        "store_api.stock",
    ]
    assert wrong_arrows("store_api.feed", ast.parse("from store_api import __main__")) == [
        "store_api.__main__"
    ]
    for planted in (
        "import motor",
        "import motor.motor_asyncio as driver",
        "from motor import motor_asyncio",
    ):
        assert uses_the_driver(ast.parse(planted))
    assert not uses_the_driver(ast.parse("from store_api import motors"))
    fields = 'x = {"$inc": {"items.a": 1}}\ny = "rev"\nz = row["items"]\nlog = "no items here"'
    assert sorted(field_names(ast.parse(fields))) == [1, 2, 3]
    assert is_long("x = 1\n" * (MOST_LINES + 1))
    assert not is_long("x = 1\n" * MOST_LINES)
    assert long_functions(ast.parse("def f():\n" + "    x = 1\n" * 41)) == ["f"]
