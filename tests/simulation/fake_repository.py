"""A repository in memory: it keeps what MongoDB promises, and fails as MongoDB and networks do.

The tests in `tests/contract` hold it and the real one to the same promises.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from store_api.claims import Claim, NotClaimed
from store_api.commit.held_stores import HELD_SECONDS
from store_api.commit.ports import PATIENCE_SECONDS
from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    OutcomeUnknown,
    StoreHeld,
    UnfitDocument,
)
from store_api.stock import Change, Stamp, Stock, Written, written_by_number
from store_api.storage.documents import REVISION
from tests.simulation.fake_claims import FakeClaims
from tests.simulation.fake_documents import changed, number_in, numbered, projected, swept
from tests.simulation.history import Commit, Document, History, truth_of
from tests.simulation.nature import Fate, Nature


class FakeRepository:
    """The stores of a simulation.

    Args:
        history: where everything is noted.
        nature: what happens to commands.
        of_many: whether several processes write, each of which may write to a store that another writes to.
        claims: where claims are made that go with writes; None where there are none.

    Attributes:
        documents: what is stored, by id.
        commands: how many were sent, by name.
        most_at_once: how many commands there were at once.
    """

    def __init__(
        self, history: History, nature: Nature, *, of_many: bool = False, claims: FakeClaims | None = None
    ) -> None:
        self._of_many = of_many
        self._claims = claims
        self._on_their_way: set[Stamp] = set()
        self.history = history
        self.nature = nature
        self.documents: dict[str, Document] = {}
        self.commands: list[str] = []
        self.most_at_once = 0
        self._at_once = 0
        self._being_written: set[str] = set()
        self._held_until: dict[str, float] = {}
        self._known_held: dict[str, float] = {}
        self._late: set[asyncio.Task[None]] = set()

    def put(self, store_id: str, document: Document | None) -> None:
        """Replace a document as anybody could, or delete it (None)."""
        self.history.note_interference(store_id)
        self._put(store_id, document)

    def _put(self, store_id: str, document: Document | None) -> None:
        if document is None:
            self.documents.pop(store_id, None)
        else:
            self.documents[store_id] = document
        self.history.note_version(store_id, document)

    def hold(self, store_id: str, seconds: float) -> None:
        """Let a transaction of another program hold a store from now on."""
        self._held_until[store_id] = asyncio.get_running_loop().time() + seconds

    def change_by_another(self, change: Change) -> bool:
        """Apply a guarded change of another program."""
        after = changed(self.documents.get(change.store_id), change)
        if isinstance(after, Written):
            return False
        self.put(change.store_id, after)
        self.history.others.append(change)
        return True

    async def await_late(self) -> None:
        """Wait until what is late has happened."""
        while self._late:
            await asyncio.wait(self._late)

    async def apply(
        self,
        change: Change,
        wanted: Collection[str] | None,
        patience: float = PATIENCE_SECONDS,
        claims: Sequence[Claim] = (),
    ) -> Stock | None:
        """Apply one change, and then read the store."""
        with self._command("apply", [change.store_id], writes=True):
            await self.nature.pause()
            async with self._claimed(claims, [change]):
                written = self._write(change, self._fate_of(change))
            await (asyncio.sleep(patience) if written is Written.HELD else self.nature.pause())
            if written is Written.APPLIED:
                return change.leaves or await self._read_after(change.store_id, wanted)
        match written:
            case Written.UNAVAILABLE:
                raise DatabaseUnavailable
            case Written.UNKNOWN:
                raise OutcomeUnknown
            case Written.UNFIT:
                raise UnfitDocument
            case Written.HELD:
                self._note_held(change.store_id)
                raise StoreHeld
        return None

    async def apply_many(self, changes: Sequence[Change], claims: Sequence[Claim] = ()) -> list[Written]:
        """Apply changes of different stores, each at a moment of its own."""
        written = [Written.UNKNOWN] * len(changes)
        store_ids = [change.store_id for change in changes]
        with self._command("apply_many", store_ids, writes=True):
            now = asyncio.get_running_loop().time()
            # One process does not know what another has found.
            if not self._of_many and any(now < self._known_held.get(store_id, 0.0) for store_id in store_ids):
                self.history.violations.append(f"{store_ids} were written together, and one is known as held")
            await self.nature.pause()
            fate = self.nature.fate_of_command()
            if fate is Fate.NOT_SENT:
                self.history.note_fault(store_ids, "write not sent")
                raise DatabaseUnavailable
            async with self._claimed(claims, changes):
                for index in self.nature.order(len(changes)):
                    written[index] = self._write(changes[index], self._fate_of(changes[index]))
                    await self.nature.pause()
            if Written.HELD in written:
                await asyncio.sleep(PATIENCE_SECONDS)
            if fate in (Fate.LOST, Fate.REPLY_LOST):
                self.history.note_fault(store_ids, "write unknown")
                self.history.unknown.extend(changes)
                raise OutcomeUnknown
        for store_id, one in zip(store_ids, written, strict=True):
            if one is Written.HELD:
                self._note_held(store_id)
        return written

    @asynccontextmanager
    async def _claimed(self, claims: Sequence[Claim], changes: Sequence[Change]) -> AsyncIterator[None]:
        """Make claims ahead of changes; where no change is applied, nor ever will be, they may be undone."""
        if not claims:
            yield
            return
        if self._claims is None:
            raise NotClaimed
        await self._claims.begin(claims)
        try:
            yield
        finally:
            is_applied = any(self._is_applied(change) for change in changes)
            is_kept = is_applied or self.nature.fate_of_command() is Fate.DONE
            self._claims.end(claims, is_kept=is_kept)

    def _is_applied(self, change: Change) -> bool:
        number = number_in(self.documents.get(change.store_id) or {}, change.stamp.writer)
        return number == change.stamp.number or change.stamp in self._on_their_way

    async def read_many(
        self, store_ids: Sequence[str], wanted: Collection[str] | None = None
    ) -> dict[str, Stock | BrokenDocument]:
        """Read stores as they are at one moment."""
        with self._command("read_many", store_ids, writes=False):
            await self.nature.pause()
            if self.nature.fails_reading():
                self.history.note_fault(store_ids, "reading failed")
                raise DatabaseUnavailable
            found = self._read(store_ids, wanted)
            await self.nature.pause()
        return found

    async def settle(self, change: Change) -> Written:
        """Find out what became of a change, and let no copy of it come true later."""
        store_id = change.store_id
        with self._command("settle", [store_id], writes=True):
            await self.nature.pause()
            written = self._find_out(change)
            self._known_held.pop(store_id, None)
            await self.nature.pause()
            if self.nature.fate_of_command() is not Fate.DONE:
                self.history.note_fault([store_id], "settling unanswered")
                return Written.UNKNOWN
        if written is Written.FENCED:
            self.history.note_interference(store_id)
        if written is Written.LOST:
            self.history.note_fault([store_id], "settling LOST")
        return written

    async def fence(self, store_id: str, stamp: Stamp, *, creates: bool) -> int | None:
        """Let no copy of a write be applied from now on; gives the writer's number before that."""
        with self._command("fence", [store_id], writes=False):
            await self.nature.pause()
            held = self._held_until.get(store_id, 0.0) > asyncio.get_running_loop().time()
            if held or self.nature.fate_of_command() is Fate.NOT_SENT:
                raise DatabaseUnavailable
            found = self._fence(store_id, stamp, creates=creates)
            await self.nature.pause()
            if self.nature.fate_of_command() is not Fate.DONE:
                raise DatabaseUnavailable
        return found

    def _fence(self, store_id: str, stamp: Stamp, *, creates: bool) -> int | None:
        document = self.documents.get(store_id)
        if document is None:
            if not creates:
                return None
            document = {"_id": store_id, REVISION: 1}
        number = number_in(document, stamp.writer)
        if number < stamp.number:
            self._put(store_id, numbered(document, stamp.writer, stamp.number + 1))
        return number

    def _find_out(self, change: Change) -> Written:
        store_id = change.store_id
        if self._held_until.get(store_id, 0.0) > asyncio.get_running_loop().time():
            self.history.note_fault([store_id], "settling HELD")
            return Written.UNKNOWN
        document = self.documents.get(store_id)
        if document is None:
            return self._change(change) if change.creates else Written.LOST
        stamp = change.stamp
        number = number_in(document, stamp.writer)
        if stamp.follows <= number < stamp.number:
            self._put(store_id, numbered(document, stamp.writer, stamp.number + 1))
        return written_by_number(stamp, number)

    async def sweep(self, store_id: str, number: int, *, items: bool) -> None:
        """Remove the items of which nothing is left."""
        with self._command("sweep", [store_id], writes=False):
            await self.nature.pause()
            if self.nature.fate_of_command() is Fate.NOT_SENT:
                raise DatabaseUnavailable
            # No writer is gone here for days.
            after = swept(self.documents.get(store_id)) if items else None
            if after is not None:
                self._put(store_id, after)

    async def _read_after(self, store_id: str, wanted: Collection[str] | None) -> Stock:
        if self.nature.fails_reading():
            self.history.note_fault([store_id], "reading failed")
            raise AppliedUnreported
        found = self._read([store_id], wanted).get(store_id, {})
        await self.nature.pause()
        if isinstance(found, BrokenDocument):
            raise BrokenDocument(store_id, found.reason, applied=True)
        return found

    def _read(
        self, store_ids: Sequence[str], wanted: Collection[str] | None
    ) -> dict[str, Stock | BrokenDocument]:
        found = {}
        for store_id in store_ids:
            truth = truth_of(projected(self.documents.get(store_id), wanted))
            if truth is not None:
                found[store_id] = truth
        return found

    def _note_held(self, store_id: str) -> None:
        """Note until when everybody knows that a store is held; only then it may be written among others."""
        until = asyncio.get_running_loop().time() + HELD_SECONDS
        self._known_held.setdefault(store_id, until)

    def forget_held(self, store_id: str) -> None:
        """Note that nobody waits for a store any more: whoever comes next need not know that it was held."""
        self._known_held.pop(store_id, None)

    def _fate_of(self, change: Change) -> Fate:
        store_id = change.store_id
        now = asyncio.get_running_loop().time()
        fate = Fate.HELD if self._held_until.get(store_id, 0.0) > now else self.nature.fate_of_change()
        if fate is not Fate.HELD:
            self._known_held.pop(store_id, None)
        if fate is Fate.HELD and self._held_until.get(store_id, 0.0) <= now:
            self.hold(store_id, self.nature.seconds_held())
        return fate

    def _write(self, change: Change, fate: Fate) -> Written:
        if fate not in (Fate.DONE, Fate.RACED):
            self.history.note_fault([change.store_id], f"write {fate.name}")
        match fate:
            case Fate.NOT_SENT:
                return Written.UNAVAILABLE
            case Fate.RACED:
                self.history.note_interference(change.store_id)
                return Written.NOT_MATCHED
            case Fate.HELD:
                self.history.note_interference(change.store_id)
                return Written.HELD
            case Fate.UNFIT:
                self.history.note_interference(change.store_id)
                return Written.UNFIT
            case Fate.DONE:
                return self._change(change)
            case Fate.FAULT:
                self._change(change)
                raise ArithmeticError
            case Fate.REPLY_LOST:
                self._change(change)
            case Fate.LATE | Fate.TWICE:
                self._send_late(change, twice=fate is Fate.TWICE)
        self.history.unknown.append(change)
        return Written.UNKNOWN

    def _change(self, change: Change) -> Written:
        before = self.documents.get(change.store_id)
        after = changed(before, change)
        if after is Written.UNFIT:
            self.history.note_fault([change.store_id], "write UNFIT")
        if isinstance(after, Written):
            return after
        self._put(change.store_id, after)
        self.history.commits.append(Commit(self.history.now, change, truth_of(before), truth_of(after)))
        return Written.APPLIED

    def _send_late(self, change: Change, *, twice: bool) -> None:
        if twice:
            self._change(change)
        self._on_their_way.add(change.stamp)
        late = asyncio.create_task(self._change_late(change))
        self._late.add(late)
        late.add_done_callback(self._late.discard)

    async def _change_late(self, change: Change) -> None:
        for _ in range(3):
            await self.nature.pause()
        self.history.note_interference(change.store_id)
        self._change(change)

    @contextmanager
    def _command(self, name: str, store_ids: Sequence[str], *, writes: bool) -> Iterator[None]:
        """Note a command, and that no two write to one store at once."""
        self.commands.append(name)
        self._at_once += name != "sweep"
        self.most_at_once = max(self.most_at_once, self._at_once)
        if writes and not self._of_many and not self._being_written.isdisjoint(store_ids):
            self.history.violations.append(f"{store_ids} were written to by two at once")
        self._being_written.update(store_ids if writes else ())
        try:
            yield
        finally:
            self._at_once -= name != "sweep"
            self._being_written.difference_update(store_ids if writes else ())
