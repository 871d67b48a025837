"""Pure: who asks, and what they may do, to which stores."""

from dataclasses import dataclass, field
from typing import Final

from store_api.contract.scopes import EVERY_SCOPE, Scope
from store_api.errors import ScopeMissing, StoreForbidden
from store_api.stock import StorePatterns

OF_JWTS: Final = "oidc:"
"""What the names of those who come with a JWT begin with, and no token's name does."""


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Somebody who asks.

    Args:
        name: whose it is that asks: a token's name, or the subject of a JWT; None where nobody is asked.
        scopes: what they may do.
        patterns: the stores that they may do it to, as people write them; None is every store.
        expires: until when, in seconds since 1970; None is for ever.
        token: the id of their token in MongoDB, by which its end is told; None where they have none.
    """

    name: str | None
    scopes: frozenset[Scope]
    patterns: tuple[str, ...] | None = None
    expires: float | None = None
    token: bytes | None = None
    stores: StorePatterns | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Have at hand what every request asks."""
        object.__setattr__(self, "stores", None if self.patterns is None else StorePatterns.of(self.patterns))
        if Scope.ADMIN in self.scopes:
            object.__setattr__(self, "scopes", EVERY_SCOPE)

    def require(self, scope: Scope) -> None:
        """Refuse what they may not do.

        Raises:
            ScopeMissing: they have not this scope.
        """
        if scope not in self.scopes:
            raise ScopeMissing(scope.value)

    def require_any(self, scopes: frozenset[Scope]) -> None:
        """Refuse those who have none of these scopes.

        Raises:
            ScopeMissing: they have none of them.
        """
        if self.scopes.isdisjoint(scopes):
            raise ScopeMissing(" ".join(sorted(scopes)))

    def sees(self, store_id: str) -> bool:
        """Tell whether a store is one of theirs."""
        return self.stores is None or store_id in self.stores

    def require_store(self, store_id: str) -> None:
        """Refuse a store that is none of theirs, whether there is such a store or not.

        Raises:
            StoreForbidden: it is none of theirs.
        """
        if not self.sees(store_id):
            raise StoreForbidden


ANYBODY: Final = Caller(None, EVERY_SCOPE)
"""Who asks where nobody is asked who they are (`AUTH=off`)."""
