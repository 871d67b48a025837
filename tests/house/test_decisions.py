"""The decisions: of one form, all in the index, and guarded by tests that there are."""

import ast
import re
import shutil
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

import pytest

from docs.decisions.index import FOLDER, Decision, WrongForm, all_decisions, index_of

ROOT = Path(__file__).parents[2]
LEAST_LINES, MOST_LINES = 15, 30


@cache
def every_test() -> Set[tuple[str, str]]:
    """Give the name of each test's file and of its function."""
    return {
        (file.name, node.name)
        for file in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def faults_in(folder: Path) -> list[str]:
    """Say what is wrong with the decisions of a folder."""
    try:
        decisions = all_decisions(folder)
    except WrongForm as wrong:
        return [str(wrong)]
    faults = [] if (folder / "README.md").read_text() == index_of(decisions) else ["the index is another"]
    faults += [
        f"{decision.file}: its number should be {number}"
        for number, decision in enumerate(decisions, 1)
        if decision.number != number
    ]
    for decision in decisions:
        text = (folder / decision.file).read_text()
        faults += [f"{decision.file}: {fault}" for fault in faults_of(decision, text)]
    for old in decisions:
        if old.superseded_by is not None and not takes_its_place(old, decisions, folder):
            faults.append(f"{old.file}: no later decision {old.superseded_by} links to it")
    return faults


def faults_of(decision: Decision, text: str) -> Iterator[str]:
    if not LEAST_LINES <= len(text.splitlines()) <= MOST_LINES:
        yield f"must have {LEAST_LINES} to {MOST_LINES} lines"
    if decision.is_guarded and not decision.guards:
        yield "names no test, and does not say why"
    if sum(line.startswith("- ") for line in decision.sections["Guarded by"].splitlines()) != len(
        decision.guards
    ):
        yield "a guard must be a file and a function"
    for file, name in decision.guards:
        if (file, name) not in every_test():
            yield f"there is no test {file}: {name}"
    for name in set(re.findall(r"`(test_\w+)`", text)) - {name for _, name in every_test()}:
        yield f"there is no test {name}"


def takes_its_place(old: Decision, decisions: list[Decision], folder: Path) -> bool:
    new = [each for each in decisions if each.number == old.superseded_by and each.number > old.number]
    return any(f"]({old.file})" in (folder / each.file).read_text() for each in new)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the decisions, for faults to be planted in."""
    return Path(shutil.copytree(FOLDER, tmp_path / "decisions"))


def plant(folder: Path, file: str, right: str, wrong: str) -> None:
    text = (folder / file).read_text()
    assert right in text, f"{right!r} is not in {file}"
    (folder / file).write_text(text.replace(right, wrong, 1))


WORKERS, HANDSHAKE = "0001-workers-of-our-own.md", "0003-handshake-last.md"
GARBAGE, NEWEST = "0009-garbage-collection.md", "0037-plain-markdown.md"


def test_the_decisions_are_as_they_must_be() -> None:
    assert faults_in(FOLDER) == []


@pytest.mark.parametrize(
    ("file", "right", "wrong", "fault"),
    [
        (HANDSHAKE, "# 3. ", "# 4. ", "begin with its number"),
        (HANDSHAKE, "# 3. A websocket", "# 3 A websocket", "begin with its number"),
        (HANDSHAKE, "# 3. A websocket", "# 3. A socket", "the index is another"),
        (HANDSHAKE, "Status: accepted", "Status: proposed", "its status must be"),
        (HANDSHAKE, "Status: accepted", "Status: superseded by 99", "no later decision 99"),
        (HANDSHAKE, "Status: accepted", "Status: superseded by 2", "no later decision 2"),
        (HANDSHAKE, "Status: accepted", "Status: superseded by 4", "no later decision 4"),
        (HANDSHAKE, "Date: 2026-11-23", "Date: 23 November", "its date must be"),
        (HANDSHAKE, "Date: 2026-11-23", "Date: 2026-11-31", "its date must be"),
        (HANDSHAKE, "Date: 2026-11-23\n\n", "", "begin with its number"),
        (HANDSHAKE, "## Measured", "## Figures", "must have under each"),
        (HANDSHAKE, "## Measured\nNothing was measured.\n\n", "", "must have under each"),
        (HANDSHAKE, "Nothing was measured.\n", "", "must have under each"),
        (HANDSHAKE, "## Context", "## More\nMore.\n\n## Context", "must have under each"),
        (HANDSHAKE, "## Context", "Words.\n" * 9 + "\n## Context", "must have 15 to 30 lines"),
        (
            WORKERS,
            "test_a_worker_that_dies_is",
            "test_a_worker_that_died_was",
            "there is no test test_workers.py",
        ),
        (WORKERS, "`test_workers.py`", "`test_worker.py`", "there is no test test_worker.py"),
        (WORKERS, "- `test_", "- see `test_", "a guard must be"),
        (HANDSHAKE, "and then it accepts", "and then `test_nothing`", "there is no test test_nothing"),
        (GARBAGE, "No test guards this, because it", "It", "names no test, and does not say why"),
    ],
)
def test_a_planted_fault_is_found(copy: Path, file: str, right: str, wrong: str, fault: str) -> None:
    plant(copy, file, right, wrong)
    assert fault in "\n".join(faults_in(copy))


def test_a_decision_that_is_missing_or_has_no_name_of_the_form_is_found(copy: Path) -> None:
    (copy / HANDSHAKE).unlink()
    assert "0004-workbook-in-a-process.md: its number should be 3" in faults_in(copy)
    (copy / "0003-Handshake_Last.md").write_text((FOLDER / HANDSHAKE).read_text())
    (fault,) = faults_in(copy)
    assert fault.startswith("0003-Handshake_Last.md: must be called NNNN-name.md")


def test_a_decision_may_take_the_place_of_another(copy: Path) -> None:
    plant(copy, HANDSHAKE, "Status: accepted", "Status: superseded by 37")
    plant(copy, NEWEST, "README was", f"This takes the place of [3]({HANDSHAKE}). README was")
    (copy / "README.md").write_text(index_of(all_decisions(copy)))
    assert faults_in(copy) == []
