"""Pages of the documentation as its tests read them: headings, links, names in backticks, fenced blocks."""

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

RUN_PAGES = ("README.md", "docs/http.md", "docs/sockets.md", "docs/writing-to-mongodb.md")
"""Their blocks are run against a real service, by `tests/end_to_end/test_documentation.py`."""

RUN = frozenset({"console", "console (listens)", "python", "js (mongosh)"})
"""Blocks that are run, and whose output is compared; what each means is said where they are run."""

SAID = "text (said by the program above)"
"""What a `python` block says; compared, too."""

SHOWN = frozenset({SAID, "text", "json", "mermaid"})
"""Blocks in which nothing could be run."""

NOT_RUN = frozenset(
    f"sh (not run: {reason})"
    for reason in (
        "takes minutes",
        "makes a token",
        "installs packages",
        "needs Telegram",
        "needs Docker",
        "needs Docker and a cluster",
        "needs a replica set",
        "needs a proxy",
    )
)
"""Blocks of commands that are not run, and why."""

_MADE = frozenset({"data", "build", "image-check"})
_FENCE = re.compile(r"(```+|~~~+)\s*(.*?)\s*")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
_CODE = re.compile(r"(`+)(.+?)\1")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_PICTURE_IN_LINK = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)\]\(")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Args:
        kind: its info string.
        lines: what is in it.
        at: the number of the line of its fence, from 1.
    """

    kind: str
    lines: tuple[str, ...]
    at: int


def text_of(file: Path) -> str:
    """Read a page, whatever the system's own encoding is."""
    return file.read_text(encoding="utf-8")


def files(root: Path) -> Iterator[str]:
    """List the repository's files by path, and its folders with a slash at the end.

    What hides is left out, and so is what programs leave behind.
    """
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name for name in folders if name == ".ci" or (name[0] not in "._" and name not in _MADE)
        ]
        here = Path(folder).relative_to(root)
        yield from (f"{(here / name).as_posix()}/" for name in folders)
        yield from ((here / name).as_posix() for name in names)


def split(text: str) -> tuple[list[tuple[int, str]], list[Block]]:
    """Take a page apart into its lines of prose, each with its number, and its fenced blocks.

    Raises:
        ValueError: a fence is not closed.
    """
    prose: list[tuple[int, str]] = []
    blocks: list[Block] = []
    fence, kind, at, inside = "", "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        found = _FENCE.fullmatch(line.strip())
        if fence:
            if found is not None and found[1].startswith(fence) and not found[2]:
                blocks.append(Block(kind, tuple(inside), at))
                fence = ""
            else:
                inside.append(line)
        elif found is not None:
            fence, kind, at, inside = found[1], found[2], number, []
        else:
            prose.append((number, line))
    if fence:
        raise ValueError(f"the fence of line {at} is not closed")
    return prose, blocks


def anchors(text: str) -> set[str]:
    """List the anchors of a page's headings, as forges make them: the second of two alike ends in `-1`."""
    seen: Counter[str] = Counter()
    found = set()
    for _, line in split(text)[0]:
        if (heading := _HEADING.fullmatch(line)) is not None:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[2]).lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return found


def links(text: str) -> list[tuple[int, str]]:
    """List where a page's links and pictures lead, each with the line on which it begins."""
    found: list[tuple[int, str]] = []
    # A picture may be the text of a link.
    for pattern in (_LINK, _PICTURE_IN_LINK, _DEFINITION):
        for first, paragraph in _paragraphs(text):
            found += [
                (first + paragraph.count("\n", 0, link.start()), link[1])
                for link in pattern.finditer(paragraph)
            ]
    return sorted(found)


def _paragraphs(text: str) -> list[tuple[int, str]]:
    """Give the lines of prose that follow each other, without what stands in backticks."""
    found: list[tuple[int, str]] = []
    before = ""
    for number, line in split(text)[0]:
        plain = _CODE.sub("", line)
        if before and line.strip():
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{plain}")
        else:
            found.append((number, plain))
        before = line.strip()
    return found


def code(text: str) -> list[tuple[int, str]]:
    """List what stands in backticks, each with its line."""
    return [(number, found[2].strip()) for number, line in split(text)[0] for found in _CODE.finditer(line)]


def indented_blocks(text: str) -> list[int]:
    """List the lines on which a block begins that is indented and not fenced: nobody says what it is."""
    found = []
    before, in_list = "", False
    for number, line in split(text)[0]:
        if line and not line.startswith(" "):
            in_list = re.match(r"[-*+]|\d+\.", line) is not None
        if line.startswith(("    ", "\t")) and not before.strip() and not in_list:
            found.append(number)
        before = line
    return found


def exchanges(lines: Sequence[str], prompt: str = "$ ") -> Iterator[tuple[str, str]]:
    """Take a block apart into what is typed in and what is shown after it.

    Raises:
        ValueError: it does not begin with a prompt, or a quote stays open.
    """
    rest = list(lines)
    while rest:
        command = rest.pop(0)
        if not command.startswith(prompt):
            raise ValueError(f"no prompt before {command!r}")
        while rest and not _is_whole(command):
            command += "\n" + rest.pop(0)
        if not _is_whole(command):
            raise ValueError(f"not whole: {command!r}")
        shown: list[str] = []
        while rest and not rest[0].startswith(prompt):
            line = rest.pop(0)
            if line.startswith(" ") and shown:
                shown[-1] += line.lstrip()
            else:
                shown.append(line)
        yield command.removeprefix(prompt), "\n".join(shown)


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True
