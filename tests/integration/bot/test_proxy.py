"""The bot goes through an HTTP proxy, and gives it the name and password that it wants."""

import asyncio

import pytest

from bot.errors import TelegramUnavailable
from bot.telegram.chat import Chat
from tests.support.bot_api import TOKEN, USER, BotApi

NOWHERE = "http://telegram.invalid"


async def send_through(proxy: str, server: str | None) -> int:
    chat = Chat(TOKEN, USER, server, proxy)
    try:
        return await chat.send_text("Stock")
    finally:
        await chat.close()


async def test_a_server_that_only_the_proxy_can_reach_is_reached(bot_api: BotApi) -> None:
    # To ask a proxy for a page of http is to ask it with the whole address: the stand-in takes that, too.
    assert await send_through(bot_api.url, NOWHERE) > 0
    assert bot_api.texts() == ["Stock"]


async def test_telegram_s_own_server_is_asked_for_with_connect_and_the_password() -> None:
    heads: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1") as proxy:
        port = proxy.sockets[0].getsockname()[1]
        with pytest.raises(TelegramUnavailable) as failed:
            await send_through(f"http://me:p%40ss@127.0.0.1:{port}", None)
    assert heads[0].startswith("CONNECT api.telegram.org:443 HTTP/1.1\r\n")
    assert "\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n" in heads[0]
    assert failed.value.reason == "the network (ClientHttpProxyError)"
