"""This service with group commit switched off: one guarded update and its reading for each operation.

Settings, from the environment: those of store_api.
"""

import asyncio
import os
import socket

from store_api.batches.conclude import refusal_of
from store_api.batches.decide import decide
from store_api.commit import Committer
from store_api.errors import Overloaded, StoreApiError
from store_api.service import Parts, serve
from store_api.settings import Settings
from store_api.stock import Operation, Reply, Report


class DirectCommitter(Committer):
    """Writes each operation by itself, at once."""

    def answer(self, operation: Operation) -> asyncio.Future[Reply]:
        """Carry one operation out."""
        return asyncio.ensure_future(self._commit(operation))

    async def _commit(self, operation: Operation) -> Reply:
        # Nothing known, nothing refused: one operation is always a change.
        change = decide([operation], None).change
        assert change is not None  # noqa: S101
        try:
            for _ in range(100):
                stock = await self._stores.apply(change, operation.items if operation.minimal else None)
                if stock is not None:
                    if operation.minimal:
                        return Report.of_items(operation.store_id, stock, operation.items)
                    return Report.of(operation.store_id, stock)
                found = await self._stores.read_many([operation.store_id], operation.items)
                seen = found.get(operation.store_id)
                if isinstance(seen, StoreApiError):
                    return seen
                if (refusal := refusal_of(operation, seen)) is not None:
                    return refusal
        except StoreApiError as error:
            return error
        return Overloaded()


if __name__ == "__main__":
    settings = Settings.read(os.environ)
    with socket.create_server((settings.host, settings.port), backlog=1024) as listener:
        serve(settings, listener, parts=Parts(committer=DirectCommitter))
