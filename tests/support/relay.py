"""A port whose only connection leads to one worker of a service that has several."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from tests.support.service import Service


@contextmanager
def relay_to(service: Service, worker: int) -> Iterator[int]:
    """Give a port of 127.0.0.1 that passes its first connection on to one worker, and takes no other.

    Args:
        service: of several workers.
        worker: the process id of the one.
    """
    with service.only(worker):
        inner = socket.create_connection(("127.0.0.1", service.port))
        # It is taken when it is answered: from now on it is this worker's.
        inner.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert inner.recv(4096).startswith(b"HTTP/1.1 200 ")
    with inner, socket.create_server(("127.0.0.1", 0)) as door:
        thread = Thread(target=_pass_on, args=(door, inner))
        thread.start()
        yield door.getsockname()[1]
        # Who waits for a caller, or for more of what one says, is woken so.
        for end in (door, inner):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        thread.join()


def _pass_on(door: socket.socket, inner: socket.socket) -> None:
    with suppress(OSError):
        outer, _ = door.accept()
        with outer:
            back = Thread(target=_pump, args=(inner, outer))
            back.start()
            _pump(outer, inner)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(65536):
            sink.sendall(some)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
