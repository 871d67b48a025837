"""What is asked of whoever keeps claims, and of the stores, to find out what became of one."""

from collections.abc import Collection, Sequence
from typing import Protocol

from store_api.claims.claim import Claim
from store_api.errors import BrokenDocument, DatabaseUnavailable
from store_api.stock import Key, Stamp, Stock


class NotClaimed(Exception):
    """Not all claims could be made in one turn with their write, which was not sent; some may be there."""


class Claims(Protocol):
    """Claims, one for each key of each client; every write is durable on a majority."""

    async def put(self, claims: Sequence[tuple[Claim | None, Claim]]) -> list[Claim | None]:
        """Write claims, each in the place of what is expected there, or where nothing is.

        Args:
            claims: what is expected, None for nothing, and what is written; both may be the same.

        Returns:
            For each, None where it is written, else what is there instead.

        Raises:
            DatabaseUnavailable: some may be written, and some not; the same may be asked again.
        """
        ...

    async def find(self, key: Key) -> Claim | None:
        """Give the claim of a key.

        Raises:
            DatabaseUnavailable: nobody says.
        """
        ...

    async def note(self, writer: str, number: int) -> None:
        """Note that every open claim of a writer up to a number came true: no store need prove it any more.

        Raises:
            DatabaseUnavailable: it may be noted, or not.
        """
        ...


class NoClaims:
    """Keeps none: an operation with a key cannot be carried out."""

    async def put(self, claims: Sequence[tuple[Claim | None, Claim]]) -> list[Claim | None]:
        """Refuse.

        Raises:
            DatabaseUnavailable: always.
        """
        raise DatabaseUnavailable

    async def find(self, key: Key) -> Claim | None:
        """Find none."""
        return None

    async def note(self, writer: str, number: int) -> None:
        """There is nothing to note."""


class Fenced(Protocol):
    """Stores that can be fenced against a write, and read."""

    async def fence(self, store_id: str, stamp: Stamp, *, creates: bool) -> int | None:
        """Let no copy of a write be applied from now on.

        Args:
            store_id: where to.
            stamp: the write's.
            creates: whether the write may create its store: then a missing one is made, empty.

        Returns:
            The writer's number in the store before that, 0 where there was none; None without a store.

        Raises:
            DatabaseUnavailable: nobody says; it may be asked again.
        """
        ...

    async def read_many(
        self, store_ids: Sequence[str], wanted: Collection[str] | None = None
    ) -> dict[str, Stock | BrokenDocument]:
        """Read stores, see `commit.Stores`."""
        ...
