"""Checks of the documentation: what its pages link to, name, show and tell people to type."""

import ast
import re
from collections.abc import Collection
from fnmatch import fnmatch
from pathlib import Path

from tests.house.markdown import (
    NOT_RUN,
    ROOT,
    RUN,
    RUN_PAGES,
    SHOWN,
    anchors,
    code,
    indented_blocks,
    links,
    split,
    text_of,
)

MOST_LINES = {"README.md": 200, "docs/architecture.md": 340}  # a tenth of that is its picture
MOST_LINES_OF_ANY = 300

INDEX = "docs/README.md"
DECISIONS = "docs/decisions/"
"""They have an index of their own, which the index names."""

SUFFIXES = (".py", ".md", ".js", ".css", ".html", ".toml", ".lock", ".yml", ".yaml", ".lua", ".png")

TARGETS = frozenset(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def broken_links(root: Path, page: str) -> list[str]:
    """List a page's links whose file or heading is not there; those to elsewhere are not asked."""
    broken = []
    for number, target in links(text_of(root / page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (root / page).parent / path if path else root / page
        is_there = file.exists()
        if is_there and anchor:
            is_there = file.suffix == ".md" and anchor in anchors(text_of(file))
        if not is_there:
            broken.append(f"{page}:{number} {target}")
    return broken


def missing_names(root: Path, page: str, known: Collection[str]) -> list[str]:
    """List what a page names in backticks like something of the repository's, and what is not there."""
    return [
        f"{page}:{number} {name}"
        for number, name in code(text_of(root / page))
        if _is_of_ours(name, known) and not _is_there(root, name, known)
    ]


def _is_of_ours(name: str, known: Collection[str]) -> bool:
    """Tell a path from an address, a command and an item's id."""
    if re.search(r"[\s\"'{}()=|]|://", name) or name.startswith(("/", ".", "$", "-", "*")):
        return name.startswith(".ci/")
    path = re.sub(r":.*", "", name)
    return path.endswith((*SUFFIXES, "/")) or ("/" in path and f"{path.partition('/')[0]}/" in known)


def _is_there(root: Path, name: str, known: Collection[str]) -> bool:
    path, _, within = name.partition(":")
    # A folder may be written with its slash or without; a module, by the end of its path.
    pattern = re.sub(r"<[^>]*>", "*", path).removesuffix("/")
    found = [
        file
        for file in known
        if fnmatch(file.removesuffix("/"), pattern) or fnmatch(file.removesuffix("/"), f"*/{pattern}")
    ]
    if not within:
        return bool(found)
    texts = [text_of(root / file) for file in found if not file.endswith("/")]
    return any(_is_in(text, within) for text in texts)


def _is_in(text: str, within: str) -> bool:
    if within.startswith(":"):
        wanted = within.removeprefix(":").partition("[")[0].split("::")
        return set(wanted) <= {getattr(node, "name", None) for node in ast.walk(ast.parse(text))}
    last = re.search(r"(\d+)$", within)
    return last is not None and 1 <= int(last[1]) <= len(text.splitlines())


def unknown_verbs(root: Path, page: str) -> list[str]:
    """List what a page tells people to `make` and the Makefile does not."""
    prose, blocks = split(text_of(root / page))
    spans = [text for _, text in code("\n".join(line for _, line in prose))]
    lines = [line.removeprefix("$ ") for block in blocks for line in block.lines]
    said = [text for text in [*spans, *lines] if re.search(r"(^|&& |[A-Z]\S*=\S+ )make [a-z]", text)]
    named = {verb for text in said for verb in re.findall(r"\bmake ([a-z][a-z0-9-]*)", text)}
    return sorted(named - TARGETS)


def unknown_blocks(root: Path, page: str) -> list[str]:
    """List a page's blocks that are neither run, nor say why not."""
    text = text_of(root / page)
    allowed = SHOWN | NOT_RUN | (RUN if page in RUN_PAGES else frozenset())
    found = [
        f"{page}:{block.at} {block.kind}"
        for block in split(text)[1]
        if block.kind not in allowed
        or (block.kind in SHOWN and any(line[:2] == "$ " for line in block.lines))
    ]
    return found + [f"{page}:{number} indented" for number in indented_blocks(text)]


def is_long(root: Path, page: str) -> bool:
    """Tell whether a page is longer than anybody reads."""
    return len(text_of(root / page).splitlines()) > MOST_LINES.get(page, MOST_LINES_OF_ANY)


def unlisted(root: Path, pages: Collection[str]) -> list[str]:
    """List the pages of `docs/` that the index does not link to."""
    folder = (root / INDEX).parent
    linked = {
        (folder / target.partition("#")[0]).resolve().relative_to(root.resolve()).as_posix()
        for _, target in links(text_of(root / INDEX))
        if not re.match(r"[a-z]+:", target)
    }
    wanted = [page for page in pages if page.startswith("docs/") and page != INDEX]
    own_index = f"{DECISIONS}README.md"
    return [
        page for page in wanted if not page.startswith(DECISIONS) or page == own_index if page not in linked
    ]
