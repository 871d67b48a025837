"""The whole bot as a program, against a server that speaks the Bot API and a real MongoDB."""

import io
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from store_api.embedded import EmbeddedMongo
from store_api.storage import clients
from tests.end_to_end.bot.conftest import Documents
from tests.support.bot_api import STRANGER, TOKEN, USER, BotApi, Stall
from tests.support.bot_process import BotProcess
from tests.support.ledger_documents import LedgerDocuments
from tests.support.mongod import found_mongod, free_port

WHOLE = ["sendMessage", "sendPhoto", "sendDocument"]
SECRET = TOKEN.partition(":")[2]


def delivered(bot_api: BotApi) -> list[str]:
    return [call.method for call in list(bot_api.delivered)]


def sheets(file: bytes) -> dict[str, dict[object, object]]:
    """A workbook's sheets by the store that each names: its lines."""
    book = openpyxl.load_workbook(io.BytesIO(file))
    return {
        str(sheet["B1"].value): dict(sheet.iter_rows(min_row=5, values_only=True))  # type: ignore[arg-type]
        for sheet in book
    }


def test_commands_are_answered_to_the_one_user_and_nobody_else(
    tmp_path: Path, bot_api: BotApi, settings: dict[str, str], stores: Documents
) -> None:
    ledger, now = LedgerDocuments(stores.database), int(time.time())
    ledger.is_whole(now - 10 * 86_400, now + 60)
    ledger.sell("abc111", now - 3600, "item-1", 20, 10, "till-7")
    group = {"id": -100, "type": "supergroup", "title": "Everybody"}
    with BotProcess(tmp_path, settings) as bot:
        bot.wait_for("started")
        bot_api.say("/report", user=STRANGER)
        bot_api.say("/report", user=USER, chat=group)
        bot_api.say("/start")
        bot_api.say("/stores")
        bot_api.say("/report")
        bot_api.say("/report abc111")
        bot_api.say("/report nowhere")
        bot_api.say("good evening")
        bot_api.wait_for(lambda api: api.all_read and len(api.texts()) == 6, "all answers", 40.0)
        assert [(line["user"], line["chat"]) for line in bot.log("stranger_ignored")] == [
            (STRANGER, "private"),
            (USER, "supergroup"),
        ]
        assert bot.stop(signal.SIGINT) == 0
        assert SECRET not in bot.complaints
        assert not [line for line in bot.log() if line["level"] == "error"]
    assert {call.fields["chat_id"] for call in bot_api.delivered} == {str(USER)}
    assert delivered(bot_api) == ["sendMessage"] * 2 + WHOLE * 2 + ["sendMessage"] * 2
    start, all_stores, report, one_store, missing, help_text = bot_api.texts()
    assert start == help_text
    assert all(command in start for command in ("/report", "/report STORE_ID", "/stores", "/help"))
    assert "▪ abc111: 3 items, 1,099,511,627,789 units" in all_stores
    assert report.count("▪") == 2
    assert "Most sold: item-1 20 (abc111, by till-7)\n" in report
    assert one_store.count("▪") == 1
    assert "Runs out first: item-1 in 3 days (10 left), at the pace of the last 7 days\n" in one_store
    assert missing == "There is no store nowhere. /stores lists them."
    whole, single = bot_api.files("sendDocument")
    assert sheets(whole.content) == {
        "abc111": {"=1+1": 2**40, "a.b": 3, "item-1": 10},
        "Kühl\\haus: [1]*?": {"арт-1": 7, "東京": 1},
    }
    assert sheets(single.content).keys() == {"abc111"}
    assert "setMyCommands" in bot_api.methods()


@pytest.mark.unwatched
def test_killed_between_claim_and_send_the_next_one_sends(
    tmp_path: Path, bot_api: BotApi, due: dict[str, str], claims: Documents
) -> None:
    bot_api.fail("sendMessage", Stall())
    with BotProcess(tmp_path / "killed", due) as killed:
        bot_api.wait_for(lambda api: "sendMessage" in api.methods(), "the message")
        assert killed.stop(signal.SIGKILL) == -signal.SIGKILL
    (claim,) = claims.find()
    assert "sent_at" not in claim
    claims.update_one({}, {"$set": {"lease_until": datetime.now(UTC) - timedelta(seconds=1)}})
    with BotProcess(tmp_path / "next", due) as following:
        following.wait_for("report_sent")
        assert following.stop() == 0
    assert delivered(bot_api) == WHOLE
    assert "Late: this is the report of" in bot_api.texts()[0]


@pytest.mark.unwatched
def test_a_database_that_is_down_is_waited_for(tmp_path: Path, bot_api: BotApi, due: dict[str, str]) -> None:
    mongo = EmbeddedMongo(tmp_path / "data", free_port(), found_mongod())
    patience = {f"{clients.__name__}.COMMAND_SECONDS": 2.0, f"{clients.__name__}.PRIMARY_SECONDS": 0.5}
    with BotProcess(tmp_path / "bot", {**due, "MONGO_URL": mongo.url}, patience) as bot:
        bot.wait_for("database_awaited")
        bot_api.say("/stores")
        bot_api.wait_for(lambda api: len(api.texts()) == 1, "an excuse")
        with mongo:
            bot.wait_for("report_sent")
            assert [line["level"] for line in bot.log("database_awaited")] == ["warning"]
            assert bot.stop() == 0
    assert bot_api.texts()[0] == "The database cannot be reached right now. Try again soon."
    assert delivered(bot_api) == ["sendMessage", *WHOLE]
