"""Runs a proxy's example with ports, certificates and time-outs of a test's own."""

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.certificates import certified
from tests.support.mongod import free_port, wait_until
from tests.support.programs import begun
from tests.support.service import ROOT

PREFIX = "/stock"

SECONDS = 3
"""How long a proxy of a test waits for something to come."""

FILES: Mapping[str, str] = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile"}
UNNAMED = "unnamed"
"""A HAProxy at an address that the service does not take for a proxy's."""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs.

    Args:
        name: which.
        port: where it listens.
        tls: what a client needs to trust it.
    """

    name: str
    port: int
    tls: ssl.SSLContext

    @property
    def origin(self) -> str:
        """Its own address."""
        return f"https://localhost:{self.port}"

    @property
    def url(self) -> str:
        """Where it has the service."""
        return self.origin + PREFIX

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Make a client of the service behind it."""
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, timeout=20.0, trust_env=False, verify=self.tls, http2=False
        )


def are_missing() -> list[str]:
    """List the proxies that this machine lacks."""
    return [name for name in FILES if _program(name) is None]


@contextmanager
def running(name: str, service_port: int, folder: Path) -> Iterator[Proxy]:
    """Run a proxy before a service.

    Args:
        name: which, of `FILES`, or `UNNAMED`.
        service_port: the service's.
        folder: of its own.
    """
    certificate = certified(folder)
    chain, key = Path(certificate["TLS_CERT"]), Path(certificate["TLS_KEY"])
    (folder / "tls.pem").write_bytes(chain.read_bytes() + key.read_bytes())
    port = free_port()
    kind = "haproxy" if name == UNNAMED else name
    text = (ROOT / "examples/proxies" / FILES[kind]).read_text()
    for old, new in {
        "/etc/ssl/stock.pem": str(folder / "tls.pem"),
        "/etc/ssl/stock.crt": str(chain),
        "/etc/ssl/stock.key": str(key),
        "127.0.0.1:8000": f"127.0.0.1:{service_port}",
        "5m": f"{SECONDS}s",
        "listen 443": f"listen 127.0.0.1:{port}",
        "bind :443": f"bind 127.0.0.1:{port}",
        "server_name stock.example": "server_name localhost",
        "\nstock.example {": f"\nhttps://localhost:{port} {{",
    }.items():
        text = text.replace(old, new)
    if name == UNNAMED:
        text = text.rstrip() + " source 127.0.0.2\n"
    file = folder / FILES[kind]
    file.write_text(_own(kind, text, folder))
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            begun(*_command(kind, file)),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={
                **os.environ,
                "HOME": str(folder),
                "XDG_DATA_HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder),
            },
        )
    try:
        tls = ssl.create_default_context(cafile=str(chain))
        proxy = Proxy(name, port, tls)
        wait_until(lambda: _answers(proxy, process), f"{name}; it said {(folder / 'said').read_text()}")
        yield proxy
    finally:
        process.terminate()
        process.wait(15)


def _own(kind: str, text: str, folder: Path) -> str:
    """Keep a proxy to its folder, and from ports that are not the test's."""
    if kind == "nginx":
        kept = "".join(
            f"{name}_temp_path {folder / name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return text.replace("http {", f"http {{ access_log off; {kept}", 1)
    if kind == "caddy":
        return "{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + text
    return text


def _command(kind: str, file: Path) -> list[str]:
    program = _program(kind)
    assert program is not None
    if kind == "nginx":
        own = f"daemon off; pid {file.parent / 'pid'};" + (" user root;" if os.geteuid() == 0 else "")
        return [program, "-p", str(file.parent), "-c", str(file), "-e", "stderr", "-g", own]
    if kind == "caddy":
        return [program, "run", "--adapter", "caddyfile", "--config", str(file)]
    return [program, "-db", "-f", str(file)]


def _program(kind: str) -> str | None:
    return shutil.which(kind) or shutil.which(kind, path="/usr/sbin:/sbin")


def _answers(proxy: Proxy, process: "subprocess.Popen[bytes]") -> bool:
    if process.poll() is not None:
        raise ChildProcessError(f"{proxy.name} ended with {process.returncode}")
    try:
        return httpx.get(f"{proxy.url}/health/ready", verify=proxy.tls, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
