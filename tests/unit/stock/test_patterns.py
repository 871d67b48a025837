"""Some of all stores: an id is that store alone, and a beginning is all that begin so."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from store_api.stock import StorePatterns

ids = some.text(some.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
patterns = some.lists(ids | ids.map(lambda start: start + "*") | some.just("*"), max_size=6)


@given(patterns, ids)
def test_a_store_is_one_of_them_where_a_pattern_is_it_or_begins_it(written: list[str], store_id: str) -> None:
    expected = any(
        store_id.startswith(pattern[:-1]) if pattern.endswith("*") else store_id == pattern
        for pattern in written
    )
    assert (store_id in StorePatterns.of(written)) == expected


@given(patterns, ids, ids)
def test_one_more_pattern_takes_no_store_away_and_adds_its_own(
    written: list[str], added: str, store_id: str
) -> None:
    before, after = StorePatterns.of(written), StorePatterns.of([*written, added])
    assert added in after
    if store_id in before:
        assert store_id in after


@given(ids)
def test_of_no_pattern_there_is_no_store_and_of_a_star_there_are_all(store_id: str) -> None:
    assert store_id not in StorePatterns.of([])
    assert store_id in StorePatterns.of(["*"])


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("berlin-*", ["berlin-", "berlin-1", "berlin-*"], ["berlin", "Berlin-1", "xberlin-1", ""]),
        ("abc111", ["abc111"], ["abc1111", "abc11", "ABC111"]),
        ("a*b", ["a*b"], ["axb", "ab", "a"]),
        ("a.*", ["a.", "a.b"], ["aXb", "a"]),
        ("**", ["*", "*x"], ["x", "a*"]),
        ("", [], ["a"]),
    ],
)
def test_nothing_but_a_star_at_the_end_means_more_than_itself(
    pattern: str, inside: list[str], outside: list[str]
) -> None:
    some_stores = StorePatterns.of([pattern])
    assert [store_id in some_stores for store_id in (*inside, *outside)] == [
        *([True] * len(inside)),
        *([False] * len(outside)),
    ]
