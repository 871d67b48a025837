"""`--dry-run FOLDER`: writes what would be sent, and asks Telegram nothing."""

import asyncio
from pathlib import Path

from bot.clock import Clock
from bot.compose.composer import ComposedReport, Past
from bot.daily.connections import stores_of
from bot.report.chart import MOST_DAYS
from bot.settings import BotSettings


async def dry_run(settings: BotSettings, folder: Path) -> list[Path]:
    """Write the report's message, picture and workbook into a folder, which is made if need be.

    Raises:
        DatabaseUnavailable: MongoDB is not there.
        OSError: the folder cannot be written to.
    """
    async with stores_of(settings) as (claims, composer):
        past = Past(await claims.last_sent(), await claims.history(MOST_DAYS))
        report = await composer.compose(await composer.take_stock(Clock().now()), past)
    return await asyncio.to_thread(_write, report, folder)


def _write(report: ComposedReport, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "message.txt": report.message.encode("utf-8", "replace"),
        f"{report.name}.png": report.picture,
        f"{report.name}.xlsx": report.workbook,
    }
    written = {folder / name: content for name, content in contents.items() if content is not None}
    for file, content in written.items():
        file.write_bytes(content)
    return list(written)
