"""What the stores should hold after a replay, against what they say they hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_NAMED = 5  # stores that the line names


def difference(expected: Mapping[str, int], perhaps: Mapping[str, int], actual: Mapping[str, int]) -> str:
    """Compare a store's stock with what it should be, item by item; all in pieces.

    Args:
        expected: what is left if every basket was sold.
        perhaps: what baskets of unknown outcome held: any part of it may still be there.
        actual: the report; an item that is sold out must not be in it.

    Returns:
        The first difference in a few words; empty when there is none.
    """
    for item_id in sorted(expected.keys() | actual.keys()):
        least = expected.get(item_id, 0)
        most = least + perhaps.get(item_id, 0)
        quantity = actual.get(item_id, 0)
        if not least <= quantity <= most:
            return f"item {item_id} is {quantity:,}, should be {least:,}" + (f" to {most:,}" * (most > least))
        if quantity == 0 and item_id in actual:
            return f"item {item_id} is sold out and still in the report"
    return ""


@dataclass(slots=True)
class Verdict:
    """What comparing every store has brought so far."""

    exact: int = 0
    sold_out: int = 0
    uncertain: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    def add(
        self,
        store_id: str,
        expected: Mapping[str, int],
        perhaps: Mapping[str, int],
        actual: Mapping[str, int] | None,
    ) -> None:
        """Judge one store by its `difference`; an `actual` of None is a store that is gone."""
        found = "there is no such store" if actual is None else difference(expected, perhaps, actual)
        if found:
            self.different.append(f"{store_id}: {found}")
        elif perhaps:
            self.uncertain.append(store_id)
        else:
            self.exact += 1
            self.sold_out += not actual

    @property
    def passed(self) -> bool:
        """Whether no store holds anything that its receipts and the unknown outcomes do not explain."""
        return not self.different

    def line(self) -> str:
        """Say it in one line."""
        stores = self.exact + len(self.uncertain) + len(self.different)
        if self.different:
            differ = f"{len(self.different):,} of {stores:,} stores differ"
            return f"Check FAILED: {differ}: {few(self.different)}."
        held = "to the piece what they opened with less what they sold"
        if self.uncertain:
            return (
                f"Check passed as far as it can: {self.exact:,} of {stores:,} stores hold {held}; "
                f"{len(self.uncertain):,} cannot be compared exactly, and hold what the unknown outcomes "
                f"allow: {few(self.uncertain)}."
            )
        return f"Check passed: all {stores:,} stores hold {held}; {self.sold_out:,} are sold out."


def few(texts: Iterable[str]) -> str:
    """Name the first of many in one line."""
    named = sorted(texts)
    more = len(named) - _NAMED
    return "; ".join(named[:_NAMED]) + (f"; and {more:,} more" if more > 0 else "")
