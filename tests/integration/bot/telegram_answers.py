"""Everything that the Bot API may answer, and what the bot does: docs/telegram.md has the same table.

From core.telegram.org/bots/api ("Making requests", "ResponseParameters", "getUpdates"), and from what users
of bots have reported: tdlib/telegram-bot-api 184, 484, 566; tdlib/td 1331; telegraf/telegraf 475, 1046;
hdghg/cjbot 13; eternnoir/pyTelegramBotAPI 406; Naltox/telegram-node-bot 92, 93; home-assistant/core 34004;
aiogram/aiogram 1840.
"""

from dataclasses import dataclass

from bot.errors import BotRefused, TelegramRefused, TelegramUnavailable
from tests.support.bot_api import Fault, Garbage, HangUp, Raw, Refuse

AGAIN = "is tried again, with growing pauses"
AFTER = "is tried again after that time"
PUT_OFF = "is put off until then, and written anew"
LEFT_OUT = "a message: is given up; a picture, a workbook: is left out"
GIVEN_UP = "is given up until the next start"

PAGE = "<html>No</html>"
ELSEWHERE = "an answer that is none of the Bot API's (HTTP {})"
SERVER = "a fault of the server's (HTTP {})"


@dataclass(frozen=True, slots=True)
class Row:
    """What it answers, as the documentation says it and as it comes, and what the bot does.

    Args:
        answer: in words.
        faults: as it comes, with the reason that the bot gives for each.
        kind: of the error that the bot makes of it.
        then: what becomes of a part of the evening report.
        wait: seconds that it asks for.
    """

    answer: str
    faults: tuple[tuple[Fault, str], ...]
    kind: type[TelegramUnavailable | TelegramRefused]
    then: str
    wait: float | None = None


def _too_many(seconds: float) -> Raw:
    return Raw(429, f'{{"ok":false,"error_code":429,"parameters":{{"retry_after":{seconds}}}}}')


