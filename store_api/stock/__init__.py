"""What stores hold, and what operations mean; pure."""

from store_api.stock.changes import Change, Written, added, differences, written_despite
from store_api.stock.operations import (
    LARGEST_QUANTITY,
    Operation,
    OperationKind,
    Stock,
    shortages,
    sum_items,
)
from store_api.stock.reports import Answer, Report, StoreSummary, outcome_of

__all__ = [
    "LARGEST_QUANTITY",
    "Answer",
    "Change",
    "Operation",
    "OperationKind",
    "Report",
    "Stock",
    "StoreSummary",
    "Written",
    "added",
    "differences",
    "outcome_of",
    "shortages",
    "sum_items",
    "written_despite",
]
