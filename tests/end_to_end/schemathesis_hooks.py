"""What schemathesis must know of the contract that JSON Schema cannot say."""

from typing import Any
from uuid import uuid4

import schemathesis

from store_api.claims.naming import HEADER, key_in
from store_api.errors import KeyInvalid


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Write whole numbers as such: for JSON Schema 1.0 is an integer, for the service it is none."""
    return _whole(body)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Give each operation a key of its own: that of another is refused. What is no key stays as it is."""
    for name, value in dict(case.headers or {}).items():
        if name.lower() == HEADER and _is_key(value):
            case.headers[name] = uuid4().hex


def _is_key(value: str) -> bool:
    try:
        return key_in([value], required=False) is not None
    except KeyInvalid:
        return False
