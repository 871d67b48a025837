import pytest

from bench.demo.verdict import Verdict, difference


@pytest.mark.parametrize(
    ("expected", "perhaps", "actual"),
    [
        ({}, {}, {}),
        ({"a": 3}, {}, {"a": 3}),
        ({"a": 3}, {"a": 2}, {"a": 3}),
        ({"a": 3}, {"a": 2}, {"a": 5}),
        ({}, {"a": 2}, {"a": 1}),
    ],
)
def test_stock_that_receipts_and_unknown_outcomes_explain_is_no_difference(
    expected: dict[str, int], perhaps: dict[str, int], actual: dict[str, int]
) -> None:
    assert difference(expected, perhaps, actual) == ""


@pytest.mark.parametrize(
    ("expected", "perhaps", "actual", "says"),
    [
        ({"a": 3}, {}, {"a": 4}, "item a is 4, should be 3"),
        ({"a": 3}, {}, {}, "item a is 0, should be 3"),
        ({}, {}, {"b": 1}, "item b is 1, should be 0"),
        ({"a": 3}, {"a": 2}, {"a": 6}, "item a is 6, should be 3 to 5"),
        ({"a": 3}, {"a": 2}, {"a": 2}, "item a is 2, should be 3 to 5"),
        ({}, {}, {"a": 0}, "item a is sold out and still in the report"),
    ],
)
def test_a_difference_names_the_first_item_and_both_quantities(
    expected: dict[str, int], perhaps: dict[str, int], actual: dict[str, int], says: str
) -> None:
    assert difference(expected, perhaps, actual) == says


def test_when_every_store_matches_the_line_says_how_many_and_how_many_are_sold_out() -> None:
    verdict = Verdict()
    verdict.add("s1", {"a": 1}, {}, {"a": 1})
    verdict.add("s2", {}, {}, {})
    assert verdict.passed
    assert verdict.line().startswith("Check passed: all 2 stores hold to the piece")
    assert verdict.line().endswith("; 1 are sold out.")


def test_a_store_with_an_unknown_outcome_is_named_as_not_exactly_comparable() -> None:
    verdict = Verdict()
    verdict.add("s1", {"a": 1}, {}, {"a": 1})
    verdict.add("s2", {"a": 1}, {"a": 1}, {"a": 1})
    assert verdict.passed
    assert "1 of 2 stores" in verdict.line()
    assert verdict.line().endswith(
        "1 cannot be compared exactly, and hold what the unknown outcomes allow: s2."
    )


def test_a_difference_fails_the_check_even_where_an_outcome_is_unknown() -> None:
    verdict = Verdict()
    verdict.add("s1", {}, {}, {})
    verdict.add("s2", {"a": 1}, {"a": 1}, {"a": 3})
    assert not verdict.passed
    assert verdict.line() == "Check FAILED: 1 of 2 stores differ: s2: item a is 3, should be 1 to 2."


def test_a_store_that_is_gone_fails_the_check_even_when_it_should_be_empty() -> None:
    verdict = Verdict()
    verdict.add("s1", {}, {}, None)
    assert verdict.line() == "Check FAILED: 1 of 1 stores differ: s1: there is no such store."


def test_many_differences_still_make_one_short_line() -> None:
    verdict = Verdict()
    for number in range(9):
        verdict.add(f"s{number}", {}, {}, None)
    assert verdict.line().endswith("s4: there is no such store; and 4 more.")
