"""Everything that is tortured, and everybody who uses it: started, and stopped."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from pymongo import MongoClient

from tests.support.bot_api import TOKEN, USER, BotApi
from tests.support.bot_process import BotProcess
from tests.support.mongod import ReplicaSetOfThree
from tests.support.network import network_of
from tests.support.service import Service
from tests.support.tokens import let_in, tokens_in
from tests.torture.account import Book
from tests.torture.actors.clients import Client
from tests.torture.actors.evening import DAY_SECONDS, STORE, Evening
from tests.torture.actors.foreign import ForeignWriter
from tests.torture.actors.guests import Guest
from tests.torture.actors.listeners import Listener
from tests.torture.harm.clocks import library, wrong_clock
from tests.torture.harm.database import DatabaseHarm
from tests.torture.harm.doing import Harm
from tests.torture.harm.members import Disk, MembersHarm, can_be_late
from tests.torture.harm.programs import ProgramsHarm
from tests.torture.story import Story

GoOn = Callable[[Book, asyncio.Event, asyncio.Event], Coroutine[Any, Any, None]]
"""Acts for a round: where all is noted, when it is over, and whether new wishes may be had."""

SERVICES, GUESTS, FOREIGN = 2, 2, 2
ALONE_EVERY = 25
"""Each of these clients has stores of its own; batches are small there, and cost the most."""

KEYED_OF_TEN = 4
MONGOD = ("--oplogSize", "700", "--syncdelay", "10")
"""Who is killed so often makes checkpoints as often: what a member rolls back is all since its last one.

