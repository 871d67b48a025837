"""What becomes of a stack: taken down, restarted, upgraded under load, a member's disk lost."""

from pathlib import Path

import pytest

from tests.compose.engine import Engine
from tests.compose.images import OURS
from tests.compose.load import load_on
from tests.compose.stack import MEMBERS, Stack, commands_under
from tests.support.mongod import wait_until

pytestmark = pytest.mark.timeout(400)
NEWER = "store_api:1.0.1"
IS_SECONDARY = "member.admin.command('hello')['secondary']"
UNITS = "sum(sum(each['items'].values()) for each in member.store_api.stores.find())"


def test_down_and_up_keep_stock_tokens_and_passwords(stack: Stack, first: str) -> None:
    stack.supply(first, "kept", "chair", 7)
    before = stack.stock(first)
    stack.compose("down")
    assert stack.containers() == {}
    stack.compose("up", "--detach")
    stack.wait_until_ready()
    assert stack.first_token() == first
    assert stack.stock(first) == before


def test_restart_keeps_it_too(stack: Stack, first: str) -> None:
    before = stack.stock(first)
    stack.compose("restart")
    stack.wait_until_ready()
    assert stack.stock(first) == before


def test_an_upgrade_to_a_newer_image_under_load_loses_nothing(
    stack: Stack, first: str, engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {OURS}\nLABEL newer=yes\n")
    engine("build", "--tag", NEWER, tmp_path)
    before, members = stack.stock(first), {name: stack.containers()[name]["ID"] for name in MEMBERS}
    with load_on(stack, first) as load:
        stack.tell({"STORE_API_IMAGE": NEWER})
        stack.compose("up", "--detach")
        load.wait_for(500)
    found = stack.containers()
    assert found["api"]["Image"] == NEWER
    assert {name: found[name]["ID"] for name in MEMBERS} == members
    load.check(before, "upgrade")


def test_a_members_volume_is_lost_and_made_anew_while_writes_go_on(stack: Stack, first: str) -> None:
    before = stack.stock(first)
    lost, anew = commands_under("operations.md", "A member whose disk is lost")
    with load_on(stack, first) as load:
        stack.shell(lost)
        load.wait_for(300)
        stack.shell(anew)
        wait_until(lambda: bool(stack.at_member("mongo-2", IS_SECONDARY)), "it is a member again", 90)
        load.wait_for(300)
    load.check(before, "a volume lost")
    held = sum(sum(items.values()) for items in stack.stock(first).values())
    wait_until(lambda: stack.at_member("mongo-2", UNITS) == held, "it holds what all hold", 30)
