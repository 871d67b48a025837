"""MongoDB that cannot be found: the port opens all the same, and the log says what was not found, once."""

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from pymongo import MongoClient

from tests.support.bot_process import BotProcess
from tests.support.mongod import free_port, wait_until
from tests.support.service import Service

SRV_NAME = "_mongodb._tcp.stock.shop.invalid."
WITH_OTHER_DNS = """
import sys
import dns.resolver
dns.resolver.default_resolver = dns.resolver.Resolver(configure=False)
dns.resolver.default_resolver.nameservers = ["127.0.0.1"]
dns.resolver.default_resolver.port = {port}
from store_api.__main__ import main
sys.exit(main())
"""


class Dns:
    """A name server that has no answer, says that there is no such name, or leads to a mongod."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.is_silent = True
        self.target: int | None = None
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            self.asked.append(query.question[0].name.to_text())
            if self.is_silent:
                continue
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            if self.target is None or self.asked[-1] != SRV_NAME:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            else:
                answer.answer.append(
                    dns.rrset.from_text(SRV_NAME, 60, "IN", "SRV", f"0 0 {self.target} 127.0.0.1.")
                )
            self._socket.sendto(answer.to_wire(), client)


@pytest.fixture
def name_server() -> Iterator[Dns]:
    with Dns() as server:
        yield server


class ServiceWithOtherDns(Service):
    """The service, asking another name server than this machine's."""

    def __init__(self, folder: Path, settings: dict[str, str], dns_port: int) -> None:
        super().__init__(folder, settings)
        self.command = [sys.executable, "-c", WITH_OTHER_DNS.format(port=dns_port)]


def test_mongodb_srv_opens_the_port_while_dns_is_away_and_is_ready_when_it_is_back(
    tmp_path: Path, mongo_url: str, name_server: Dns
) -> None:
    database = f"test_{uuid4().hex}"
    # Where a target's name ends is this option's; 127.0.0.1 is a name to it.
    url = "mongodb+srv://stock.shop.invalid/?replicaSet=rs0&tls=false&srvAllowedHostsSuffix=0.0.1"
    with ServiceWithOtherDns(tmp_path, {"MONGO_URL": url, "MONGO_DB": database}, name_server.port) as service:
        wait_until(lambda: service.readiness() == 503, "it serves, and is not ready", 20.0)
        wait_until(lambda: bool(service.log("members_not_found")), "it says so", 20.0)
        name_server.is_silent = False
        wait_until(
            lambda: len(service.log("members_not_found")) == 2, "it says that there is no such name", 20.0
        )
        asked = len(name_server.asked)
        wait_until(lambda: len(name_server.asked) > asked + 2, "it asks again", 20.0)
        assert SRV_NAME.rstrip(".") in service.log("members_not_found")[1]["message"]
        assert len(service.log("members_not_found")) == 2
        name_server.target = urlsplit(mongo_url.split(",")[0]).port
        wait_until(lambda: service.readiness() == 200, "it is ready", 20.0)
        assert service.log("stream_failed") == []
        assert service.stop() == 0
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


def test_a_member_whose_name_cannot_be_looked_up_is_named_once(tmp_path: Path) -> None:
    settings = {"MONGO_URL": "mongodb://mongo-1.invalid:27017/?replicaSet=rs0", "PORT": str(free_port())}
    with Service(tmp_path, settings) as service:
        wait_until(lambda: service.readiness() == 503, "it serves, and is not ready", 20.0)
        wait_until(lambda: len(service.log("stream_failed")) >= 2, "it has tried more than once", 30.0)
        (line,) = service.log("member_not_reached")
        assert line["member"] == "mongo-1.invalid:27017"
        assert "its name cannot be looked up" in line["message"]


@pytest.mark.unwatched
def test_the_bot_names_it_too(tmp_path: Path) -> None:
    settings = {
        "MONGO_URL": "mongodb://mongo-1.invalid:27017/?replicaSet=rs0",
        "BOT_TOKEN": "123456:ABCDEFGH",
        "SPECIAL_USER": "1",
        "TELEGRAM_API": "http://127.0.0.1:1",
    }
    with BotProcess(tmp_path / "bot", settings) as bot:
        bot.wait_for("member_not_reached")
        assert [line["member"] for line in bot.log("member_not_reached")] == ["mongo-1.invalid:27017"]