With one in 60 seconds, which is usual, a member that came back was seen to take more than 110 s for that.
"""
FAULTS_OF_OURS = ("fault", "part_died")


class Scene:
    """A context manager: all processes, and the actors that use them.

    Args:
        seed: of what actors do.
        clients: how many there are.
        story: gets what happens.
        doom: as for DatabaseHarm.

    Attributes:
        has: what this machine has of what faults need.
        lacks: what it has not, in words.
    """

    def __init__(self, seed: int, clients: int, story: Story, doom: Callable[[], Callable[[], None]]) -> None:
        self.story = story
        self.has: set[str] = set()
        self.lacks: list[str] = []
        self.services: list[Service] = []
        self._seed, self._clients, self._doom = seed, clients, doom
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        """Start everything."""
        with ExitStack() as resources:
            self._folder = Path(
                resources.enter_context(tempfile.TemporaryDirectory(prefix="store_api-torture-"))
            )
            self._start_members(resources)
            self._start_programs(resources)
            self._make_actors(resources)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self._resources.close()

    def hear(self, service: Service) -> None:
        """Count what a service has said; killed, it may not have come to the end of its last line."""
        for line in service.complaints.splitlines():
            try:
                said = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            self.story.said(line)
            self.story.counts[f"said {said['action']}"] += 1
            if said["action"] in FAULTS_OF_OURS or "Traceback" in line:
                self.story.wrong(f"a service said {line}")

    def _start_members(self, resources: ExitStack) -> None:
        network = resources.enter_context(network_of(3))
        self._has("network", network is not None, "NO NETWORK NAMESPACES: no packet vanishes (it takes root)")
        packets = network is not None and Path("/usr/sbin/iptables").exists()
        self._has("packets", packets, "NO IPTABLES: no packets are lost")
        late = network is not None and packets and can_be_late(network)
        self._has("late", late, "NO QUEUES OF PACKETS IN THIS KERNEL: no packets are late")
        self._has("clock", library() is not None, "NO LIBFAKETIME: no clock is wrong (Debian: libfaketime)")
        disk = Disk(self._folder / "disk")
        self._has("disk", disk.make(), "NO DISK IN MEMORY: no disk is full (it takes root)")
        elsewhere = {}
        if "disk" in self.has:
            resources.callback(disk.remove)
            elsewhere[2] = disk.folder / "data"
        self.members = ReplicaSetOfThree(MONGOD, network=network, elsewhere=elsewhere)
        resources.enter_context(self.members)
        self._members_harm = MembersHarm(
            self.members,
            network,
            disk,
            lambda minutes: ["env", *(f"{name}={value}" for name, value in wrong_clock(minutes).items())],
        )

    def _start_programs(self, resources: ExitStack) -> None:
        self.mongo: MongoClient[dict[str, Any]] = resources.enter_context(
            MongoClient(
                self.members.url, w="majority", journal=True, heartbeatFrequencyMS=1000, timeoutMS=20_000
            )
        )
        tokens = tokens_in(self.mongo["store_api"])
        self.token = let_in(tokens, ["admin"], name="torture")
        self.some = let_in(tokens, ["read"], name="some", stores=["h*"])
        for number in range(SERVICES):
            (folder := self._folder / f"service-{number}").mkdir()
            settings = {"MONGO_URL": self.members.url, "AUTH": "tokens", "LEDGER": "on"}
            self.services.append(resources.enter_context(Service(folder, settings)))
        self.telegram = resources.enter_context(BotApi())
        settings = {"MONGO_URL": self.members.url, "BOT_TOKEN": TOKEN, "SPECIAL_USER": str(USER)}
        settings |= {"TELEGRAM_API": self.telegram.url, "STORE_IDS": STORE, "REPORT_TIME": "12:00"}
        began = time.time()
        program = ("tests.torture.actors.quick_days", str(began), str(DAY_SECONDS), "--", "bot")
        self.bot = resources.enter_context(BotProcess(self._folder / "bot", settings, program=program))
        for service in self.services:
            service.wait_until_ready(60.0)
        self.bot.wait_for("started", 120.0)
        urls = [service.url for service in self.services]
        self.evening = Evening(urls, self.token, self.story, began, self.telegram)
        resources.callback(self.evening.close)

    def _make_actors(self, resources: ExitStack) -> None:
        urls, story, seed = [service.url for service in self.services], self.story, f"actors {self._seed}"
        self.clients = [
            Client(
                f"c{number}",
                urls,
                self.token,
                story,
                seed,
                keyed=number % 10 < KEYED_OF_TEN,
                alone=number % ALONE_EVERY == 0,
            )
            for number in range(self._clients)
        ]
        for client in self.clients:
            resources.callback(client.close)
        self.foreign = [
            ForeignWriter(f"f{number}", self.members.url, story, seed) for number in range(FOREIGN)
        ]
        self.guests = [Guest(f"guest-{number}", urls, self.mongo, story, seed) for number in range(GUESTS)]
        self.listeners = [
            Listener("all", urls[0], "/ws/stores?snapshot=true", self.token, story),
            Listener(
                "all-changes",
                urls[1],
                "/ws/stores?snapshot=true&only=changes",
                self.token,
                story,
                changes=True,
            ),
            Listener("some", urls[1], "/ws/stores?snapshot=true", self.some, story, only="h*"),
        ]
        programs = ProgramsHarm(self.services, self.bot, self.evening, wrong_clock, self.hear)
        self.database_harm = DatabaseHarm(self.members, self._doom)
        self.harm = Harm(self.members, story, [self._members_harm, programs, self.database_harm])

    def everybody(self) -> list[GoOn]:
        """Give how each actor goes on."""
        return [
            *(client.go_on for client in self.clients),
            *(writer.go_on for writer in self.foreign),
            *(guest.go_on for guest in self.guests),
            self.evening.go_on,
        ]

    def listen_to(self, store: str) -> list[Listener]:
        """Give sockets of every kind for one store."""
        urls = [service.url for service in self.services]
        kinds = [
            (f"{number}{kind[:5]}", url, kind)
            for number, url in enumerate(urls)
            for kind in ("", "&only=changes")
        ]
        return [
            Listener(
                f"one-{store}-{name}",
                url,
                f"/ws/stores/{store}?snapshot=true{kind}",
                self.token,
                self.story,
                only=store,
                changes=bool(kind),
            )
            for name, url, kind in kinds
        ]

    def _has(self, what: str, there: bool, words: str) -> None:
        if there:
            self.has.add(what)
        else:
            self.lacks.append(words)
            sys.stdout.write(f"{words}\n")
