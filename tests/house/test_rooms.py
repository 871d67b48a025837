"""How large files, functions and folders may be, what is nobody's, and what each door shows."""

import ast
import importlib
from collections import Counter
from collections.abc import Iterable, Set

from tests.house.imports import ROOT, imported, modules, room_of

MOST_LINES = 250
LONGEST_FUNCTION = 40
MOST_MODULES = 9

LARGE_FILES: dict[str, str] = {"store_api.errors": "one tree, which one wants to see whole"}
"""Files that may be larger, each with its reason; one that has become small needs no excuse any more."""

DOORS: dict[str, str] = {
    "store_api.stock": "LARGEST_QUANTITY UNSTAMPED Answer Change Key Operation OperationKind Replayed Reply"
    " Report Stamp Stock StorePatterns StoreSummary Written added differences outcome_of parts_of said_of"
    " shortages sum_items written_by_number written_despite",
    "store_api.claims": "Claim Claims FindingOut NoClaims NotClaimed State",
    "store_api.commit": "Committer Stores",
    "store_api.feed": "ALL_STORES Feed Subscriber",
    "store_api.embedded": "EmbeddedMongo KeptRunning find_mongod mongod_arguments",
    "store_api.settings": "EMBEDDED_REPLICA_SET DatabaseSettings Settings environment_with_env_file help_text"
    " setting value_of",
    "store_api.processes": "run_job run_workers",
    "bot.telegram.aiogram": "AiogramError AiohttpSession BaseMiddleware Bot BotCommand BotCommandScopeChat"
    " BufferedInputFile Command CommandObject Dispatcher LinkPreviewOptions Message PRODUCTION Response"
    " Router TelegramAPIServer TelegramMethod TelegramNetworkError TelegramObject TelegramType Update",
}
"""What each folder with a door shows, and what we have of aiogram.

A door in another folder would load that folder's large packages.
"""

COLUMNS = {"store_api.storage.reader": 2}
"""The overview's number of items is called as the field that it is counted from."""


def is_long(text: str) -> bool:
    """Tell whether a file has outgrown its room."""
    return len(text.splitlines()) > MOST_LINES


def long_functions(tree: ast.Module) -> list[str]:
    """Name the functions that are too long, their docstrings not counted."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            if (node.end_lineno or 0) - first.lineno >= LONGEST_FUNCTION:
                found.append(node.name)
    return found


def full_rooms(names: Iterable[str]) -> dict[str, int]:
    """Give the folders that hold too many modules, and how many."""
    known = list(names)
    inside = Counter(
        room_of(name) if name.count(".") > 1 else name.partition(".")[0]
        for name in known
        if "." in name and not is_folder(name, known)
    )
    return {room: count for room, count in inside.items() if count > MOST_MODULES}


def dead(trees: Iterable[tuple[str, ast.Module]]) -> list[str]:
    """Name the modules that nobody imports, and that are no program either."""
    known = list(trees)
    wanted = {name for _, tree in known for name in imported(tree)}
    wanted |= {name.rpartition(".")[0] for name in wanted}
    return [
        name
        for name, tree in known
        if name not in wanted and not is_program(tree) and not is_folder(name, [name for name, _ in known])
    ]


def is_program(tree: ast.Module) -> bool:
    """Tell whether a module can be run."""
    return any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in tree.body)


def is_folder(name: str, names: Iterable[str]) -> bool:
    """Tell whether a module is a folder's own."""
    return any(other.startswith(f"{name}.") for other in names)


def shown(tree: ast.Module) -> Set[str]:
    """Give what a door names in `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def past_the_door(trees: Iterable[tuple[str, ast.Module]]) -> list[str]:
    """List what is fetched from inside a room though its door shows it."""
    found = []
    for module, tree in trees:
        for name in sorted(imported(tree)):
            room, _, last = name.rpartition(".")
            outer = room_of(room)
            if outer in DOORS and outer not in (room, room_of(module)) and last in DOORS[outer].split():
                found.append(f"{module}: {name}")
    return found


def field_names(tree: ast.Module) -> list[int]:
    """Give the lines on which a document's field is named by a string of its own."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (node.value in ("items", "rev") or node.value.startswith(("items.", "$items", "$rev")))
    ]


def test_files_functions_and_folders_are_small() -> None:
    files = {name: ROOT / f"{name.replace('.', '/')}.py" for name, _ in modules()}
    texts = {name: file.read_text() for name, file in files.items() if file.exists()}
    assert {name for name, text in texts.items() if is_long(text)} == LARGE_FILES.keys()
    assert {name: found for name, tree in modules() if (found := long_functions(tree))} == {}
    assert full_rooms(name for name, _ in modules()) == {}


def test_no_module_is_dead() -> None:
    assert dead(modules()) == []


def test_each_door_shows_what_it_is_known_for_and_nobody_climbs_in_beside_it() -> None:
    doors = {name: " ".join(sorted(found)) for name, tree in modules() if (found := shown(tree))}
    assert doors == {room: " ".join(sorted(names.split())) for room, names in DOORS.items()}
    for room, names in DOORS.items():
        door = importlib.import_module(room)
        assert all(hasattr(door, name) for name in names.split()), room
    assert past_the_door(modules()) == []


def test_only_one_room_knows_the_fields_of_a_document() -> None:
    named = {name: len(found) for name, tree in modules() if (found := field_names(tree))}
    assert named.pop("store_api.storage.documents") >= 2
    assert named == COLUMNS


def test_the_checks_see_what_is_planted() -> None:
    assert is_long("x = 1\n" * (MOST_LINES + 1))
    assert not is_long("x = 1\n" * MOST_LINES)
    assert long_functions(ast.parse("def f():\n" + "    x = 1\n" * 41)) == ["f"]
    assert full_rooms(f"store_api.web.module_{number}" for number in range(10)) == {"store_api.web": 10}
    assert full_rooms(f"store_api.web.module_{number}" for number in range(9)) == {}
    assert full_rooms(f"bot.module_{number}" for number in range(10)) == {"bot": 10}
    ghost = ("store_api.web.ghost", ast.parse("x = 1"))
    assert dead([*modules(), ghost]) == ["store_api.web.ghost"]
    assert dead([*modules(), ghost, ("bot.spy", ast.parse("from store_api.web import ghost"))]) == ["bot.spy"]
    for code in ("from store_api.stock.reports import Report", "import store_api.stock.reports.Report"):
        assert past_the_door([("bot.spy", ast.parse(code))]) == ["bot.spy: store_api.stock.reports.Report"]
    assert (
        past_the_door([("store_api.stock.spy", ast.parse("from store_api.stock.reports import Report"))])
        == []
    )
    assert shown(ast.parse('__all__ = ["a", "b"]')) == {"a", "b"}
    fields = 'x = {"$inc": {"items.a": 1}}\ny = "rev"\nz = row["items"]\nlog = "no items here"'
    assert sorted(field_names(ast.parse(fields))) == [1, 2, 3]
