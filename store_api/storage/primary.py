"""The replica set's primary, as the driver's monitors see it: without one, nobody waits for long."""

import asyncio

from store_api.errors import DatabaseUnavailable
from store_api.storage.clients import PRIMARY_SECONDS, Client, members_are_known

LOOK_SECONDS = 0.05
"""How often it is looked for."""


class Primary:
    """Knows whether there is a primary.

    Args:
        client: whose monitors look for it.
        patience: seconds without one after which whoever comes is turned away at once.
    """

    def __init__(self, client: Client, patience: float = PRIMARY_SECONDS) -> None:
        self._client = client
        self._patience = patience
        self._missed_at: float | None = None
        self._is_known = False

    def look(self) -> bool:
        """Whether the monitors see a primary right now; asks nobody."""
        self._is_known = self._is_known or members_are_known(self._client)
        seen = self._is_known and self._client.primary is not None
        if seen:
            self._missed_at = None
        return seen

    async def wait(self) -> None:
        """Wait until there is one.

        Waiting here costs no thread; waiting in the driver would use up the pool for everybody. The wait
        counts from when the primary was first missed: whoever comes later is turned away at once.

        Raises:
            DatabaseUnavailable: it was missed for too long.
        """
        clock = asyncio.get_running_loop().time
        while not self.look():
            if self._missed_at is None:
                self._missed_at = clock()
            if clock() > self._missed_at + self._patience:
                raise DatabaseUnavailable
            await asyncio.sleep(LOOK_SECONDS)
