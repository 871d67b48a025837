"""The ledger of a replay against its receipts: what each row must be, and what they come to."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

import msgspec

from bench.demo.verdict import few


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row of the ledger as the service gives it, as far as it matters here."""

    id: str
    item_id: str
    delta: int
    quantity: int
    op: str
    reference: str | None = None


class StoreProof:
    """Takes one store's rows in their order, and tells the first that is not as it must be.

    Args:
        opening: the reference of what opened the store; rows before its first one are of earlier replays.
        opened: the pieces of each item with which it was opened.
        receipts: what each receipt sold, by its number.
        perhaps: receipts of unknown outcome: either all their lines are there, or none.
        refused: receipts that were not sold.

    Attributes:
        rows: how many were taken.
        receipts_found: how many receipts have rows.
    """

    def __init__(
        self,
        opening: str,
        opened: Mapping[str, int],
        receipts: Mapping[str, Mapping[str, int]],
        perhaps: Set[str] = frozenset(),
        refused: Set[str] = frozenset(),
    ) -> None:
        self._opening = opening
        self._opened = opened
        self._receipts = receipts
        self._perhaps = perhaps
        self._refused = refused
        self._quantities: dict[str, int] = {}
        self._found_opened: dict[str, int] = {}
        self._found: dict[str, set[str]] = {}
        self._fault = ""
        self.rows = 0

    @property
    def receipts_found(self) -> int:
        """How many receipts have rows."""
        return len(self._found)

    def take(self, rows: Iterable[Row]) -> None:
        """Take the next rows."""
        for row in rows:
            if not self.rows and row.reference != self._opening:
                continue
            self.rows += 1
            if fault := self._fault_of(row):
                self._fault = self._fault or f"row {row.id}: {fault}"

    def _fault_of(self, row: Row) -> str:
        item_id, reference = row.item_id, row.reference
        # What an earlier replay left there is not known: it is cleaned away first.
        unknown = row.quantity - row.delta if row.op == "clean" else 0
        before = self._quantities.get(item_id, unknown)
        self._quantities[item_id] = row.quantity
        if before + row.delta != row.quantity:
            return f"item {item_id} was {before:,}, and {row.delta:+,} makes it {row.quantity:,}"
        if reference == self._opening and row.op in ("clean", "supply"):
            self._found_opened[item_id] = row.quantity
            return ""
        receipt = self._receipts.get(reference or "")
        if receipt is None or reference is None or row.op != "demand":
            return f"{row.op} {row.delta:+,} of item {item_id} is of no receipt ({reference})"
        if receipt.get(item_id) != -row.delta:
            return (
                f"receipt {reference} has {-row.delta:,} of item {item_id}, not {receipt.get(item_id, 0):,}"
            )
        found = self._found.setdefault(reference, set())
        if item_id in found:
            return f"receipt {reference} has item {item_id} twice"
        found.add(item_id)
        return ""

    def difference(self, stock: Mapping[str, int]) -> str:
        """Tell the first difference, of the rows or of what they come to; empty where there is none.

        Args:
            stock: what the store holds.
        """
        return self._fault or self._opening_fault() or self._missing() or self._stock_fault(stock)

    def _opening_fault(self) -> str:
        for item_id in sorted(self._opened.keys() | self._found_opened.keys()):
            found, opened = self._found_opened.get(item_id, 0), self._opened.get(item_id, 0)
            if found != opened:
                return f"item {item_id} opens with {found:,} in the ledger, and was opened with {opened:,}"
        return ""

    def _missing(self) -> str:
        for number, lines in self._receipts.items():
            found = self._found.get(number)
            if found is None and (number in self._perhaps or number in self._refused):
                continue
            if found is not None and number in self._refused:
                return f"receipt {number} has rows, and was refused"
            if missing := sorted(lines.keys() - (found or set())):
                return f"receipt {number} has no row of item {missing[0]}"
        return ""

    def _stock_fault(self, stock: Mapping[str, int]) -> str:
        for item_id in sorted(self._quantities.keys() | stock.keys()):
            quantity, there = self._quantities.get(item_id, 0), stock.get(item_id, 0)
            if quantity != there:
                return f"item {item_id} is {quantity:,} in the ledger and {there:,} in stock"
        return ""


@dataclass(slots=True)
class LedgerVerdict:
    """What proving every store's ledger has brought so far."""

    stores: int = 0
    rows: int = 0
    receipts: int = 0
    different: list[str] = field(default_factory=list)

    def add(self, store_id: str, proof: StoreProof, stock: Mapping[str, int]) -> None:
        """Judge one store, all of whose rows were taken."""
        self.stores += 1
        self.rows += proof.rows
        self.receipts += proof.receipts_found
        if found := proof.difference(stock):
            self.different.append(f"{store_id}: {found}")

    @property
    def passed(self) -> bool:
        """Whether the ledger is what the receipts say."""
        return not self.different

    def line(self, seconds: float) -> str:
        """Say it in one line; `seconds` is how long it took."""
        if self.different:
            differ = f"{len(self.different):,} of {self.stores:,} stores differ"
            return f"Ledger FAILED: {differ}: {few(self.different)}."
        return (
            f"Ledger proved in {seconds:,.1f} s: its {self.rows:,} rows of {self.stores:,} stores are what "
            f"they opened with and {self.receipts:,} receipts, item by item, and come to what is in stock."
        )
