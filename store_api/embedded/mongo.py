"""The embedded MongoDB: a real mongod of our own, as a replica set of one, for when there is no MONGO_URL."""

import fcntl
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from store_api.embedded.endings import DATA_TAKEN, PORT_TAKEN, why_it_ended
from store_api.embedded.guarded_process import MongodProcess
from store_api.embedded.program import ending, find_mongod, mongod_arguments
from store_api.errors import EmbeddedMongoError
from store_api.settings import EMBEDDED_REPLICA_SET

START_SECONDS = 60.0
POLL_SECONDS = 0.01
RETRY_SECONDS = 0.1
# How long a previous mongod may take to end while it holds its lock on the data, and how long to try without.
ENDING_SECONDS = 20.0
RELEASE_SECONDS = 1.0


class EmbeddedMongo:
    """A mongod on 127.0.0.1 that keeps its data in a folder; a context manager, or `start` and `stop`.

    In the folder: `db` (the data), `mongod.log` (appended to) and `lock`, which the kernel releases when this
    process ends. Blocking, and for one thread at a time.

    Args:
        data_dir: made if need be.
        port: may be another than at the last start.
        mongod: the program; None looks for one.
        extra: further flags for it.
    """

    def __init__(
        self, data_dir: Path, port: int, mongod: Path | None = None, *, extra: Sequence[str] = ()
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._dbpath = self._data_dir / "db"
        self._log = self._data_dir / "mongod.log"
        self._port = port
        self._mongod = mongod
        self._extra = extra
        self._process: MongodProcess | None = None
        self._started = ExitStack()

    @property
    def url(self) -> str:
        """The replica set's URL."""
        return f"mongodb://{self._host}/?replicaSet={EMBEDDED_REPLICA_SET}"

    @property
    def is_in_use(self) -> bool:
        """Whether a process has the folder just now; an OSError says that it cannot be looked into."""
        return _is_locked(self._data_dir / "lock")

    @property
    def _host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start mongod and return when it is a primary that takes writes.

        Raises:
            EmbeddedMongoError: it cannot be; one line says why. Nothing is left running.
        """
        try:
            with ExitStack() as started:
                started.enter_context(_claimed(self._data_dir))
                self._dbpath.mkdir(exist_ok=True)
                started.callback(self._end)
                self._process = self._writable_mongod(Event())
                self._started = started.pop_all()
        except OSError as wrong:
            raise self._unusable(wrong) from wrong

    def how_it_ended(self) -> str | None:
        """Name how the mongod that was started has ended, or None while it runs."""
        exit_code = None if self._process is None else self._process.exit_code()
        return None if exit_code is None else ending(exit_code)

    def start_again(self, stopping: Event) -> None:
        """Start another mongod on the same port and data, where the last one has ended.

        Args:
            stopping: when it is set, what was begun is undone.

        Raises:
            EmbeddedMongoError: it cannot be; one line says why. Nothing is left running: try again.
        """
        # Where the data is gone, an empty database must not take its place.
        if not (self._dbpath / "WiredTiger").exists():
            raise EmbeddedMongoError(f"DATA_DIR {self._data_dir} cannot be used: the data in db is gone.")
        try:
            self._process = self._writable_mongod(stopping)
        except OSError as wrong:
            raise self._unusable(wrong) from wrong

    def stop(self) -> None:
        """End mongod cleanly and free the folder; again, or before a start, is harmless."""
        self._started.close()

    def _end(self) -> None:
        if self._process is not None:
            self._process.stop()

    def _unusable(self, wrong: OSError) -> EmbeddedMongoError:
        reason = f"{wrong.strerror}: {wrong.filename}" if wrong.filename else str(wrong)
        return EmbeddedMongoError(f"DATA_DIR {self._data_dir} cannot be used: {reason}.")

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _writable_mongod(self, stopping: Event) -> MongodProcess:
        """Start mongod, again as long as it ends because a previous one is still ending."""
        mongod = self._mongod or find_mongod()
        arguments = mongod_arguments(
            mongod, port=self._port, dbpath=self._dbpath, log=self._log, extra=self._extra
        )
        began = last_locked = time.monotonic()
        while True:
            process = MongodProcess(arguments, self._log)
            with ExitStack() as undo:
                undo.callback(process.stop)
                exit_code = self._wait_until_writable(process, stopping)
                if exit_code is None:
                    undo.pop_all()
                    return process
            now = time.monotonic()
            locked = _is_locked(self._dbpath / "mongod.lock")
            last_locked = now if locked else last_locked
            impatient = now > min(began + ENDING_SECONDS, last_locked + RELEASE_SECONDS)
            if impatient or exit_code not in (PORT_TAKEN, DATA_TAKEN):
                raise EmbeddedMongoError(self._why_it_ended(exit_code, locked=locked))
            stopping.wait(RETRY_SECONDS)

    def _wait_until_writable(self, process: MongodProcess, stopping: Event) -> int | None:
        """Give None as soon as it is, or the exit code if it ends before."""
        deadline = time.monotonic() + START_SECONDS
        with _client(self._port) as client:
            while time.monotonic() < deadline and not stopping.wait(POLL_SECONDS):
                exit_code = process.exit_code()
                if exit_code is not None:
                    return exit_code
                with suppress(PyMongoError):
                    if self._is_up(process) and _make_writable(client, process.pid, self._host):
                        return None
        raise EmbeddedMongoError(f"mongod took no writes within {START_SECONDS:.0f} s; its log: {self._log}")

    def _is_up(self, process: MongodProcess) -> bool:
        """Whether mongod has the data and a server has the port; before, the driver would only wait."""
        lock = self._dbpath / "mongod.lock"
        return lock.exists() and lock.read_text().strip() == str(process.pid) and _accepts(self._port)

    def _why_it_ended(self, exit_code: int, *, locked: bool) -> str:
        free = shutil.disk_usage(self._data_dir).free
        return why_it_ended(exit_code, self._data_dir, self._port, self._log, locked=locked, free_bytes=free)


def replica_set_change(config: Mapping[str, Any] | None, host: str) -> dict[str, Any] | None:
    """Give the admin command that makes `host` the one member, or None when it is.

    Args:
        config: the stored configuration (`local.system.replset`), None before the first.
        host: `address:port`.
    """
    if config is None:
        members = [{"_id": 0, "host": host}]
        return {"replSetInitiate": {"_id": EMBEDDED_REPLICA_SET, "members": members}}
    member = config["members"][0]
    if member["host"] == host:
        return None
    # A member that does not find itself in the configuration takes a new one only by force.
    moved = {**config, "version": config["version"] + 1, "members": [{**member, "host": host}]}
    return {"replSetReconfig": moved, "force": True}


def _client(port: int) -> MongoClient[dict[str, Any]]:
    return MongoClient(
        "127.0.0.1",
        port,
        connect=False,
        directConnection=True,
        serverSelectionTimeoutMS=2000,
        connectTimeoutMS=2000,
        socketTimeoutMS=2000,
    )


def _make_writable(client: MongoClient[dict[str, Any]], pid: int, host: str) -> bool:
    if client.admin.command("serverStatus")["pid"] != pid:
        return False  # another mongod has the port; ours will say so and end
    change = replica_set_change(client["local"]["system.replset"].find_one(), host)
    if change:
        client.admin.command(change)
    return bool(client.admin.command("hello")["isWritablePrimary"])


@contextmanager
def _claimed(data_dir: Path) -> Iterator[None]:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise EmbeddedMongoError(f"DATA_DIR {data_dir} is not a folder.") from None
    with (data_dir / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedMongoError(f"DATA_DIR {data_dir} is in use by another service.") from None
        yield


def _is_locked(path: Path) -> bool:
    """Whether somebody holds a lock; mongod's is one of flock, too (storage_engine_lock_file_posix.cpp)."""
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True
