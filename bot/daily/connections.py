"""The bot's way to MongoDB: the claims, and what composes reports of the stores."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pymongo

from bot.compose.composer import Composer
from bot.daily.claims import Claims
from bot.settings import BotSettings
from store_api.movements.turnover import Turnover
from store_api.storage.clients import connect, look_for_primary
from store_api.storage.writer import StoreWriter

GOODBYE_SECONDS = 0.5


@asynccontextmanager
async def stores_of(settings: BotSettings) -> AsyncIterator[tuple[Claims, Composer]]:
    """Connect, whether or not MongoDB is there yet, and let go at the end."""
    client = connect(settings.database_url)
    repository = StoreWriter(client, settings.mongo_db)
    turnover = Turnover(client, settings.mongo_db)
    opening = asyncio.create_task(look_for_primary(client, announce=False))
    try:
        yield (
            Claims(client, settings.mongo_db, uuid4().hex),
            Composer(repository, turnover, settings.store_ids, settings.report_tz),
        )
    finally:
        opening.cancel()
        repository.close()
        with pymongo.timeout(GOODBYE_SECONDS), suppress(Exception):
            client.close()
