"""Builds the service, wires its parts, and starts and stops them in order."""

import asyncio
import logging
import multiprocessing
import random
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import pymongo
from sanic import Sanic

from store_api.commit import Committer
from store_api.entrance import Entrance
from store_api.errors import PartDied
from store_api.feed import Feed
from store_api.http.certificates import certificates_of
from store_api.keeping.attending import LedgerAttendant, note_off
from store_api.keeping.program import Task
from store_api.movements.reader import MovementReader
from store_api.movements.routes import History
from store_api.pages.routes import pages
from store_api.reports.workbook_job import WorkbookBuilder
from store_api.settings import Settings
from store_api.storage import clients
from store_api.storage.claims import ClaimCollection
from store_api.storage.documents import LAST
from store_api.storage.schema import COLLECTION
from store_api.storage.writer import StoreWriter
from store_api.telemetry import logs
from store_api.telemetry.metrics import Metrics, Sources
from store_api.telemetry.readiness import Readiness
from store_api.web.error_handler import ProblemHandler
from store_api.web.fast_path import WholeRequest
from store_api.web.operators import Operators
from store_api.web.routes import Rest
from store_api.web.serving import LIMITS, App, run, stop_if_dead, stop_with_parent
from store_api.web.socket_writers import wire_of
from store_api.web.sockets import Sockets
from watchers.changes import StoreChange
from watchers.heartbeat import HEARTBEATS, Heartbeat
from watchers.store_watcher import StoreWatcher

log = logging.getLogger(__name__)

STOP_SECONDS, GOODBYE_SECONDS = 1.0, 0.5
"""How long a client may try to tell MongoDB that it goes, which may be away."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a service that may be others: benchmarks measure what each of ours is worth.

    Args:
        committer: makes what carries operations out.
        watcher: makes what follows the stores.
    """

    committer: Callable[..., Committer] = Committer
    watcher: Callable[..., StoreWatcher] = StoreWatcher


OURS = Parts()


def create_app(settings: Settings, parts: Parts = OURS) -> App:
    """Build the service; nothing connects before it is served.

    Args:
        settings: what the service was told.
        parts: what it is made of.
    """
    logs.configure(terminal=sys.stderr.isatty())
    service = Service(settings, parts)
    app: App = Sanic(
        "store_api",
        error_handler=ProblemHandler(service.entrance.refusals.note),
        request_class=WholeRequest,
        configure_logging=False,
    )
    app.config.update(LIMITS)
    app.ctx.told_to_stop = asyncio.Event()
    app.ctx.part_died = False
    app.ctx.proxies = service.entrance.proxies
    app.ctx.certificates = certificates_of(settings.tls_cert, settings.tls_key)
    app.enable_websocket()
    gate = service.entrance.gate
    for part in (service.rest, service.history, service.sockets, service.operators, service.entrance.routes):
        app.blueprint(part.blueprint(gate.guard))
    app.blueprint(pages(gate.guard_page))
    app.before_server_start(service.start)
    app.before_server_stop(service.stop_listening)
    app.after_server_stop(service.stop)
    return app


def serve(
    settings: Settings,
    listener: socket.socket,
    *,
    on_start: Callable[[], None] | None = None,
    parts: Parts = OURS,
) -> None:
    """Serve in this process until SIGTERM or SIGINT.

    Args:
        settings: what the service was told.
        listener: the open port, maybe shared with other processes.
        on_start: called once the port is served.
        parts: what it is made of.

    Raises:
        PartDied: it stopped because a part of it died.
    """
    app = create_app(settings, parts)
    run(app, listener, on_start)
    if app.ctx.part_died:
        raise PartDied


