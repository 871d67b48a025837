"""The documentation's own rules: what it links to and names is there, and each page is short and found."""

from pathlib import Path

import pytest

from tests.house.markdown import ROOT, anchors, files, split, text_of
from tests.house.page_checks import (
    INDEX,
    MOST_LINES,
    MOST_LINES_OF_ANY,
    broken_links,
    is_long,
    missing_names,
    unknown_blocks,
    unknown_verbs,
    unlisted,
)

FILES = frozenset(files(ROOT))
PAGES = sorted(name for name in FILES if name.endswith(".md"))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    wrong = broken_links(ROOT, page)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    wrong = missing_names(ROOT, page, FILES)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_every_verb_is_the_makefiles(page: str) -> None:
    wrong = unknown_verbs(ROOT, page)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    wrong = unknown_blocks(ROOT, page)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_short(page: str) -> None:
    assert not is_long(ROOT, page)


def test_every_page_is_in_the_index() -> None:
    wrong = unlisted(ROOT, PAGES)
    assert not wrong, "\n".join(wrong)


PLANTED = """\
# A page

[there](other.md) [its heading](other.md#a-heading) [here](#a-page) [away](https://example.org/) `[a](b.md)`
[gone](gone.md) [x](other.md#b-heading) [nor
here](#another) ![no picture](gone.png) [![x](g.png)](other.md)

`code/one.py` `one.py` `code/` `code/one.py:1` `code/one.py::f` `code/<any>.py` `/gone.py` `make all`
`code/two.py` `two.py` `code/sub/` `code/one.py:3` `code/one.py::g` `code/<any>.md` `gone.md` `code/x`

```sh (not run: takes minutes)
make test
make nothing
```

```sh
rm -r code
```

```console (stays)
```

```text
$ rm -r code
```

- a list

    goes on, and what is indented in it is no block

Prose.

    make elsewhere

- a list

  with a paragraph

[one]: gone.md
[two]: other.md
[three]: <gone.md>
"""


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A repository with a page in which much is wrong."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "code").mkdir()
    (tmp_path / "page.md").write_text(PLANTED)
    (tmp_path / "other.md").write_text("# A heading\n\n# A heading\n\n```text\n# no heading\n```\n")
    (tmp_path / "code/one.py").write_text("def f() -> None:\n    pass\n")
    (tmp_path / INDEX).write_text("[one](one.md) [and](https://example.org)\n")
    for name in ("one.md", "two.md"):
        (tmp_path / "docs" / name).write_text("short\n" * MOST_LINES_OF_ANY)
    return tmp_path


def test_the_checks_see_what_is_planted(planted: Path) -> None:
    assert broken_links(planted, "page.md") == [
        f"page.md:{wrong}"
        for wrong in (
            *("4 #another", "4 gone.md", "4 other.md#b-heading", "5 g.png", "5 gone.png"),
            *("38 gone.md", "40 gone.md"),
        )
    ]
    assert missing_names(planted, "page.md", list(files(planted))) == [
        f"page.md:8 {name}"
        for name in (
            *("code/two.py", "two.py", "code/sub/", "code/one.py:3", "code/one.py::g", "code/<any>.md"),
            *("gone.md", "code/x"),
        )
    ]
    assert unknown_verbs(planted, "page.md") == ["all", "nothing"]
    assert unknown_blocks(planted, "page.md") == [
        "page.md:15 sh",
        "page.md:19 console (stays)",
        "page.md:22 text",
        "page.md:32 indented",
    ]
    assert anchors(text_of(planted / "other.md")) == {"a-heading", "a-heading-1"}


def test_long_and_unlisted_pages_are_seen(planted: Path) -> None:
    pages = ["docs/README.md", "docs/one.md", "docs/two.md", "page.md", "docs/decisions/README.md"]
    assert unlisted(planted, pages) == ["docs/two.md", "docs/decisions/README.md"]
    assert not is_long(planted, "docs/one.md")
    (planted / "README.md").write_text("short\n" * (MOST_LINES["README.md"] + 1))
    (planted / "docs/one.md").write_text("long\n" * (MOST_LINES_OF_ANY + 1))
    assert is_long(planted, "README.md")
    assert is_long(planted, "docs/one.md")
    with pytest.raises(ValueError, match="line 1 is not closed"):
        split("```text\nfor ever\n")
