"""What the service and the bot are told: read once, judged whole, then frozen."""

from store_api.settings.settings import (
    EMBEDDED_REPLICA_SET,
    DatabaseSettings,
    Settings,
    environment_with_env_file,
    help_text,
    setting,
    value_of,
)

__all__ = [
    "EMBEDDED_REPLICA_SET",
    "DatabaseSettings",
    "Settings",
    "environment_with_env_file",
    "help_text",
    "setting",
    "value_of",
]
