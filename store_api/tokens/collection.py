"""Tokens in MongoDB: one document for each, which holds nothing that lets anybody in.

    {"_id": Binary (SHA-256 of the token), "name": "till-7", "hint": "sapi_Ab3d",
     "scopes": ["demand", "read"], "stores": null or ["abc111", "berlin-*"],
     "made": ISODate, "expires": ISODate or null, "revoked": ISODate or null}

One that was revoked stays: what was done under its name keeps its meaning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from store_api.errors import NameTaken
from store_api.sending.primary import Primary
from store_api.storage.clients import Client, durable_documents, until_a_majority_has_all
from store_api.storage.driver_errors import translated

COLLECTION = "tokens"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that is to be kept.

    Args:
        token: its id.
        hint: its first letters.
        name: whose it is; no two that are in force have the same.
        scopes: what it may.
        stores: the stores that it may do that to; None is every store.
        made: when it was made.
        expires: until when it is in force; None is for ever.
    """

    token: bytes
    hint: str
    name: str
    scopes: Sequence[str]
    stores: Sequence[str] | None
    made: datetime
    expires: datetime | None


class TokenCollection:
    """The tokens of one database; all of it raises DatabaseUnavailable.

    Args:
        client: the way to the replica set.
        database: its name.
    """

    def __init__(self, client: Client, database: str) -> None:
        self._primary = Primary(client.delegate)
        self._tokens = durable_documents(client, database, COLLECTION)
        # One that was revoked must not be found as it was before, by a primary that has just been elected.
        self._primary.confirm_by(lambda: until_a_majority_has_all(client, self._tokens))

    async def read_all(self) -> Sequence[Document]:
        """Read all of them, by name."""
        with translated(writing=False):
            return await self._primary.ask(lambda: self._tokens.find({}).sort("name", 1).to_list(None))

    async def read_one(self, token: bytes) -> Document | None:
        """Read one by its id; None where there is none."""
        with translated(writing=False):
            return await self._primary.ask(lambda: self._tokens.find_one({"_id": token}))

    async def keep(self, new: NewToken) -> None:
        """Keep a new token.

        Raises:
            NameTaken: there is one in force of that name.
            OutcomeUnknown: nobody knows whether it is kept.
        """
        await self._primary.wait()
        document = {
            "_id": new.token,
            "name": new.name,
            "hint": new.hint,
            "scopes": list(new.scopes),
            "stores": None if new.stores is None else list(new.stores),
            "made": new.made,
            "expires": new.expires,
            "revoked": None,
        }
        with translated(writing=True):
            await self._tokens.create_index(
                "name", unique=True, name=NAME_INDEX, partialFilterExpression={"revoked": {"$type": "null"}}
            )
            try:
                await self._tokens.insert_one(document)
            except DuplicateKeyError:
                raise NameTaken(new.name) from None

    async def revoke(self, name: str, at: datetime) -> int:
        """Revoke the token of a name, and tell how many that were: 1, or 0.

        Raises:
            OutcomeUnknown: nobody knows whether it was revoked; to be done again.
        """
        await self._primary.wait()
        with translated(writing=True):
            changed = await self._tokens.update_many(
                {"name": {"$eq": name}, "revoked": None}, {"$set": {"revoked": at}}
            )
        return changed.modified_count


NAME_INDEX = "one in force of a name"