ROWS = [
    Row(
        "429 with `retry_after` of up to an hour, or with the time in its words alone",
        (
            (Refuse(429, "Too Many Requests: retry after 30", 30), "it asks to wait"),
            (Refuse(429, "Too Many Requests: retry after 30"), "it asks to wait"),
            (Refuse(420, "FLOOD_WAIT_30", 30), "it asks to wait"),
            (_too_many(30.0), "it asks to wait"),
        ),
        TelegramUnavailable,
        AFTER,
        30.0,
    ),
    Row(
        "429 with a longer `retry_after`",
        (
            (Refuse(429, "Too Many Requests: retry after 10072", 10072), "it asks to wait"),
            (Refuse(429, "Too Many Requests: retry after 10072"), "it asks to wait"),
        ),
        TelegramUnavailable,
        PUT_OFF,
        10072.0,
    ),
    Row(
        "429 without a time",
        (
            (Refuse(429, "Too Many Requests"), "it asks to wait"),
            (Refuse(429, "Too Many Requests: retry after later"), "it asks to wait"),
            (_too_many(-1), "it asks to wait"),
            (Raw(429, '{"ok":false,"error_code":429,"parameters":{"retry_after":"NaN"}}'), "it asks to wait"),
            (Raw(429, PAGE), ELSEWHERE.format(429)),
        ),
        TelegramUnavailable,
        AGAIN,
    ),
    Row(
        "500 and more, as JSON or as a page",
        (
            (Refuse(500, "Internal Server Error: restart"), SERVER.format(500)),
            (Raw(500, '{"ok":false,"error_code":500}'), SERVER.format(500)),
            (Garbage(500), SERVER.format(500)),
            (Refuse(502, "Bad Gateway"), SERVER.format(502)),
            (Garbage(502), SERVER.format(502)),
            (Refuse(504, "Gateway Timeout"), SERVER.format(504)),
            (Raw(503, ""), SERVER.format(503)),
        ),
        TelegramUnavailable,
        AGAIN,
    ),
    Row(
        "a page, or anything else that is not the Bot API's, under any other status",
        (
            (Garbage(200), ELSEWHERE.format(200)),
            (Raw(200, ""), ELSEWHERE.format(200)),
            (Raw(200, '{"ok":tr'), ELSEWHERE.format(200)),
            (Raw(200, "[]"), ELSEWHERE.format(200)),
            (Raw(200, "{}"), ELSEWHERE.format(200)),
            (Raw(200, '{"ok":"yes","result":true}'), ELSEWHERE.format(200)),
            (Raw(200, "[" * 100_000), ELSEWHERE.format(200)),
            (Garbage(401), ELSEWHERE.format(401)),
            (Garbage(403), ELSEWHERE.format(403)),
            (Garbage(404), ELSEWHERE.format(404)),
        ),
        TelegramUnavailable,
        AGAIN,
    ),
    Row(
        "the connection breaks, or nothing comes in time",
        ((HangUp(), "the network (ServerDisconnectedError)"),),
        TelegramUnavailable,
        AGAIN,
    ),
    Row(
        "409: another bot asks for the same messages, or a webhook takes them",
        (
            (
                Refuse(409, "Conflict: terminated by other getUpdates request; make sure that only"),
                "another bot asks for the same messages",
            ),
            (
                Refuse(409, "Conflict: can't use getUpdates method while webhook is active"),
                "a webhook is set for this bot, and takes its messages; deleteWebhook ends that",
            ),
            (
                Refuse(409, "Conflict: terminated by setWebhook request"),
                "a webhook is set for this bot, and takes its messages; deleteWebhook ends that",
            ),
        ),
        TelegramUnavailable,
        AGAIN,
    ),
    Row(
        "any other code",
        (
            (Refuse(402, "Payment Required"), "an error that it does not explain (HTTP 402)"),
            (Refuse(421, "Misdirected"), "an error that it does not explain (HTTP 421)"),
            (Raw(200, '{"ok":false}'), "an error that it does not explain (HTTP 200)"),
        ),
        TelegramUnavailable,
        AGAIN,
    ),
    Row(
        "400",
        (
            (Refuse(400, "Bad Request: IMAGE_PROCESS_FAILED"), "Bad Request: IMAGE_PROCESS_FAILED"),
            (Refuse(400, "Bad Request: message is too long\nor so"), "Bad Request: message is too long"),
            (Raw(400, '{"ok":false,"error_code":400}'), "bad request"),
            (Raw(400, '{"ok":false,"error_code":400,"description":7,"parameters":[]}'), "bad request"),
        ),
        TelegramRefused,
        LEFT_OUT,
    ),
    Row(
        "413, as JSON or as a page",
        (
            (Refuse(413, "Request Entity Too Large"), "the file is too large"),
            (Raw(413, PAGE), "the file is too large"),
        ),
        TelegramRefused,
        LEFT_OUT,
    ),
    Row(
        "401, 404: it does not know the token",
        (
            (Refuse(401, "Unauthorized"), "it does not know this BOT_TOKEN"),
            (Refuse(401, "Unauthorized: invalid token specified"), "it does not know this BOT_TOKEN"),
            (Refuse(404, "Not Found"), "it does not know this BOT_TOKEN"),
        ),
        BotRefused,
        GIVEN_UP,
    ),
    Row(
        "403: the user has blocked the bot, or has never written to it",
        (
            (
                Refuse(403, "Forbidden: bot was blocked by the user"),
                "SPECIAL_USER has blocked the bot, or has never written to it",
            ),
            (
                Refuse(403, "Forbidden: bot can't initiate conversation with a user"),
                "SPECIAL_USER has blocked the bot, or has never written to it",
            ),
        ),
        BotRefused,
        GIVEN_UP,
    ),
    Row(
        "400, 403: there is no such user, or no more",
        tuple(
            (refusal, "it does not know SPECIAL_USER, or they have never written to the bot")
            for refusal in (
                Refuse(400, "Bad Request: chat not found"),
                Refuse(400, "Bad Request: PEER_ID_INVALID"),
                Refuse(403, "Forbidden: user is deactivated"),
            )
        ),
        BotRefused,
        GIVEN_UP,
    ),
    Row(
        "400: the bot was logged out of this server",
        (
            (
                Refuse(400, "Logged out"),
                "the bot was logged out of this server, which holds for 10 minutes at least",
            ),
        ),
        BotRefused,
        GIVEN_UP,
    ),
]

TAKEN = [
    '{"ok":true,"result":{"message_id":7,"date":1,"chat":{"id":1,"type":"private"},'
    '"forward_origin":{"type":"hidden_user","date":1422450181}}}',
    '{"ok":true,"result":{"message_id":"seven"}}',
    '{"ok":true,"result":true}',
    '{"ok":true}',
]
"""Answers to a message that was delivered, in which something is odd."""
