"""Rows go into buckets in their order, at most a thousand in each."""

from hypothesis import given
from hypothesis import strategies as st

from store_api.ledger.rows import LARGEST_SUM, MOST_ROWS, Batch, Kind, Row, row_of

stores = st.sampled_from(("north", "south"))
changes = st.lists(
    st.tuples(stores, st.integers(0, 5) | st.integers(MOST_ROWS - 2, 2 * MOST_ROWS + 1), st.booleans()),
    max_size=8,
)


def rows(count: int) -> list[Row]:
    return [row_of(f"item-{place}", 1, 1, Kind.DIRECT) for place in range(count)]


@given(changes)
def test_every_row_is_there_once_in_the_order_it_came(some: list[tuple[str, int, bool]]) -> None:
    batch = Batch(7)
    wanted: dict[str, list[int]] = {"north": [], "south": []}
    for seconds, (store_id, count, gone) in enumerate(some):
        number = batch.rows
        batch.add(store_id, rows(count), seconds, count, gone=gone)
        wanted[store_id] += range(number, number + count)
    assert batch.rows == sum(map(len, wanted.values()))
    ids = [(bucket["_id"]["s"], bucket["_id"]["b"], bucket["_id"]["p"]) for bucket in batch.buckets]
    assert len(set(ids)) == len(ids)
    for store_id, numbers in wanted.items():
        ours = sorted(
            (bucket for bucket in batch.buckets if bucket["_id"]["s"] == store_id),
            key=lambda each: each["_id"]["p"],
        )
        assert [row["n"] for bucket in ours for row in bucket["rows"]] == numbers
        last = [(seconds, gone) for seconds, (which, _, gone) in enumerate(some) if which == store_id][-1:]
        assert [(bucket["t"], bucket["gone"]) for bucket in ours[-1:]] == last
        assert [batch.touched[store_id]] == [seconds for seconds, _ in last] if last else not ours
    for bucket in batch.buckets:
        assert len(bucket["rows"]) <= MOST_ROWS
        assert [row["t"] for row in bucket["rows"]] == sorted(row["t"] for row in bucket["rows"])


def test_more_pieces_than_a_number_can_say_are_as_many_as_it_can() -> None:
    batch = Batch(1)
    batch.add("north", rows(1), 1, LARGEST_SUM * 3)
    assert [bucket["u"] for bucket in batch.buckets] == [LARGEST_SUM]
