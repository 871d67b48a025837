"""An issuer of JWTs for tests: it has real keys, publishes them on loopback, and signs what it is told."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NAME, AUDIENCE = "https://issuer.example", "store_api"
EPOCH = 1_800_000_000.0
"""The time of tests that have a clock of their own, in seconds since 1970."""

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def published(key: Key, key_id: str | None, **others: Any) -> dict[str, Any]:
    """Give the public half of a key, as issuers publish it."""
    algorithm: Any = RSAAlgorithm
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = ECAlgorithm
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = OKPAlgorithm
    public = algorithm.to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    return {**public, **({} if key_id is None else {"kid": key_id}), **others}


def key_set(*keys: Mapping[str, Any]) -> bytes:
    """Give what an issuer publishes."""
    return json.dumps({"keys": keys}).encode()


PUBLISHED = key_set(published(RSA, "rsa", use="sig"), published(EC, "ec"), published(ED, "ed", alg="EdDSA"))


def claims(now: float, **others: Any) -> dict[str, Any]:
    """Give claims that let somebody in, or others in their place; None leaves one out."""
    said = {
        "iss": NAME,
        "aud": AUDIENCE,
        "sub": "anna",
        "exp": int(now) + 600,
        "scope": "openid read demand",
        **others,
    }
    return {name: value for name, value in said.items() if value is not None}


def signed(
    said: Mapping[str, Any], key: Any = EC, key_id: str | None = "ec", algorithm: str = "ES256", **header: Any
) -> str:
    """Sign claims."""
    names = {"typ": "at+jwt", **({} if key_id is None else {"kid": key_id}), **header}
    # Not by the library's own way, which refuses to sign what must be refused.
    return jwt.PyJWS().encode(json.dumps(said).encode(), key, algorithm, names)


class Publisher:
    """Serves a key set over HTTP.

    Attributes:
        body: what it answers.
        status: with which status.
        answers: set while it answers at all.
        asked: how often it was asked.
        url: where.
    """

    def __init__(self) -> None:
        self.body = PUBLISHED
        self.status = "200 OK"
        self.more = ""
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, then hang up."""
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        await self.answers.wait()
        lines = (f"HTTP/1.1 {self.status}", f"Content-Length: {len(self.body)}", "Connection: close")
        writer.write(("\r\n".join(lines) + f"\r\n{self.more}\r\n").encode() + self.body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def publishing(tls: ssl.SSLContext | None = None) -> AsyncIterator[Publisher]:
    """Publish the three keys on a port of loopback.

    Args:
        tls: with which certificate; None is over plain HTTP.
    """
    publisher = Publisher()
    server = await asyncio.start_server(publisher.answer, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    publisher.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    async with server:
        try:
            yield publisher
        finally:
            publisher.answers.set()
