"""Every token of the database, held in memory: whom each lets in, and who is told when one ends.

All are read when the change stream begins, and each change comes through it: a request with a known token
asks nobody. One that is not known may have been made a moment ago, so MongoDB is asked for it, by a few a
second: whoever makes tokens up costs no more than that.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from store_api.access.callers import Caller
from store_api.contract.scopes import Scope
from store_api.errors import CredentialInvalid, Overloaded

log = logging.getLogger(__name__)

Document = Mapping[str, Any]

OnEnd = Callable[[bool], None]
"""Called when a token ends, or what it may: told whether it has ended."""

MOST_MISSES = 50
"""Tokens that there are not, for which MongoDB is asked in one second."""


class KnownTokens:
    """The tokens as this process knows them.

    Args:
        read_all: reads all of them.
        read_one: reads one by its id; None where there is none.
        now: gives the time, in seconds since 1970.
    """

    def __init__(
        self,
        read_all: Callable[[], Awaitable[Iterable[Document]]],
        read_one: Callable[[bytes], Awaitable[Document | None]],
        now: Callable[[], float],
    ) -> None:
        self._read_all = read_all
        self._read_one = read_one
        self._now = now
        self._documents: dict[bytes, Document] = {}
        self._callers: dict[bytes, Caller] = {}
        self._ends: defaultdict[bytes, set[OnEnd]] = defaultdict(set)
        self._questions: dict[bytes, asyncio.Task[bool]] = {}
        self._missed_in, self._missed = 0, 0

    def __len__(self) -> int:
        """Count the tokens that let somebody in, or did until they expired."""
        return len(self._callers)

    def caller(self, token: bytes) -> Caller | None:
        """Tell whom a token lets in; None where it is not known, or has ended.

        Args:
            token: its id.
        """
        caller = self._callers.get(token)
        if caller is None or (caller.expires is not None and caller.expires <= self._now()):
            return None
        return caller

    async def find(self, token: bytes) -> Caller:
        """Ask for a token that was not known a moment ago.

        Raises:
            CredentialInvalid: there is none, or it has ended.
            Overloaded: too many were asked for in this second.
            DatabaseUnavailable: nobody knows.
        """
        while token not in self._documents and await self._ask(token):
            pass
        if (caller := self.caller(token)) is None:
            raise CredentialInvalid
        return caller

    async def load(self) -> None:
        """Read all of them anew: what happened to them before may not have been heard.

        Raises:
            DatabaseUnavailable: they cannot be read.
        """
        self._questions.clear()
        before = set(self._documents)
        found = {bytes(document["_id"]): document for document in await self._read_all() if _has_id(document)}
        for gone in before - found.keys():
            self._forget(gone)
        # What was found meanwhile, one by one, may be newer than this reading.
        for token in found.keys() - (self._documents.keys() - before):
            self._take(found[token])

    def take(self, event: Mapping[str, Any]) -> None:
        """Take a change of theirs from the change stream.

        Of a change that is not understood, the token is forgotten: whoever uses it is asked for it anew.
        """
        kind = event["operationType"]
        if kind in ("drop", "rename", "dropDatabase"):
            self._questions.clear()
            for token in list(self._documents):
                self._forget(token)
            return
        if not _has_id(key := event.get("documentKey", {})):
            return
        token = bytes(key["_id"])
        self._questions.pop(token, None)
        if kind in ("insert", "replace"):
            self._take(event["fullDocument"])
        elif kind == "update" and (document := _updated(self._documents.get(token), event)) is not None:
            self._take(document)
        else:
            self._forget(token)

    def when_it_ends(self, caller: Caller, on_end: OnEnd) -> Callable[[], None]:
        """Have somebody told when the token of a caller ends, or what it may.

        Returns:
            What to call when that is of no interest any more.
        """
        if (token := caller.token) is None:
            return lambda: None
        self._ends[token].add(on_end)

        def forget() -> None:
            self._ends[token].discard(on_end)
            if not self._ends[token]:
                del self._ends[token]

        return forget

    def _take(self, document: Document) -> None:
        token = bytes(document["_id"])
        before, after = self._callers.get(token), caller_of(document)
        self._documents[token] = document
        if after is None:
            self._callers.pop(token, None)
            self._tell(token, has_ended=True)
        elif before is None or _rights(before) != _rights(after):
            self._callers[token] = after
            self._tell(token, has_ended=False)

    def _forget(self, token: bytes) -> None:
        self._documents.pop(token, None)
        self._callers.pop(token, None)
        self._tell(token, has_ended=True)

    def _tell(self, token: bytes, *, has_ended: bool) -> None:
        for on_end in list(self._ends.get(token, ())):
            on_end(has_ended)

    async def _ask(self, token: bytes) -> bool:
        """Have a token read, and tell whether to look again: a change came meanwhile, and is newer."""
        question = self._questions.get(token)
        if question is None:
            self._require_few_misses()
            question = self._questions[token] = asyncio.ensure_future(self._read(token))
        return await asyncio.shield(question)

    async def _read(self, token: bytes) -> bool:
        mine = asyncio.current_task()
        try:
            document = await self._read_one(token)
            if self._questions.get(token) is not mine:
                return True
            if document is None:
                self._missed += 1
            else:
                self._take(document)
            return False
        finally:
            if self._questions.get(token) is mine:
                del self._questions[token]

    def _require_few_misses(self) -> None:
        second = int(self._now())
        if second != self._missed_in:
            self._missed_in, self._missed = second, 0
        if self._missed + len(self._questions) >= MOST_MISSES:
            raise Overloaded


def caller_of(document: Document) -> Caller | None:
    """Read whom a token's document lets in; None where it was revoked, or is not as we write them."""
    try:
        if document.get("revoked") is not None:
            return None
        (name,) = _texts([document["name"]])
        stores, expires = document["stores"], document["expires"]
        return Caller(
            name,
            frozenset(Scope(scope) for scope in _texts(document["scopes"])),
            None if stores is None else tuple(_texts(stores)),
            None if expires is None else expires.timestamp(),
            bytes(document["_id"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        log.error("A token's document is not as it should be", extra={"action": "broken_token"})
        return None


def _has_id(document: Document) -> bool:
    return isinstance(document.get("_id"), bytes)


def _texts(value: Any) -> list[str]:
    """Give a list of texts; a text alone is none, though its letters could be taken for one."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return value


def _rights(caller: Caller) -> tuple[object, ...]:
    return (caller.name, caller.scopes, caller.patterns, caller.expires)


def _updated(document: Document | None, event: Mapping[str, Any]) -> Document | None:
    """Carry an update over; None where it cannot be told what comes of it."""
    description = event["updateDescription"]
    fields = description["updatedFields"]
    in_parts = any("." in name for name in (*fields, *description["removedFields"]))
    # Of a list that became shorter, only the new length is told.
    if document is None or in_parts or description.get("truncatedArrays"):
        return None
    kept = {name: value for name, value in document.items() if name not in description["removedFields"]}
    return {**kept, **fields}
