"""What a write says of itself comes back as it was said, added up; what is no such thing is not believed."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.access.callers import OF_JWTS
from store_api.access.oidc import LONGEST_SUBJECT
from store_api.stock import LARGEST_QUANTITY, Operation, OperationKind
from store_api.stock.said import KINDS, Said, SaidLine, read_said, said_of

names = st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=5)
items = st.dictionaries(st.sampled_from(("a", "b", "%2E", "ä")), st.integers(1, 9), min_size=1)
kinds = st.sampled_from((OperationKind.DEMAND, OperationKind.SUPPLY))
operations = st.builds(
    Operation,
    st.just("s"),
    kinds,
    items,
    actor=names,
    reference=names,
    reason=st.sampled_from((None, "sale")),
)


def names_of(operation: Operation) -> tuple[object, ...]:
    return operation.kind, operation.actor, operation.reference, operation.reason


@given(st.lists(operations, min_size=1, max_size=8))
def test_those_that_say_the_same_are_one_line_that_adds_them_up_and_supplies_come_first(
    batch: list[Operation],
) -> None:
    said = read_said(said_of("writer", 42, batch))
    assert said is not None
    assert (said.writer, said.number) == ("writer", 42)
    wanted: dict[tuple[object, ...], Counter[str]] = {}
    for operation in batch:
        wanted.setdefault(names_of(operation), Counter()).update(operation.items)
    found = {(KINDS[line.place], line.actor, line.reference, line.reason): line.items for line in said.lines}
    assert len(found) == len(said.lines)
    if len(wanted) == 1:
        # The write itself says how much.
        assert found == dict.fromkeys(wanted)
    else:
        assert found == wanted
    places = [line.place for line in said.lines]
    assert places == sorted(places)


def test_the_longest_subject_of_a_jwt_is_an_actor() -> None:
    actor = OF_JWTS + "s" * LONGEST_SUBJECT
    said = read_said(said_of("w", 2, [Operation("s", OperationKind.CLEAN, {}, actor=actor)]))
    assert said is not None
    assert said.lines[0].actor == actor


def test_a_clean_is_a_line_without_items() -> None:
    said = read_said(said_of("w", 2, [Operation("s", OperationKind.CLEAN, {}, actor="till-7")]))
    assert said == Said("w", 2, [SaidLine(KINDS.index(OperationKind.CLEAN), "till-7")])


def test_more_than_can_be_counted_came_and_went_and_it_is_said_as_far_as_it_can_be() -> None:
    most = {"a": LARGEST_QUANTITY}
    turns = [Operation("s", kind, most) for kind in (OperationKind.SUPPLY, OperationKind.DEMAND)] * 4
    said = read_said(said_of("w", 2, turns))
    assert said is not None
    assert [line.items for line in said.lines] == [most, most]


GOOD = ["w", 2, [[0, "till", "R-1", "sale", {"a": 1}], [1, None, None, None, {"a": 1}]]]


def test_what_is_good_is_believed() -> None:
    assert read_said(msgspec.msgpack.encode(GOOD)) is not None


@pytest.mark.parametrize(
    "lines",
    [
        [[3, None, None, None, None]],
        [[-1, None, None, None, None]],
        [[0, "", None, None, None]],
        [[0, "x" * 257, None, None, None]],
        [[0, None, "x" * 129, None, None]],
        [[0, "till\x1b[31m", None, None, None]],
        [[0, "till", "line\n", None, None]],
        [[0, None, None, None, {"a": 0}]],
        [[0, None, None, None, {"a": 1}]],
        [[0, None, None, None, {"a": -1}], [1, None, None, None, {"a": 1}]],
        [[0, None, None, None, {"a": 2**63}], [1, None, None, None, {"a": 1}]],
        [[0, None, None, None, {"": 1}], [1, None, None, None, {"a": 1}]],
        [[0, None, None, None, {"a\x00": 1}], [1, None, None, None, {"a": 1}]],
        [[0, None, None, None, None], [1, None, None, None, {"a": 1}]],
        [],
    ],
    ids=repr,
)
def test_what_we_would_never_say_is_not_believed(lines: list[object]) -> None:
    assert read_said(msgspec.msgpack.encode(["w", 2, lines])) is None


@given(st.binary(max_size=40))
def test_bytes_of_others_are_no_trouble(written: bytes) -> None:
    said = read_said(written)
    assert said is None or said.lines


@given(st.data())
def test_a_write_that_was_cut_or_turned_is_no_trouble(data: st.DataObject) -> None:
    written = bytearray(msgspec.msgpack.encode(GOOD))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] = data.draw(st.integers(0, 255))
    said = read_said(bytes(written[: data.draw(st.integers(0, len(written)))]))
    assert said is None or all(line.place < len(KINDS) for line in said.lines)
