"""Request bodies as JSON, right but for what a test changes."""

import json
from typing import Any


def item_body(**changed: Any) -> bytes:
    """A supply of one piece; a field that is `...` is left out."""
    body = {"operation": "supply", "item_id": "a", "quantity": 1} | changed
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()


def group_body(items: Any, **changed: Any) -> bytes:
    """A supply of these lines."""
    return json.dumps({"operation": "supply", "items": items} | changed).encode()


def line(item_id: Any = "a", quantity: Any = 1) -> dict[str, Any]:
    """One line of a group."""
    return {"item_id": item_id, "quantity": quantity}
