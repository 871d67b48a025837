"""The way to Telegram, and the only room that knows aiogram: `aiogram` is all that others have of it."""
