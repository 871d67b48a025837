"""What a writer says to MongoDB, heard as it is sent."""

from typing import Any

from pymongo.monitoring import CommandListener, CommandStartedEvent


class Heard(CommandListener):
    """Hears which commands are sent, on which connection.

    Attributes:
        commands: of each its name, all of it, and its connection.
    """

    def __init__(self) -> None:
        self.commands: list[tuple[str, Any, int | None]] = []

    def named(self, *names: str) -> list[tuple[str, Any, int | None]]:
        """Give the commands of these names."""
        return [command for command in self.commands if command[0] in names]

    def started(self, event: CommandStartedEvent) -> None:
        self.commands.append((event.command_name, event.command, event.server_connection_id))

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...
