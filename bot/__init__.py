"""The evening report on Telegram: a process of its own that sends the stock to one user, once a day."""
