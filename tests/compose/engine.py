"""A Docker engine of the tests' own, in namespaces of its own: no other engine sees it, or is seen there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.mongod import wait_until
from tests.support.programs import begun
from tests.support.service import ROOT

INSIDE = "STORE_API_COMPOSE_CHECK"
"""Tells the tests that they are in the namespaces that `python -m tests.compose` makes."""

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


def missing() -> str | None:
    """Say why no engine can be started here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it needs Linux and root"
    absent = [tool for tool in TOOLS if _program(tool) is None]
    if absent:
        return (
            f"there is no {', '.join(absent)}"
            " (Debian: apt-get install docker.io iptables iproute2 buildah crun mmdebstrap)"
        )
    if not PLUGIN.exists():
        return "Docker Compose is not installed: make install-deploy does it"
    tried = subprocess.run(apart("true"), capture_output=True, text=True, check=False)
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
        variables: Mapping[str, str] | None = None,
        given: bytes | None = None,
        seconds: float = 180.0,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `docker` with these arguments to its end, whatever that is.

        Args:
            arguments: the client's.
            folder: where.
            variables: further environment variables.
            given: its standard input.
            seconds: how long it may take.
        """
        return subprocess.run(
            begun(_program("docker") or "docker", *arguments),
            cwd=folder,
            env=self._environment | dict(variables or {}),
            input=given or b"",
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

    def shell(self, script: str, folder: Path, variables: Mapping[str, str]) -> str:
        """Run commands as the documentation has them, `docker` being this engine's; they must succeed."""
        path = f"{DEBIAN}:{self._environment['PATH']}"
        done = subprocess.run(
            begun("bash", "-euo", "pipefail", "-c", script),
            cwd=folder,
            env=self._environment | {"PATH": path} | dict(variables),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def engine_in(folder: Path, layers: Path) -> Iterator[Engine]:
    """Start an engine, and end it with its containers.

    Args:
        folder: where its socket is and its log goes.
        layers: an empty folder on a disk, for its images, volumes and containers.
    """
    engine = Engine(folder)
    log = folder / "dockerd.log"
    places = (
        *("--data-root", layers, "--exec-root", folder / "exec", "--pidfile", folder / "pid"),
        *("--host", f"unix://{engine.socket}", "--config-file", folder / "none.json"),
        *("--cgroup-parent", f"/store_api-{folder.name}"),
    )
    (folder / "none.json").write_text("{}")
    for driver in ("overlay2", "vfs"):
        with (
            log.open("ab") as output,
            subprocess.Popen(
                begun(_program("dockerd") or "dockerd", *places, "--storage-driver", driver),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                wait_until(
                    lambda: process.poll() is not None or engine.is_up(),
                    "dockerd is up",
                    START_SECONDS,
                )
                if process.poll() is None:
                    yield engine
                    return
            finally:
                if process.poll() is None:
                    _leave_nothing(engine)
                    process.terminate()
    pytest.fail(f"dockerd did not start: {log.read_text()[-3000:]}")


def _leave_nothing(engine: Engine) -> None:
    containers = engine.ask("ps", "--all", "--quiet").stdout.decode().split()
    if containers:
        engine.ask("rm", "--force", "--volumes", *containers)
    engine.ask("network", "prune", "--force")
