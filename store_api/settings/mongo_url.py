"""What a MongoDB URL may say: what is overruled, what is refused, and what is let be."""

import re
from collections.abc import Collection
from typing import Any

OVERRULED = frozenset(
    (
        *("readpreference", "readpreferencetags", "maxstalenessseconds", "readconcernlevel"),
        *("w", "wtimeoutms", "journal", "fsync", "retrywrites", "retryreads"),
        *("timeoutms", "sockettimeoutms", "serverselectiontimeoutms", "connecttimeoutms"),
        *("heartbeatfrequencyms", "waitqueuetimeoutms", "waitqueuemultiple", "maxpoolsize", "connect"),
        *("maxadaptiveretries", "enableoverloadretargeting"),
        *("tz_aware", "datetime_conversion", "unicode_decode_error_handler", "uuidrepresentation", "appname"),
    )
)
"""Options of a MongoDB URL that the service decides for itself: they are left out of it, in lower case here.

Where to read, how durable a write is and how long to wait are what its answers rest on.
"""

REFUSED = {
    "directconnection": "must not say directConnection: one member alone may be an old primary",
    "loadbalanced": "must not say loadBalanced: there is no change stream of a replica set behind it",
}
"""Options of a MongoDB URL with which the service does not start, where they are true."""


_REFUSALS = (ValueError, OSError, TypeError, LookupError)
"""How the driver refuses a URL, beside its own errors: with a file that cannot be read, or an odd value."""


def judged(text: str) -> str:
    """Take a URL without the options that are overruled; every other one is the driver's.

    Raises:
        ValueError: it is none, or says what the service cannot start with.
    """
    # Only here, so that who reads other settings does not load the driver.
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser_shared import _validate_uri

    try:
        # Not `parse_uri`, which asks DNS for the members of mongodb+srv://, and DNS may be away just now.
        said = _validate_uri(text, validate=True)["options"]
    except (PyMongoError, *_REFUSALS):
        # The driver's own message may repeat the password.
        raise ValueError("must be a URL like mongodb://host:27017/?replicaSet=rs0") from None
    for option, value in said.items():
        if value and option.lower() in REFUSED:
            raise ValueError(REFUSED[option.lower()])
    url = without_options(text, OVERRULED)
    if not url.startswith("mongodb+srv:"):
        _let_the_driver_judge(url)
    return url


def _let_the_driver_judge(url: str) -> None:
    """Refuse options that contradict each other; nothing connects."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        MongoClient[Any](url, connect=False).close()
    except (PyMongoError, *_REFUSALS) as wrong:
        raise ValueError(f"the driver takes no such options together ({type(wrong).__name__})") from None


def without_options(url: str, names: Collection[str]) -> str:
    """Leave options out of a MongoDB URL; what is left of it stays as it is written."""
    address, mark, query = url.partition("?")
    options = re.split("[&;]", query)
    kept = [option for option in options if option.partition("=")[0].lower() not in names]
    return address + mark + "&".join(kept) if any(kept) else address
