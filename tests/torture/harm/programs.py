"""What is done to the service's processes, to whoever keeps the ledger, and to the bot."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from tests.support.bot_process import BotProcess
from tests.support.mongod import wait_until
from tests.support.service import Service, children_of, command_line
from tests.torture.actors.evening import Evening
from tests.torture.plan import Fault

READY_SECONDS, START_SECONDS = 60.0, 120.0


class ProgramsHarm:
    """Hurts programs: each fault ends by itself.

    Args:
        services: both.
        bot: the bot.
        evening: is told when the bot is hurt.
        clock: the variables that let a program begin with a wrong clock, by minutes.
        hear: gets a service whose log is about to be forgotten.
    """

    def __init__(
        self,
        services: Sequence[Service],
        bot: BotProcess,
        evening: Evening,
        clock: Callable[[int], Mapping[str, str]],
        hear: Callable[[Service], None],
    ) -> None:
        self._services = services
        self._bot = bot
        self._evening = evening
        self._clock = clock
        self._hear = hear

    async def kill_service(self, fault: Fault) -> None:
        """End it as a power cut would."""
        service = self._services[fault.which]
        await asyncio.to_thread(service.kill)
        await self._begin(service, fault.seconds)

    async def stop_service(self, fault: Fault) -> None:
        """End it cleanly."""
        service = self._services[fault.which]
        await asyncio.to_thread(_stop, service)
        await self._begin(service, fault.seconds)

    async def halt_service(self, fault: Fault) -> None:
        """Let it hang."""
        service = self._services[fault.which]
        service.tell(signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            service.tell(signal.SIGCONT)

    async def wrong_clock_of_service(self, fault: Fault) -> None:
        """Let it run with a clock that is wrong by minutes."""
        service = self._services[fault.which]
        right = dict(service.settings)
        service.settings.update(self._clock(int(fault.chance * 20) - 10))
        await asyncio.to_thread(service.kill)
        await self._begin(service, 0.0)
        await asyncio.sleep(fault.seconds)
        service.settings.clear()
        service.settings.update(right)
        await asyncio.to_thread(service.kill)
        await self._begin(service, 0.0)

    async def kill_keeper(self, fault: Fault) -> None:
        """End who keeps the ledger, or tries to, in one service."""
        self._tell_keepers(fault, signal.SIGKILL)

    async def halt_keeper(self, fault: Fault) -> None:
        """Let it hang, maybe for longer than its lease."""
        halted = self._tell_keepers(fault, signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            for pid in halted:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    async def kill_bot(self, fault: Fault) -> None:
        """End the bot as a power cut would."""
        began = time.time()
        await asyncio.to_thread(self._bot.stop, signal.SIGKILL)
        await asyncio.sleep(fault.seconds)
        self._bot.__enter__()
        # It takes 4 s of processor time to begin, on a machine that does a lot else.
        await asyncio.to_thread(self._bot.wait_for, "started", START_SECONDS)
        self._evening.hurt.append((began, time.time()))

    async def halt_bot(self, fault: Fault) -> None:
        """Let the bot hang."""
        began = time.time()
        self._bot.tell(signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self._bot.tell(signal.SIGCONT)
            self._evening.hurt.append((began, time.time()))

    async def _begin(self, service: Service, seconds: float) -> None:
        self._hear(service)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(service.start)
        await asyncio.to_thread(
            wait_until, lambda: service.readiness() != 0, "a service answers", READY_SECONDS
        )

    def _tell_keepers(self, fault: Fault, number: signal.Signals) -> list[int]:
        children = children_of(self._services[fault.which].pid)
        keepers = [pid for pid in children if b"store_api.keeping.program" in command_line(pid)]
        for pid in keepers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return keepers


def _stop(service: Service) -> None:
    with suppress(subprocess.TimeoutExpired):
        service.stop()
