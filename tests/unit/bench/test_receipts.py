from datetime import datetime

import msgspec
import pyarrow as pa
import pytest

from bench.demo.receipts import Basket, Line, Receipts, Why, from_table, group_operation, in_calls, load

MORNING, NOON, EVENING = (datetime(2017, 1, 1, hour) for hour in (9, 12, 18))  # noqa: DTZ001

# store, basket, product, quantity, time; as a file may bring them, in no order
SALES = [
    (7, 103, 50, 2, EVENING),
    (7, 101, 60, 1, MORNING),
    (9, 102, 50, 4, NOON),
    (7, 101, 50, 3, MORNING),
    (7, 104, 50, 0, NOON),
    (9, 102, 70, 0, NOON),
]


def table(sales: list[tuple[int, int, int, int, datetime]]) -> pa.Table:
    names = ["store_id", "basket_id", "product_id", "quantity", "transaction_timestamp"]
    columns = zip(*sales, strict=True)
    return pa.table({name: list(column) for name, column in zip(names, columns, strict=True)})


@pytest.fixture
def receipts() -> Receipts:
    return from_table(table(SALES))


@pytest.fixture(scope="module")
def whole_year() -> Receipts:
    return load()


def test_baskets_come_in_order_of_time(receipts: Receipts) -> None:
    assert receipts.baskets == (
        Basket("7", (Line("50", 3), Line("60", 1)), "101"),
        Basket("9", (Line("50", 4),), "102"),
        Basket("7", (Line("50", 2),), "103"),
    )


def test_two_baskets_of_the_same_second_stay_two_even_when_their_lines_are_mixed() -> None:
    mixed = [(7, 2, 50, 1, NOON), (9, 1, 50, 2, NOON), (7, 2, 60, 3, NOON), (9, 1, 60, 4, NOON)]
    assert from_table(table(mixed)).baskets == (
        Basket("9", (Line("50", 2), Line("60", 4)), "1"),
        Basket("7", (Line("50", 1), Line("60", 3)), "2"),
    )


def test_a_store_opens_with_what_it_sells_in_all(receipts: Receipts) -> None:
    assert receipts.opening == {"7": (Line("50", 5), Line("60", 1)), "9": (Line("50", 4),)}


def test_the_store_with_the_most_baskets_comes_first() -> None:
    sales = [(1, 1, 50, 9, MORNING), (2, 2, 50, 1, NOON), (2, 3, 50, 1, EVENING)]
    assert list(from_table(table(sales)).opening) == ["2", "1"]


@pytest.mark.parametrize("stores", [0, 1, 2, 3, 9])
def test_to_read_no_more_than_the_first_stores_is_to_keep_them_of_all(stores: int) -> None:
    # Three with one basket each: of those the one comes first that sold first.
    sales = [*SALES, (1, 105, 50, 9, EVENING), (2, 106, 50, 1, MORNING)]
    assert from_table(table(sales), stores) == from_table(table(sales)).first(stores)
    assert list(from_table(table(sales), stores).opening) == ["7", "2", "9", "1"][:stores]


def test_a_line_of_quantity_zero_is_no_sale(receipts: Receipts) -> None:
    assert all(line.quantity > 0 for basket in receipts.baskets for line in basket.lines)
    assert "70" not in {line.item_id for lines in receipts.opening.values() for line in lines}


def test_a_year_of_baskets_leaves_every_shelf_empty(receipts: Receipts) -> None:
    assert receipts.closing() == {"7": {}, "9": {}}


def test_the_first_baskets_leave_the_rest_on_the_shelves(receipts: Receipts) -> None:
    assert receipts.first(baskets=1).closing() == {"7": {"50": 2}, "9": {"50": 4}}


def test_the_first_stores_keep_only_their_own_baskets_and_their_whole_opening_stock(
    receipts: Receipts,
) -> None:
    first = receipts.first(stores=1, baskets=1)
    assert first.opening == {"7": (Line("50", 5), Line("60", 1))}
    assert [basket.store_id for basket in receipts.first(stores=1).baskets] == ["7", "7"]
    assert first.baskets == receipts.baskets[:1]


def test_asking_for_more_than_there_is_keeps_everything(receipts: Receipts) -> None:
    assert receipts.first(stores=99, baskets=99) == receipts == receipts.first()


def test_a_group_operation_is_the_body_of_the_contract() -> None:
    assert msgspec.json.decode(group_operation("demand", (Line("50", 3), Line("60", 1)))) == {
        "operation": "demand",
        "items": [{"item_id": "50", "quantity": 3}, {"item_id": "60", "quantity": 1}],
    }
    told = msgspec.json.decode(group_operation("demand", (Line("50", 3),), Why("101", "sale")))
    assert (told["reference"], told["reason"]) == ("101", "sale")


def test_an_item_that_is_on_a_receipt_twice_is_one_of_as_many_pieces() -> None:
    assert Basket("7", (Line("50", 3), Line("60", 1), Line("50", 2)), "1").pieces == {"50": 5, "60": 1}


@pytest.mark.parametrize(("lines", "sizes"), [(0, []), (2, [2]), (3, [3]), (7, [3, 3, 1])])
def test_calls_hold_as_many_lines_as_they_may_and_together_all(lines: int, sizes: list[int]) -> None:
    stock = tuple(Line(str(number), 1) for number in range(lines))
    calls = list(in_calls(stock, most=3))
    assert [len(call) for call in calls] == sizes
    assert [line for call in calls for line in call] == list(stock)


def test_the_real_receipts_have_the_figures_they_are_known_for(whole_year: Receipts) -> None:
    items = {line.item_id for lines in whole_year.opening.values() for line in lines}
    assert (len(whole_year.opening), len(items), len(whole_year.baskets)) == (457, 68_260, 155_518)
    assert sum(len(basket.lines) for basket in whole_year.baskets) == 1_469_307 - 8_869
    assert max(len(basket.lines) for basket in whole_year.baskets) == 161
    assert len({basket.number for basket in whole_year.baskets}) == 155_518


def test_the_real_opening_stock_fits_the_limits_of_the_service(whole_year: Receipts) -> None:
    calls = [call for lines in whole_year.opening.values() for call in in_calls(lines)]
    assert max(len(call) for call in calls) == 10_000
    assert max(len(group_operation("supply", call)) for call in calls) < 2**19
    assert max(line.quantity for call in calls for line in call) <= 10**9
