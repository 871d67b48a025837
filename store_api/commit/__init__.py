"""Group commit: operations that come while a write is in flight go out together."""

from store_api.commit.committer import Committer
from store_api.commit.ports import Stores

__all__ = ["Committer", "Stores"]
