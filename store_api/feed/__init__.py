"""Who listens to what, and what they are told."""

from store_api.feed.feed import Feed
from store_api.feed.subscribers import Subscriber
from store_api.feed.subscriptions import ALL_STORES

__all__ = ["ALL_STORES", "Feed", "Subscriber"]
