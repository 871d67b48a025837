"""Who may do what, as data: the scopes of tokens, and what each address takes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from store_api.stock import OperationKind


class Scope(StrEnum):
    """What somebody may do; `ADMIN` may do all of it."""

    READ = "read"
    SUPPLY = "supply"
    DEMAND = "demand"
    CLEAN = "clean"
    METRICS = "metrics"
    ADMIN = "admin"


EVERY_SCOPE: Final = frozenset(Scope)

SCOPE_OF: Final = {
    OperationKind.SUPPLY: Scope.SUPPLY,
    OperationKind.DEMAND: Scope.DEMAND,
    OperationKind.CLEAN: Scope.CLEAN,
}
"""What one must be allowed to carry out an operation."""

WRITING: Final = frozenset(SCOPE_OF.values())

OPEN: Final[frozenset[Scope]] = frozenset()
"""What is asked by those who are not asked who they are."""

SCOPES: Final[Mapping[str, frozenset[Scope]]] = {
    "GET /stores": frozenset({Scope.READ}),
    "GET /stores/{store_id}": frozenset({Scope.READ}),
    "GET /stores/{store_id}/xlsx_report": frozenset({Scope.READ}),
    "GET /movements": frozenset({Scope.READ}),
    "GET /stores/{store_id}/movements": frozenset({Scope.READ}),
    "GET /stores/{store_id}/xlsx_movements": frozenset({Scope.READ}),
    "GET /stores/{store_id}/units": frozenset({Scope.READ}),
    # Which of the two, the body says.
    "POST /stores/{store_id}": frozenset({Scope.SUPPLY, Scope.DEMAND}),
    "POST /stores/{store_id}/group_op": frozenset({Scope.SUPPLY, Scope.DEMAND}),
    "POST /stores/{store_id}/clean": frozenset({Scope.CLEAN}),
    "GET /ws/stores": frozenset({Scope.READ}),
    "GET /ws/stores/{store_id}": frozenset({Scope.READ}),
    # Whoever may do anything at all.
    "GET /session": EVERY_SCOPE,
    "POST /session": EVERY_SCOPE,
    # With a session that has ended, too.
    "DELETE /session": OPEN,
    "GET /metrics": frozenset({Scope.METRICS}),
    "GET /health/live": OPEN,
    "GET /health/ready": OPEN,
}
"""For each address, the scopes of which one is needed; each route of the service is here, or is a page."""
