"""The grammar of requests, where a table of whole requests would be too coarse: anything at all may come."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.errors import InvalidInput
from store_api.http.fields import charsets, codings, is_same_host, preference
from store_api.http.framing import read_chunk_line, read_framing, require_trailer
from store_api.http.grammar import RefusedError, elements, tokens
from store_api.http.heads import read_fields, read_request_line
from store_api.web.requests import group_operation, item_operation
from tests.unit.web.bodies import group_body, item_body, line

LARGEST = 2**20
SECONDS = 1.0
NASTY = st.text(st.sampled_from('abz09%/:?#@[]"\\ \t\r\n\0\x0b\x7f\xff*,;=-._'), max_size=30)


@given(NASTY)
def test_whatever_a_line_is_it_is_read_or_refused(text: str) -> None:
    for read in (
        lambda: read_request_line(text),
        lambda: read_request_line(f"GET /{text} HTTP/1.1"),
        lambda: read_fields([text]),
        lambda: read_fields([f"a:{text}"]),
        lambda: read_chunk_line(text.encode("latin-1")),
        lambda: require_trailer(text.encode("latin-1")),
        lambda: read_framing((("host", "x"), ("content-length", text)), 1, LARGEST),
        lambda: read_framing((("host", "x"), ("transfer-encoding", text)), 1, LARGEST),
        lambda: read_framing((("host", text),), 1, LARGEST),
    ):
        with suppress(RefusedError):
            read()


@given(NASTY)
def test_a_length_is_digits_and_nothing_else(text: str) -> None:
    if re.fullmatch("[0-9]{1,6}", text):
        assert read_framing((("host", "x"), ("content-length", text)), 1, LARGEST).length == int(text)
    else:
        with pytest.raises(RefusedError):
            read_framing((("host", "x"), ("content-length", text)), 1, LARGEST)


@given(st.lists(st.tuples(st.sampled_from(["a", "Host", "Accept-X"]), NASTY)))
def test_fields_are_what_was_written(pairs: list[tuple[str, str]]) -> None:
    wild = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
    lines = [f"{name}:{value}" for name, value in pairs]
    if any(wild.search(value) for _, value in pairs):
        with pytest.raises(RefusedError):
            read_fields(lines)
    else:
        assert read_fields(lines)[0] == [(name.lower(), value.strip(" \t")) for name, value in pairs]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", []),
        (",, ,", []),
        ("a, b", ["a", "b"]),
        ('a="x,y", b', ['a="x,y"', "b"]),
        ('a="x\\",y", b', ['a="x\\",y"', "b"]),
        ('a="x, b', ['a="x, b']),
        ('a="x\\', ['a="x\\']),
        (" a\t,\tb ", ["a", "b"]),
    ],
)
def test_a_list_is_split_at_commas_outside_quotes(value: str, found: list[str]) -> None:
    assert elements(value) == found


def test_tokens_and_codings_are_in_small_letters_and_identity_is_no_coding() -> None:
    assert tokens("Keep-Alive,Upgrade") == ["keep-alive", "upgrade"]
    assert codings("GZip, identity") == ["gzip"]


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        ("application/json", []),
        ("application/json; charset=UTF-8", ["utf-8"]),
        ('application/json;a="b";Charset="utf-16"', ["utf-16"]),
        ("application/json;charset=a;charset=b", ["a", "b"]),
        ("application/json;xcharset=a", []),
    ],
)
def test_character_sets_are_found_among_parameters(content_type: str, found: list[str]) -> None:
    assert charsets(content_type) == found


@given(NASTY, NASTY)
def test_whatever_an_origin_is_it_is_ours_or_not(origin: str, host: str) -> None:
    assert is_same_host(origin, host) in (True, False)
    assert is_same_host(f"http://{host}", f"{host}x") is False


@pytest.mark.parametrize(
    "text",
    ['"' * 8000, '"\\' * 4000, ";a=" * 4000, "a" * 16000, "; " * 8000, 'a="' + "\\" * 15999, " \t" * 8000],
)
def test_nothing_takes_for_ever_to_refuse(text: str) -> None:
    began = time.process_time()
    preference([text, f"return;{text}@", f"a={text}"], "return")
    charsets(f"application/json;{text}")
    tokens(text)
    for line_ in (text[:4000].encode(), b"1;a" + text[:4000].encode()):
        with pytest.raises(RefusedError):
            read_chunk_line(line_ + b"\0")
    assert time.process_time() - began < SECONDS


TWICE = [
    item_body()[:-1] + b',"quantity":1}',
    item_body()[:-1] + b', "item_id" : "\\"" }',
    item_body(item_id='"')[:-1] + b',"operation":"supply"}',
    item_body(item_id='\\"')[:-1] + b',"\\u006fperation":"supply"}',
    item_body(item_id="\\")[:-1] + b',"item_id":"a"}',
    b'{"quantity":1,"item_id":"a","operation":"supply","quantity":1}',
]


@pytest.mark.parametrize("body", TWICE)
def test_a_member_that_is_named_twice_is_refused_wherever_it_is(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="named twice"):
        item_operation("s", body, minimal=False)


@pytest.mark.parametrize("at", [0, 1, 9_999])
def test_a_member_of_a_group_s_line_as_well(at: int) -> None:
    whole = group_body([line("a\\"), *[line('"b"')] * 9_999])
    assert group_operation("s", whole, minimal=False).items == {"a\\": 1, '"b"': 9_999}
    parts = whole.split(b'"quantity"')
    parts[at] += b'"quantity":5,'
    with pytest.raises(InvalidInput, match="named twice"):
        group_operation("s", b'"quantity"'.join(parts), minimal=False)


@given(st.text(st.sampled_from('a"\\u'), min_size=1, max_size=12))
def test_quotes_and_backslashes_in_an_id_are_no_names(item_id: str) -> None:
    assert item_operation("s", item_body(item_id=item_id), minimal=False).items == {item_id: 1}
    assert group_operation("s", group_body([line(item_id), line("b")]), minimal=False).items
