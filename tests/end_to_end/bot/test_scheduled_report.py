"""The scheduled run, as it happens: two bots wait for the minute, and one report comes."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.bot_api import BotApi
from tests.support.bot_process import BotProcess
from tests.support.mongod import wait_until


def outcomes(*bots: BotProcess) -> list[str]:
    actions = [line["action"] for bot in bots for line in bot.log()]
    return sorted(action for action in actions if action in ("report_sent", "report_not_ours"))


def test_two_bots_send_one_report_at_its_minute(
    tmp_path: Path, bot_api: BotApi, settings: dict[str, str]
) -> None:
    # In the least time that leaves both of them enough to start.
    due = (datetime.now(UTC) + timedelta(seconds=70)).replace(second=0, microsecond=0)
    settings["REPORT_TIME"] = f"{due:%H:%M}"
    with BotProcess(tmp_path / "one", settings) as one, BotProcess(tmp_path / "two", settings) as two:
        one.wait_for("started")
        two.wait_for("started")
        assert datetime.now(UTC) < due
        bot_api.wait_for(lambda api: "sendDocument" in api.methods(), "the report", 75.0)
        began = due.timestamp() - time.time() + time.monotonic()
        assert 0 <= bot_api.delivered[0].at - began < 8
        wait_until(
            lambda: outcomes(one, two) == ["report_not_ours", "report_sent"], "one sent it, one did not", 30.0
        )
        assert (one.stop(), two.stop()) == (0, 0)
    assert [call.method for call in bot_api.delivered] == ["sendMessage", "sendPhoto", "sendDocument"]
    assert "Late" not in bot_api.texts()[0]
