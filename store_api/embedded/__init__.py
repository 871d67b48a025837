"""A MongoDB of our own, for trying things out and for tests."""

from store_api.embedded.kept_running import KeptRunning
from store_api.embedded.mongo import EmbeddedMongo
from store_api.embedded.program import find_mongod, mongod_arguments

__all__ = ["EmbeddedMongo", "KeptRunning", "find_mongod", "mongod_arguments"]
