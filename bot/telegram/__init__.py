"""The way to Telegram: with `bot.commands`, the only rooms that know aiogram."""