class Service:
    """Everything one process of the service is made of.

    Args:
        settings: what it was told.
        parts: who does the work.
    """

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._client = clients.connect(settings.database_url)
        self._watcher_client = clients.connect_watcher(settings.database_url)
        self._sender_client = clients.connect_sender(settings.database_url)
        name, hours = settings.mongo_db, settings.idempotency_hours
        self._name = name
        self.stores = StoreWriter(self._client, name, writes=self._sender_client, hours=hours)
        self.claims = ClaimCollection(self._client, name, self.stores.primary, hours)
        self.committer = parts.committer(self.stores, claims=self.claims, says=settings.ledger)
        self.ledger: LedgerAttendant | None = None
        if settings.ledger:
            task = Task(settings.database_url, name, settings.ledger_days)
            self.ledger = LedgerAttendant(task, self._client, self._watcher_client, time.time)
        self.entrance = Entrance(settings, self._client)
        self.feed = Feed(self.stores.snapshot, wire_of, on_told=self._note_delay)
        self.watcher = parts.watcher(
            clients.blocking(self._watcher_client[settings.mongo_db][COLLECTION]),
            on_change=self.feed.take,
            on_afresh=self._begin_afresh,
            random=random.random,
            clock=time.monotonic,
            is_urgent=self.feed.subscriptions.is_heard,
            others=self.entrance.followed,
            without=(LAST,),
        )
        self.readiness = Readiness(
            has_primary=self.stores.primary.look,
            silent_seconds=lambda: self.watcher.silent_seconds,
        )
        self.heartbeat = Heartbeat(
            self._client[settings.mongo_db][HEARTBEATS], is_needed=self.readiness.is_quiet
        )
        self.metrics = Metrics(self._sources())
        self.committer.on_written = self.metrics.note_write
        workbooks, keys = WorkbookBuilder(), settings.require_idempotency_key
        reader = MovementReader(self._client, name, self.stores.primary) if settings.ledger else None
        self.history = History(reader, workbooks, time.time)
        self.rest = Rest(self.stores, self.committer, workbooks.build, keys, self.history)
        self.operators = Operators(self.readiness, self.metrics)
        self.sockets = Sockets(self.feed, self.entrance.stays)
        self._tasks: list[asyncio.Task[None]] = []

    def _sources(self) -> Sources:
        committer, subscriptions = self.committer, self.feed.subscriptions
        return Sources(
            outcomes=committer.outcomes,
            openings=self.watcher.openings,
            frames=lambda: subscriptions.sent,
            skipped=lambda: subscriptions.skipped,
            sockets=lambda: len(subscriptions),
            silent_seconds=self.readiness.silent_seconds,
            held=lambda: committer.held_stores,
            settled=committer.doubts.found,
            claims=lambda: committer.keyed.made,
            keys=committer.keyed.finding_out.found,
            in_doubt=lambda: len(committer.doubts),
            refusals=self.entrance.refusals.counts,
            tokens=lambda: len(self.entrance.tokens or ()),
            ledger={} if self.ledger is None else self.ledger.counts,
            ledger_lag=lambda: 0.0 if self.ledger is None else self.ledger.lag,
        )

    async def start(self, app: App) -> None:
        """Start what runs beside the requests; the port opens whether or not MongoDB is there."""
        for_ever = [asyncio.create_task(self._watch(), name=type(self.watcher).__name__)]
        for_ever += [
            asyncio.create_task(part.run(), name=type(part).__name__)
            for part in (self.heartbeat, self.metrics, self.sockets, self.entrance.refusals, self.ledger)
            if part is not None
        ]
        for task in for_ever:
            task.add_done_callback(lambda task: stop_if_dead(app, task))
        self._tasks = [*for_ever, asyncio.create_task(clients.look_for_primary(self._client))]
        if (parent := multiprocessing.parent_process()) is not None:
            stop_with_parent(app, parent.sentinel)

    async def stop_listening(self, _: App) -> None:
        """Turn new work away and let the listeners go; requests in flight are still answered."""
        self.readiness.stopping = True
        self.feed.close()
        await self.sockets.close()

    async def stop(self, _: App) -> None:
        """Finish what was begun, then let go of MongoDB."""
        await self.committer.close()
        self.watcher.stop()
        # The first is the watcher; the others never end by themselves.
        await asyncio.wait(self._tasks[:1], timeout=STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.stores.close()
        for client in (self._watcher_client, self._sender_client, self._client):
            with pymongo.timeout(GOODBYE_SECONDS):
                client.close()
        log.info("Stopped", extra={"action": "stopped"})

    async def _watch(self) -> None:
        """Follow the stores, from when MongoDB's members are known: the stream would look them up, too."""
        await self.stores.primary.until_members_are_known()
        await self.watcher.run()

    def _note_delay(self, change: StoreChange) -> None:
        if change.committed_at is not None:
            self.metrics.note_delay(time.time() - change.committed_at.timestamp())

    async def _begin_afresh(self) -> None:
        await self.stores.until_a_majority_has_all()
        await self.stores.prepare()
        await self.claims.prepare()
        await self.entrance.load()
        if self.ledger is None:
            await note_off(self._client, self._name)
        else:
            await self.ledger.begin()
        await self.feed.begin_afresh()
