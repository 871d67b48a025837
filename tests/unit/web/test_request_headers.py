"""What headers and queries ask for."""

import pytest

from store_api.errors import InvalidInput, WrongMediaType
from store_api.web.requests import page_of, prefers_minimal, require_json, wants_snapshot


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", " application/json ;x=y"],
)
def test_a_body_that_says_that_it_is_json_is_let_in(content_type: str) -> None:
    require_json(content_type)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/jsonp", "application/json-patch+json", "text/json", "json", ";"],
)
def test_a_body_that_says_anything_else_is_refused(content_type: str | None) -> None:
    with pytest.raises(WrongMediaType):
        require_json(content_type)


@pytest.mark.parametrize(
    ("prefer", "minimal"),
    [
        (None, False),
        ("", False),
        ("return=minimal", True),
        ("Return = minimal", True),
        ('return="minimal"', True),
        ("return=minimal; foo=bar", True),
        ("respond-async, wait=10, return=minimal", True),
        ("return=representation", False),
        ("return=representation, return=minimal", False),
        ("return=minimal, return=representation", True),
        ("return", False),
        ("minimal", False),
        ("x-return=minimal", False),
        ("wait=10; return=minimal", False),
    ],
)
def test_only_the_first_return_preference_counts(prefer: str | None, minimal: bool) -> None:
    assert prefers_minimal([] if prefer is None else [prefer]) is minimal


@pytest.mark.parametrize(
    ("arguments", "page"),
    [
        ({}, ("", 1000)),
        ({"limit": ["1"]}, ("", 1)),
        ({"limit": ["10000"], "after": ["арт/1"]}, ("арт/1", 10000)),
        ({"after": [""]}, ("", 1000)),
        ({"limit": ["5", "x"], "after": ["a", "b"]}, ("a", 5)),
        ({"other": ["x"]}, ("", 1000)),
    ],
)
def test_a_page_begins_after_an_id_and_holds_a_thousand_unless_asked(
    arguments: dict[str, list[str]], page: tuple[str, int]
) -> None:
    assert page_of(arguments) == page


@pytest.mark.parametrize(
    "limit", ["", "0", "-1", "10001", "1.0", "1e3", " 5", "x", "٥", "²", "+5", "9" * 5000]
)
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 10000") as refused:
        page_of({"limit": [limit]})
    assert refused.value.path == "limit"


def test_a_switch_is_off_unless_it_is_on() -> None:
    assert not wants_snapshot({})
    assert not wants_snapshot({"snapshot": ["false"]})
    assert wants_snapshot({"snapshot": ["true"]})


@pytest.mark.parametrize("text", ["", "1", "True", "yes", "on"])
def test_a_switch_that_is_neither_on_nor_off_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="snapshot is true or false") as refused:
        wants_snapshot({"snapshot": [text]})
    assert refused.value.path == "snapshot"
