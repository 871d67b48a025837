"""How many frames a second reach a thousand sockets: the service's own feed and sockets beside two peers."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from bench.load.crowd import Crowd

PEERS = Path(__file__).parent / "peers"
FIRST_PORT = 8790
WS_VERSION = "8.18.3"
WARM_UPS = 2
SOCKETS, FRAMES = 1000, 300
LINES = 24
"""Items of the store, whose report is then 1 KB."""

BURSTS = (1, 10)
"""Changes that are told in one turn of the event loop: under load a change stream delivers many at once."""

MOST_SECONDS = 60.0


def broadcasts(rounds: int) -> Iterator[tuple[str, str]]:
    """Compare how many frames a second reach 1,000 sockets."""
    with tempfile.TemporaryDirectory(prefix="store_api-bench-") as folder, ExitStack() as stack:
        servers = {
            "store_api": ("/ws/stores/hot", [sys.executable, "-m", "bench.peers.broadcast_store_api"]),
            "websockets.broadcast": ("/", [sys.executable, "-m", "bench.peers.broadcast_websockets"]),
        }
        if (package := _install_ws(Path(folder))) is not None:
            os.environ["WS"] = str(package)
            servers["Node's ws"] = ("/", ["node", str(PEERS / "broadcast_ws.js")])
        crowds = {}
        for port, (name, (path, command)) in enumerate(servers.items(), FIRST_PORT):
            stack.enter_context(_server(command, port))
            crowds[name] = stack.enter_context(Crowd(f"ws://127.0.0.1:{port}{path}", SOCKETS)), port
        for burst in BURSTS:
            rates: dict[str, list[float]] = {name: [] for name in servers}
            for number in range(WARM_UPS + rounds):
                for name, (crowd, port) in crowds.items():
                    rate = _broadcast(crowd, port, burst)
                    if number >= WARM_UPS:
                        rates[name].append(rate)
            ours = median(rates["store_api"])
            for name, found in rates.items():
                ratio = (
                    "" if name == "store_api" else f" (store_api: {ours / median(found):.2f} times as many)"
                )
                what = f"1 KB frames to {SOCKETS:,} sockets, {burst} at a time, {name}"
                yield what, f"{median(found):,.0f} frames/s{ratio}"


def _install_ws(folder: Path) -> Path | None:
    if shutil.which("npm") is None:
        print("no npm: Node's ws takes no part", file=sys.stderr)
        return None
    command = ["npm", "install", "--no-save", "--silent", "--prefix", str(folder), f"ws@{WS_VERSION}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "node_modules" / "ws"


@contextmanager
def _server(command: list[str], port: int) -> Iterator[None]:
    settings = {"PORT": str(port), "LINES": str(LINES), "BYTES": "1024"}
    process = subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + MOST_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command} does not start") from None
                time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _broadcast(crowd: Crowd, port: int, burst: int) -> float:
    """Give the frames a second, from the order to send until all have been read."""
    before, began = crowd.bytes, time.monotonic()
    ordering = threading.Thread(target=_order, args=(port, burst))
    ordering.start()
    # A frame's payload and its header of 4 bytes; the report's last line counts up, but never grows.
    crowd.read(lambda: crowd.bytes - before >= SOCKETS * FRAMES * 1024 * 0.97, MOST_SECONDS)
    seconds = time.monotonic() - began
    ordering.join()
    size = (crowd.bytes - before) / SOCKETS / FRAMES
    if not 900 < size < 1100:
        raise SystemExit(f"frames of {size} bytes are not what was asked for")
    return SOCKETS * FRAMES / seconds


def _order(port: int, burst: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=MOST_SECONDS)
    connection.request("POST" if port == FIRST_PORT else "GET", f"/broadcast?frames={FRAMES}&burst={burst}")
    connection.getresponse().read()
    connection.close()
