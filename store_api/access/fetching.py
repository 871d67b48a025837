"""Fetches what an issuer publishes, from the configured address and from nowhere else."""

import aiohttp

LARGEST = 256 * 1024
"""Bytes that are read at most."""

SECONDS = 5.0
"""How long it may take in all."""


class Fetcher:
    """Fetches one address with a connection of its own each time, which is once in ten minutes.

    It follows no redirect, goes through no proxy, and verifies TLS by the authorities that the system trusts.

    Args:
        url: the address.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self) -> bytes:
        """Fetch it.

        Raises:
            OSError: it cannot be reached.
            TimeoutError: not in time.
            ValueError: what is there is no answer, or too large.
        """
        limit = aiohttp.ClientTimeout(total=SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.get(
                    self._url, allow_redirects=False, headers={"Accept": "application/json"}
                ) as answer,
            ):
                if answer.status != 200:
                    raise ValueError(f"status {answer.status}")
                body = bytearray()
                async for part in answer.content.iter_any():
                    body += part
                    if len(body) > LARGEST:
                        raise ValueError("too large")
                return bytes(body)
        except aiohttp.ClientError as error:
            raise OSError(type(error).__name__) from None
