"""Store documents that no report can be made of: what a program leaves that bypasses the validator."""

from typing import Any

from pymongo.collection import Collection

BROKEN: list[dict[str, Any]] = [
    {"items": "chair"},
    {"items": None},
    {"items": [3]},
    {"items": {"chair": 3, "table": -1}},
    {"items": {"chair": 3, "table": 1.5}},
    {"items": {"chair": 3, "table": "1"}},
    {"items": {"chair": 3, "table": True}},
    {"items": {"chair": 3, "table": None}},
    {"items": {"chair": 3, "table": {"n": 1}}},
    {"items": {"chair": 3, "ta.ble": 1}},
    {"items": {"chair": 3, "$table": 1}},
    {"items": {"chair": 3, "%zz": 1}},
    {"items": {"chair": 3, "": 1}},
]
"""The fields of such documents."""


def insert_unchecked(stores: Collection[dict[str, Any]], *documents: dict[str, Any]) -> None:
    """Insert documents past the validator."""
    stores.database.command(
        {"insert": stores.name, "documents": list(documents), "bypassDocumentValidation": True}
    )
