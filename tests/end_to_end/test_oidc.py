"""The served program and an issuer: whose JWTs it takes, beside tokens, whatever becomes of the issuer."""

import asyncio
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.support.certificates import certified
from tests.support.issuer import (
    AUDIENCE,
    EC,
    ED,
    NAME,
    RSA,
    Publisher,
    claims,
    key_set,
    published,
    publishing,
    signed,
)
from tests.support.service import Service
from tests.support.tokens import bearer, let_in, tokens_in

IMPATIENT = """
import runpy, store_api.access.key_set as key_set
key_set.AGAIN_SECONDS = 0.0
runpy.run_module("store_api", run_name="__main__")
"""
"""The program, which fetches keys anew for each unknown one, not once in half a minute."""

JSON = {"operation": "supply", "item_id": "chair", "quantity": 1}


def settings_of(mongo_url: str, publisher: Publisher) -> dict[str, str]:
    """Give the settings of a service that takes the JWTs of an issuer."""
    return {
        "MONGO_URL": mongo_url,
        "MONGO_DB": f"test_{uuid4().hex}",
        "AUTH": "oidc",
        "OIDC_ISSUER": NAME,
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_JWKS_URL": publisher.url,
    }


def tls_of(certified: dict[str, str]) -> ssl.SSLContext:
    """Serve TLS with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified["TLS_CERT"], certified["TLS_KEY"])
    return context


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with publishing() as publisher:
        yield publisher


@pytest.fixture
async def service(publisher: Publisher, mongo_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    settings = settings_of(mongo_url, publisher)
    with Service(tmp_path, {**settings, "AUTH": "tokens,oidc", "OIDC_STORES_CLAIM": "stores"}) as service:
        await asyncio.to_thread(service.wait_until_ready)
        yield service
    assert service.log("fault") == []


async def test_jwts_let_in_beside_tokens_and_outlive_the_issuer_s_absence(
    service: Service, publisher: Publisher, mongo: MongoClient[dict[str, Any]]
) -> None:
    token = let_in(tokens_in(mongo[service.database]), ["read", "supply"])
    anna = signed(claims(time.time(), scope="read supply", stores=["berlin-*"]))
    async with service.client() as http:
        publisher.status = "503 Away"
        away = await http.get("/stores", headers=bearer(anna))
        assert (away.status_code, away.json()["type"]) == (503, "/problems/issuer-unavailable")
        assert away.headers["retry-after"]
        assert (await http.get("/stores", headers=bearer(token))).status_code == 200
        publisher.status = "200 OK"
        async with asyncio.timeout(15):
            while (await http.get("/stores", headers=bearer(anna))).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        asked = publisher.asked
        supplied = await http.post("/stores/berlin-1", headers=bearer(anna), json=JSON)
        refused = await http.post("/stores/paris", headers=bearer(anna), json=JSON)
        assert (supplied.status_code, refused.status_code) == (200, 403)
        cleaned = await http.post("/stores/berlin-1/clean", headers=bearer(anna))
        assert 'error="insufficient_scope", scope="clean"' in cleaned.headers["www-authenticate"]
        publisher.status = "503 Away"
        for said in (claims(time.time(), aud="another"), claims(time.time(), exp=int(time.time()) - 60)):
            assert (await http.get("/stores", headers=bearer(signed(said)))).status_code == 401
        rsa = signed(claims(time.time(), stores="berlin-1"), RSA, "rsa", "RS256")
        assert (await http.get("/stores/berlin-1", headers=bearer(rsa))).status_code == 200
        new = signed(claims(time.time()), EC, "unheard-of")
        assert (await http.get("/stores", headers=bearer(new))).status_code == 401
        assert publisher.asked == asked
    url = f"ws://127.0.0.1:{service.port}/ws/stores/berlin-1?snapshot=true"
    async with connect(url, additional_headers=bearer(anna)) as socket:
        assert '"quantity":1' in str(await socket.recv())
    async with service.client() as browser:
        who = (await browser.post("/session", headers=bearer(anna))).json()
        assert (await browser.get("/session")).json() == who
        assert (who["name"], who["stores"]) == ("oidc:anna", ["berlin-*"])
        reports = [await browser.get(f"/stores/{store_id}") for store_id in ("berlin-1", "paris")]
        assert [report.status_code for report in reports] == [200, 403]
    # Its leeway of 30 seconds is nearly used up.
    ends = int(time.time()) + 2
    brief = signed(claims(time.time(), exp=ends - 30, stores="berlin-1"))
    protocols = [Subprotocol("store_api.v1"), Subprotocol(f"store_api.bearer.{brief}")]
    async with connect(url, subprotocols=protocols) as socket, asyncio.timeout(10):
        await socket.recv()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (socket.close_code, socket.subprotocol) == (4401, "store_api.v1")
        assert 0 <= time.time() - ends < 2
    assert anna not in service.complaints
    assert brief not in service.complaints
    assert len(service.log("issuer_not_reached")) >= 1
    why = service.log("jwt_refused")[0]["reason"]
    assert why in ("InvalidAudienceError", "exp", "kid")


async def test_keys_change_and_end_with_the_issuer_s_over_tls_of_an_authority_of_one_s_own(
    mongo_url: str, tmp_path: Path
) -> None:
    certificate = certified(tmp_path)
    async with publishing(tls_of(certificate)) as publisher:
        settings = settings_of(mongo_url, publisher) | {"SSL_CERT_FILE": certificate["TLS_CERT"]}
        service = Service(tmp_path, settings)
        service.command = [sys.executable, "-c", IMPATIENT]
        with service:
            await asyncio.to_thread(service.wait_until_ready)
            old = signed(claims(time.time()))
            new = signed(claims(time.time(), scope="read supply"), ED, "new", "EdDSA")
            async with service.client() as http:

                async def answer(text: str) -> int:
                    return (await http.get("/stores", headers=bearer(text))).status_code

                assert await answer(old) == 200
                assert await answer(new) == 401
                assert await answer("sapi_0000000000000000000000000004JLzvP") == 401
                publisher.body = key_set(published(ED, "new"))
                assert await answer(new) == 200
                assert await answer(old) == 401
                supplied = await http.post("/stores/berlin-1", headers=bearer(new), json=JSON)
                assert supplied.status_code == 200
                publisher.status = "503 Away"
                assert await answer(new) == 200
                assert await answer(old) == 503
            url = f"ws://127.0.0.1:{service.port}/ws/stores/berlin-1?snapshot=true"
            async with connect(url, additional_headers=bearer(new)) as socket:
                assert '"quantity":1' in str(await socket.recv())
            with pytest.raises(InvalidStatus, match="503"):
                async with connect(url, additional_headers=bearer(old)):
                    pass
        assert [line["keys"] for line in service.log("issuer_keys")] == [3, 1]
        assert service.log("fault") == []


async def test_an_issuer_whose_certificate_nobody_vouches_for_is_not_believed(
    mongo_url: str, tmp_path: Path
) -> None:
    async with publishing(tls_of(certified(tmp_path))) as publisher:
        with Service(tmp_path, settings_of(mongo_url, publisher)) as service:
            await asyncio.to_thread(service.wait_until_ready)
            async with service.client() as http:
                answer = await http.get("/stores", headers=bearer(signed(claims(time.time()))))
            assert answer.status_code == 503
            (told,) = service.log("issuer_not_reached")
            assert told["reason"] == "ClientConnectorCertificateError"
    assert publisher.asked == 0
