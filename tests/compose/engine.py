"""A Docker engine of the tests' own, in namespaces of its own: no other engine sees it, or is seen there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.support.mongod import wait_until
from tests.support.programs import begun
from tests.support.service import ROOT

INSIDE = "STORE_API_COMPOSE_CHECK"
"""Tells the tests that they are in the namespaces of `python -m tests.compose`, and where layers go."""

TOOLS = ("dockerd", "docker", "iptables", "ip", "unshare", "mount", "buildah", "mmdebstrap")
PLUGIN = ROOT / ".venv" / "deploy" / "bin" / "docker-compose"
DEBIAN = "/usr/sbin:/usr/bin"
"""Where Debian has both the engine and the client that belongs to it."""

START_SECONDS = 60.0

_ENTER = """set -e
mount -t tmpfs tmpfs /run
ip link set lo up
exec "$@"
"""


def absent() -> str | None:
    """Say which programs are missing for an engine, or None."""
    programs = [tool for tool in TOOLS if _program(tool) is None]
    if programs:
        return (
            f"there is no {', '.join(programs)}"
            " (Debian: apt-get install docker.io iptables iproute2 buildah crun mmdebstrap)"
        )
    return None if PLUGIN.exists() else "Docker Compose is not installed: make install-deploy does it"


def refused() -> str | None:
    """Say why this system, or this user, may start no engine, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it needs Linux and root"
    tried = subprocess.run(begun(*apart("true")), capture_output=True, text=True, check=False)
    return f"this system gives no namespaces: {tried.stderr.strip()}" if tried.returncode else None


def apart(*command: str | Path) -> list[str]:
    """Give the command line that runs a program where no other engine, process or network is seen.

    Whatever it starts goes with it. /run is empty, so that neither another engine's socket nor its containerd
    is found; the network is its own, and leads nowhere.
    """
    alone = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    return begun("unshare", *alone, "sh", "-c", _ENTER, "sh", *command)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{DEBIAN}:{os.environ.get('PATH', '')}")


class Engine:
    """An engine that runs, asked by its own client.

    Args:
        folder: where its socket, its pid file and the client's settings are.
    """

    def __init__(self, folder: Path) -> None:
        plugins = folder / "client" / "cli-plugins"
        plugins.mkdir(parents=True)
        (plugins / "docker-compose").symlink_to(PLUGIN)
        self.socket = folder / "docker.sock"
        # Nothing of the caller's own: neither its engine nor what it is logged in to.
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(folder / "client"),
        }

    def ask(
        self,
        *arguments: str | Path,
        folder: Path = ROOT,
        seconds: float = 180.0,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `docker` with these arguments to its end, whatever that is.

        Args:
            arguments: the client's.
            folder: where.
            seconds: how long it may take.
        """
        return subprocess.run(
            begun(_program("docker") or "docker", *arguments),
            cwd=folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )

    def __call__(self, *arguments: str | Path, folder: Path = ROOT, seconds: float = 180.0) -> str:
        """Run `docker` with these arguments, which must succeed, and give what it printed."""
        done = self.ask(*arguments, folder=folder, seconds=seconds)
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")
            pytest.fail(f"docker {' '.join(map(str, arguments))} ended with {done.returncode}: {said}")
        return done.stdout.decode().strip()

    def is_up(self) -> bool:
        """Tell whether it answers."""
        return self.ask("version").returncode == 0

    def shell(self, script: str, folder: Path) -> str:
        """Run commands as the documentation has them, `docker` being this engine's; they must succeed."""
        path = f"{DEBIAN}:{self._environment['PATH']}"
        done = subprocess.run(
            begun("bash", "-euo", "pipefail", "-c", script),
            cwd=folder,
            env=self._environment | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def engine_in(layers: Path) -> Iterator[Engine]:
    """Start an engine, and kill it; its containers end with the namespaces that they are in.

    Args:
        layers: an empty folder on a disk, for its images, volumes and containers; its name is the cgroup's.

    Raises:
        pytest.fail.Exception: it does not start.
    """
    # Gone with the namespaces, as is what the engine mounts there.
    folder = Path("/run/store_api")
    engine = Engine(folder)
    log = layers / "dockerd.log"
    (folder / "none.json").write_text("{}")
    places = (
        *("--data-root", layers, "--exec-root", folder / "exec", "--pidfile", folder / "pid"),
        *("--host", f"unix://{engine.socket}", "--config-file", folder / "none.json"),
        *("--cgroup-parent", f"/{layers.name}"),
    )
    for driver in ("overlay2", "vfs"):
        command = begun(_program("dockerd") or "dockerd", *places, "--storage-driver", driver)
        with (
            log.open("ab") as output,
            subprocess.Popen(
                begun(*command), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            ) as process,
        ):
            try:
                wait_until(partial(_is_settled, process, engine), "dockerd is up", START_SECONDS)
                if process.poll() is None:
                    yield engine
                    return
            finally:
                process.kill()
    pytest.fail(f"dockerd did not start: {log.read_text()[-3000:]}")


def _is_settled(process: subprocess.Popen[bytes], engine: Engine) -> bool:
    return process.poll() is not None or engine.is_up()


@contextmanager
def layers_in(folder: Path) -> Iterator[Path]:
    """Give an empty folder for an engine that has ended when this is left; its cgroups go with it."""
    with tempfile.TemporaryDirectory(prefix="store_api-engine-", dir=folder) as layers:
        yield Path(layers)
        for group in Path("/sys/fs/cgroup").rglob(Path(layers).name):
            for inside, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):
                    Path(inside).rmdir()
