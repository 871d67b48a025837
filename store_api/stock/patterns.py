"""Some of all stores: by id, or by what their ids begin with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PREFIX_MARK: Final = "*"
"""At the end of a store's pattern: every store whose id begins with what stands before it."""


@dataclass(frozen=True, slots=True)
class StorePatterns:
    """Some stores: by id, or by what their ids begin with.

    Args:
        ids: of single stores.
        prefixes: what ids begin with.
    """

    ids: frozenset[str]
    prefixes: tuple[str, ...]

    @classmethod
    def of(cls, patterns: Sequence[str]) -> "StorePatterns":
        """Read patterns as people write them: `abc111`, `berlin-*`."""
        return cls(
            frozenset(pattern for pattern in patterns if not pattern.endswith(PREFIX_MARK)),
            tuple(pattern[:-1] for pattern in patterns if pattern.endswith(PREFIX_MARK)),
        )

    def __contains__(self, store_id: str) -> bool:
        """Tell whether a store is one of them."""
        return store_id in self.ids or store_id.startswith(self.prefixes)
