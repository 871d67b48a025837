"""What stores hold, and what operations mean; pure."""

from store_api.stock.changes import (
    UNSTAMPED,
    Change,
    Stamp,
    Written,
    added,
    differences,
    parts_of,
    written_by_number,
    written_despite,
)
from store_api.stock.operations import (
    LARGEST_QUANTITY,
    Key,
    Operation,
    OperationKind,
    Stock,
    shortages,
    sum_items,
)
from store_api.stock.patterns import StorePatterns
from store_api.stock.reports import Answer, Replayed, Reply, Report, StoreSummary, outcome_of
from store_api.stock.said import said_of

__all__ = [
    "LARGEST_QUANTITY",
    "UNSTAMPED",
    "Answer",
    "Change",
    "Key",
    "Operation",
    "OperationKind",
    "Replayed",
    "Reply",
    "Report",
    "Stamp",
    "Stock",
    "StorePatterns",
    "StoreSummary",
    "Written",
    "added",
    "differences",
    "outcome_of",
    "parts_of",
    "said_of",
    "shortages",
    "sum_items",
    "written_by_number",
    "written_despite",
]
