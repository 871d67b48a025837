"""The house rules of the dashboard's files that a program can check."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from store_api.pages.routes import DASHBOARD_POLICY, assets
from tests.house.test_rooms import is_long
from tests.support.service import ROOT

FILES = [*(ROOT / "store_api/pages/dashboard").iterdir(), *(ROOT / "store_api/pages/api_docs").iterdir()]
MODULES = [file for file in FILES if file.suffix == ".js"]
LONGEST_LINE = 130
SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment"
    r"|\beval\b|new Function|setTimeout\(['\"`]|srcdoc"
)
"""What makes markup or code of a text."""
ELSEWHERE = re.compile(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", re.IGNORECASE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_files_are_small(file: Path) -> None:
    assert not is_long(file.read_text())
    assert [line for line in file.read_text().splitlines() if len(line) > LONGEST_LINE] == []


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_text_stays_text(file: Path) -> None:
    assert SINKS.findall(file.read_text()) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_is_named_that_is_elsewhere(file: Path) -> None:
    namespaces = file.read_text().replace("http://www.w3.org/2000/svg", "")
    assert ELSEWHERE.findall(namespaces) == []


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.suffix == ".html"], ids=lambda file: file.parent.name
)
def test_pages_hold_no_script_and_no_style(file: Path) -> None:
    page = file.read_text()
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", page) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_modules_say_what_they_are_for(file: Path) -> None:
    assert file.read_text().startswith("/** ")
    for comment, exported in re.findall(
        r"(\*/\n)?^export (?:async )?(?:class|function|const) (\w+)", file.read_text(), re.M
    ):
        assert comment, exported


def test_what_is_asked_for_is_there() -> None:
    served = assets()
    for file in FILES:
        for asked in re.findall(r'(?:href|src)="([^"#]+)"', file.read_text()):
            # Both pages are at the root, or in one folder of a proxy's.
            assert urljoin("/", asked) in served, (file.name, asked)
        for asked in re.findall(r'from "\./([^"]+)"', file.read_text()):
            assert f"/dashboard/{asked}" in served, (file.name, asked)


def test_every_module_is_fetched_at_once() -> None:
    # Without that a slow network would be asked four times, one import after the other.
    page = (ROOT / "store_api/pages/dashboard/index.html").read_text()
    preloaded = set(re.findall(r'modulepreload" href="dashboard/([^"]+)"', page))
    assert preloaded == {file.name for file in MODULES if file.parent.name == "dashboard"} - {"main.js"}


def test_the_policy_allows_no_inline_script_and_nobody_else() -> None:
    assert "unsafe" not in DASHBOARD_POLICY
    assert "*" not in DASHBOARD_POLICY
    assert "default-src 'none'" in DASHBOARD_POLICY


def test_the_checks_see_what_is_planted() -> None:
    assert SINKS.search("row.innerHTML = id")
    assert SINKS.search('setTimeout("hurt()")')
    assert ELSEWHERE.search("import('//cdn.example/x.js')")
    assert not ELSEWHERE.search("// a comment. And more")
