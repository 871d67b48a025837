"""The stock service: warehouses hold quantities of items; see README.md for a map of the rooms."""

import sys
from importlib.machinery import PathFinder

if PathFinder.find_spec("OpenSSL") is None:
    # PyMongo first loads `cryptography`, 36 ms and 8 MB of every process, and finds only then that without
    # PyOpenSSL it has no use for it (pymongo/pyopenssl_context.py).
    sys.modules.setdefault("pymongo.pyopenssl_context", None)  # type: ignore[arg-type]
