"""A day with the stack: it comes up, lets in who may, and tells whoever listens, whoever wrote."""

import json
import re

import pytest
from playwright.async_api import Browser, expect
from websockets.asyncio.client import connect

from tests.browser.dashboard import Dashboard, address_of
from tests.compose.engine import Engine
from tests.compose.images import OURS
from tests.compose.stack import MEMBERS, Stack
from tests.support.bot_api import TOKEN, USER, BotApi
from tests.support.mongod import wait_until
from tests.support.service import ROOT
from tests.support.tokens import bearer

pytestmark = pytest.mark.timeout(300)
SUPPLY = {"operation": "supply", "item_id": "chair", "quantity": 10}
DEMAND = {"operation": "demand", "item_id": "chair", "quantity": 1}


def as_stock_writer(stack: Stack, *arguments: str) -> str:
    """Run examples/writer.py in a container of its own on the members' network, with the init's URL."""
    told = stack.compose("run", "--rm", "--no-deps", "-T", "secrets", "cat", "/secrets/writer.env")
    (url,) = re.findall(r"(mongodb://\S+)", told)
    examples = f"{ROOT / 'examples'}:/examples:ro"
    container = ("run", "--rm", "--network", f"{stack.project}_database", "--volume", examples, OURS)
    return stack.engine(*container, "python", "/examples/writer.py", *arguments, "--mongo", url)


def health(stack: Stack) -> dict[str, str]:
    found = stack.containers()
    return {name: found[name]["Health"] for name in (*MEMBERS, "api")}


def test_who_has_no_token_is_not_let_in_and_the_first_one_opens_and_makes_the_others(
    stack: Stack, first: str
) -> None:
    assert stack.ask("GET", "/stores")[0] == 401
    assert stack.ask("POST", "/stores/hall", SUPPLY)[0] == 401
    assert stack.ask("POST", "/stores/hall", SUPPLY, token=first)[0] == 200
    reader = stack.token("reader", "read", "--stores", "hall")
    assert stack.ask("GET", "/stores/hall", token=reader)[0] == 200
    assert stack.ask("GET", "/stores/cellar", token=reader)[0] == 403
    assert stack.ask("POST", "/stores/hall", DEMAND, token=reader)[0] == 403
    assert "reader" in stack.compose("exec", "-T", "api", "python", "-m", "store_api", "tokens", "list")
    stack.compose("exec", "-T", "api", "python", "-m", "store_api", "tokens", "revoke", "reader")


async def test_another_service_writes_to_mongodb_and_who_listens_is_told(stack: Stack, first: str) -> None:
    stack.supply(first, "yard", "crate", 5)
    address = f"ws://127.0.0.1:{stack.port}/ws/stores/yard?snapshot=true"
    async with connect(address, additional_headers=bearer(first)) as socket:
        assert json.loads(await socket.recv())["store"]["report"] == [{"item_id": "crate", "quantity": 5}]
        assert as_stock_writer(stack, "demand", "yard", "crate", "2") == "taken"
        assert json.loads(await socket.recv())["store"]["report"] == [{"item_id": "crate", "quantity": 3}]


async def test_the_dashboard_shows_what_another_service_wrote(
    stack: Stack, first: str, browser: Browser
) -> None:
    stack.supply(first, "shop", "lamp", 8)
    async with await browser.new_context() as context:
        page = Dashboard(await context.new_page(), loses_network=True)
        await page.page.goto(stack.url + address_of("shop"))
        await page.page.get_by_label("Token").fill(first)
        await page.page.keyboard.press("Enter")
        await page.shows("lamp", "8")
        await page.is_live()
        assert as_stock_writer(stack, "supply", "shop", "lamp", "4", "--reference", "R-1") == "supplied"
        await page.shows("lamp", "12")
        await expect(page.figure("Units")).to_have_text("12")
        assert page.complaints == []


def test_all_health_checks_are_green_and_the_api_alone_is_published_on_this_machine(stack: Stack) -> None:
    wait_until(lambda: set(health(stack).values()) == {"healthy"}, "all are healthy", 60)
    found = stack.containers()
    once = ("secrets", "mongo-replica-init")
    assert [(found[name]["State"], found[name]["ExitCode"]) for name in once] == [("exited", 0)] * 2
    ports = [each["URL"] for name in found for each in found[name]["Publishers"] if each["PublishedPort"]]
    assert ports == ["127.0.0.1"]


def test_the_bot_answers_its_user_and_sends_the_report(stack: Stack, engine: Engine) -> None:
    where = "{{(index .IPAM.Config 0).Gateway}}"
    gateway = engine("network", "inspect", "--format", where, f"{stack.project}_outside")
    with BotApi(gateway) as api:
        told = {"COMPOSE_PROFILES": "bot", "BOT_TOKEN": TOKEN, "SPECIAL_USER": str(USER)}
        stack.tell({**told, "TELEGRAM_API": api.url})
        try:
            stack.compose("up", "--detach")
            api.say("/report yard")
            api.wait_for(lambda api: any("yard" in text for text in api.texts()), "the answer")
            stack.compose("run", "--rm", "--no-deps", "-T", "bot", "python", "-m", "bot", "--once")
            assert api.files("sendPhoto")
            assert api.files("sendDocument")
        finally:
            stack.compose("stop", "bot")
            stack.tell({"COMPOSE_PROFILES": ""})
