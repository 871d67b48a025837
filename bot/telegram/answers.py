"""What an answer of the Bot API means; pure. docs/telegram.md has the same as a table.

Only what the bot needs of an answer is read, so that what is odd in the rest of it does no harm: a message
that was delivered must not be sent again because something in Telegram's account of it is odd.
"""

import json
import math
import re
from typing import Any

from bot.errors import BotRefused, TelegramRefused, TelegramUnavailable
from store_api.errors import StoreApiError

LONGEST_WAIT = 30 * 24 * 3600.0
"""Seconds; whoever asks for more is not believed."""

_CALLED_OFF = "Too Many Requests: retry after "
_NO_SUCH_CHAT = (
    "chat not found",
    "user not found",
    "user_id_invalid",
    "peer_id_invalid",
    "user is deactivated",
)


def result_of(status: int, body: str) -> Any:
    """Give the result that an answer holds, as the JSON that it is.

    Args:
        status: the HTTP status.
        body: the text below it.

    Raises:
        TelegramUnavailable: it may work later.
        TelegramRefused: it will not; BotRefused where that holds for every request.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("ok"), bool):
        raise _from_somebody_else(status)
    if answer["ok"]:
        return answer.get("result")
    code, description = answer.get("error_code"), answer.get("description")
    raise _refusal(
        code if isinstance(code, int) else status,
        description if isinstance(description, str) else "",
        answer.get("parameters"),
    )


def number_in(result: Any, name: str) -> int | None:
    """Give a whole number that a result has by this name, or None."""
    number = result.get(name) if isinstance(result, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _from_somebody_else(status: int) -> StoreApiError:
    """Tell what an answer means that is not the Bot API's own, but of something on the way there."""
    if status == 413:
        return TelegramRefused("the file is too large")
    if status >= 500:
        return TelegramUnavailable(f"a fault of the server's (HTTP {status})")
    return TelegramUnavailable(f"an answer that is none of the Bot API's (HTTP {status})")


def _refusal(code: int, description: str, parameters: object) -> StoreApiError:
    wait = _wait_in(description, parameters)
    if code == 429 or wait is not None:
        return TelegramUnavailable("it asks to wait", wait)
    if code >= 500:
        return TelegramUnavailable(f"a fault of the server's (HTTP {code})")
    if code == 409:
        return TelegramUnavailable(_conflict(description))
    if code in (401, 404):
        return BotRefused("it does not know this BOT_TOKEN")
    if any(words in description.lower() for words in _NO_SUCH_CHAT):
        return BotRefused("it does not know SPECIAL_USER, or they have never written to the bot")
    if code == 403:
        return BotRefused("SPECIAL_USER has blocked the bot, or has never written to it")
    if description.lower().endswith("logged out"):
        return BotRefused("the bot was logged out of this server, which holds for 10 minutes at least")
    if code == 413:
        return TelegramRefused("the file is too large")
    if code == 400:
        return TelegramRefused(description.partition("\n")[0][:200] or "bad request")
    return TelegramUnavailable(f"an error that it does not explain (HTTP {code})")


def _conflict(description: str) -> str:
    if "webhook" in description.lower():
        return "a webhook is set for this bot, and takes its messages; deleteWebhook ends that"
    return "another bot asks for the same messages"


def _wait_in(description: str, parameters: object) -> float | None:
    """Find for how many seconds it asks to wait: in its own field, or, as older servers have it, in words."""
    asked = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if asked is None and description.startswith(_CALLED_OFF):
        asked = re.sub(r"\D.*", "", description.removeprefix(_CALLED_OFF))
    try:
        seconds = float(asked)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_WAIT) if seconds > 0 and math.isfinite(seconds) else None
