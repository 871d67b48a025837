"""Writes the index of the decisions, `docs/decisions/README.md`: run `python docs/decisions/index.py`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

FOLDER = Path(__file__).parent
HEADINGS = ("Context", "Decision", "Measured", "Rejected", "Consequences", "Guarded by")
UNGUARDED = "No test guards this, because "

INTRODUCTION = """\
# Decisions

One record for each decision: what it was about, what was decided, what was measured, what was rejected, and
which test fails when it is undone. Many were written down later, from the code, its tests and its history;
where no record says what else was tried, they say so, and where no machine is named, none was written down.

A new one takes the next number and the form of the others, in 15 to 30 lines. Then run
`python docs/decisions/index.py`, which writes this page. A decision is not rewritten: a later one links to
it and takes its place, and its status becomes `superseded by N`. A test holds all of them to that.

| | decision | date | status | guarded |
|---|---|---|---|---|
"""

_NAME = re.compile(r"(\d{4})-[a-z0-9-]+\.md")
_HEAD = re.compile(r"# (\d+)\. (\S.*)\n\nStatus: (.+)\n\nDate: (.+)\n\n")
_STATUS = re.compile(r"accepted|superseded by (\d+)")
_GUARD = re.compile(r"^- `(test_\w+\.py)`: `(test_\w+)`$", re.MULTILINE)


class WrongForm(ValueError):
    """A decision that is not of the form; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, as its file tells it.

    Args:
        file: the file's name.
        number: from 1 on.
        title: a sentence without its full stop.
        superseded_by: the number of the decision that took its place; None while it holds.
        made_on: the day of the commit that made it so.
        sections: what stands under each heading.
    """

    file: str
    number: int
    title: str
    superseded_by: int | None
    made_on: date
    sections: dict[str, str]

    @property
    def guards(self) -> list[tuple[str, str]]:
        """The tests that are named, each as its file's name and its function's."""
        return [(found[1], found[2]) for found in _GUARD.finditer(self.sections["Guarded by"])]

    @property
    def is_guarded(self) -> bool:
        """Whether a test fails when it is undone."""
        return not self.sections["Guarded by"].startswith(UNGUARDED)


def decision_of(file: str, text: str) -> Decision:
    """Read one decision.

    Args:
        file: the file's name.
        text: all that is in it.

    Raises:
        WrongForm: the first thing that is wrong with it.
    """
    named, head = _NAME.fullmatch(file), _HEAD.match(text)
    if named is None or head is None or int(named[1]) != int(head[1]):
        raise WrongForm(
            f"{file}: must be called NNNN-name.md and begin with its number, title, status and date"
        )
    status = _STATUS.fullmatch(head[3])
    if status is None:
        raise WrongForm(f"{file}: its status must be 'accepted' or 'superseded by N'")
    try:
        made_on = date.fromisoformat(head[4])
    except ValueError:
        raise WrongForm(f"{file}: its date must be YYYY-MM-DD") from None
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    sections = {heading: body.strip() for heading, _, body in (part.partition("\n") for part in parts)}
    if tuple(part.partition("\n")[0] for part in parts) != HEADINGS or not all(sections.values()):
        raise WrongForm(f"{file}: must have under each of these something: {', '.join(HEADINGS)}")
    superseded_by = None if status[1] is None else int(status[1])
    return Decision(file, int(head[1]), head[2], superseded_by, made_on, sections)


def all_decisions(folder: Path = FOLDER) -> list[Decision]:
    """Read all decisions, in their order.

    Raises:
        WrongForm: for the first that is not of the form.
    """
    files = sorted(file for file in folder.glob("*.md") if file.name != "README.md")
    return [decision_of(file.name, file.read_text(encoding="utf-8")) for file in files]


def index_of(decisions: Sequence[Decision]) -> str:
    """Write the index."""
    return INTRODUCTION + "".join(map(_line_of, decisions))


def _line_of(decision: Decision) -> str:
    status = "accepted" if decision.superseded_by is None else f"superseded by {decision.superseded_by}"
    guarded = "by a test" if decision.is_guarded else "no"
    title = f"[{decision.title}]({decision.file})"
    return f"| {decision.number} | {title} | {decision.made_on} | {status} | {guarded} |\n"


if __name__ == "__main__":
    (FOLDER / "README.md").write_text(index_of(all_decisions()), encoding="utf-8")
