"""What goes wrong on the way to Telegram; leaves of the tree in `store_api.errors`.

StoreApiError
├── TelegramUnavailable     it may work later: too many requests, a fault of Telegram's, the network
├── TelegramRefused         definite: the same request will never work
│   └── BotRefused          not just this request: the token, or the user who has blocked the bot
└── TakenOver               another bot sends the day's report
"""

from store_api.errors import StoreApiError


class TelegramUnavailable(StoreApiError):
    """Telegram did not take the request; it may have been delivered all the same.

    Args:
        reason: what happened, in a few words, without the address that was asked.
        retry_after: seconds that Telegram wants us to wait, where it said so.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(f"Telegram is not available: {reason}.")
        self.reason = reason
        self.retry_after = retry_after


class TelegramRefused(StoreApiError):
    """Telegram refused the request for good, and nothing was delivered."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Telegram refused: {reason}.")
        self.reason = reason


class BotRefused(TelegramRefused):
    """Telegram refuses the bot itself: its token is wrong, or the user has not let it write."""


class TakenOver(StoreApiError):
    """Another bot has taken the report over; this one was away for too long."""
