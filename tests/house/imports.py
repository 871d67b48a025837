"""The rooms of the house, and what each of their modules imports."""

import ast
import sys
from collections.abc import Set
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("watchers", "store_api", "bot")


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    """Give every module of the product, a folder's door under the folder's name, with its syntax tree."""
    return tuple(
        (
            ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"),
            ast.parse(file.read_text()),
        )
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
    )


def room_of(module: str) -> str:
    """Name the room that a module is in: its folder, or itself where it stands at a package's root."""
    package, _, rest = module.partition(".")
    if package == "watchers":
        return package
    first, _, _ = rest.partition(".")
    return f"{package}.{first}" if first else package


@cache
def imported(tree: ast.Module) -> Set[str]:
    """Name everything that a module imports, at run time, for types or inside a function."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def rooms_imported(module: str, tree: ast.Module) -> Set[str]:
    """Name the other rooms of ours that a module imports something of."""
    ours = {room_of(name) for name in imported(tree) if name.partition(".")[0] in PACKAGES}
    return ours - {room_of(module)}


def packages_imported(tree: ast.Module) -> Set[str]:
    """Name the packages of others that a module imports; Python's own library is nobody's."""
    tops = {name.partition(".")[0] for name in imported(tree)}
    return tops - set(PACKAGES) - sys.stdlib_module_names
