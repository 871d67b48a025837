"""The certificate that the service shows: read at the start, and again whenever its files change."""

import asyncio
import logging
import ssl
from pathlib import Path

from store_api.errors import WrongSetting

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the files are looked at."""

Stamp = tuple[tuple[int, int, int, int], ...] | None
"""Which files they are, and how they stood; None where one is not there."""


class Certificates:
    """The certificate of this process, which may be replaced while connections stay.

    Args:
        chain: a PEM file: the certificate, and those that vouch for it.
        key: its key, in PEM and not encrypted.

    Attributes:
        context: what connections begin with.

    Raises:
        WrongSetting: they cannot be used.
    """

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain, self._key = chain, key
        self._tried = self._seen = self._stamp()
        self.context = self._shown = context_of(chain, key)
        # The context of a handshake is chosen in it, so that a new pair is taken whole or not at all.
        self.context.sni_callback = self._choose

    async def run(self) -> None:
        """Look at the files for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Read the files anew, if they changed and rest; where they are wrong, the old pair goes on."""
        before, self._seen = self._seen, self._stamp()
        if self._seen == self._tried or self._seen != before:
            return
        self._tried = self._seen
        try:
            self._shown = context_of(self._chain, self._key)
        except WrongSetting as wrong:
            log.error(
                "The new certificate cannot be used, and the old one goes on",
                extra={"action": "certificate_refused", "reason": str(wrong)},
            )
        else:
            log.info("The new certificate is shown", extra={"action": "certificate_renewed"})

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if connection.context is not self._shown:
            connection.context = self._shown

    def _stamp(self) -> Stamp:
        try:
            # What links lead to: Kubernetes swaps a link above both files.
            found = [file.stat() for file in (self._chain, self._key)]
        except OSError:
            return None
        return tuple((each.st_dev, each.st_ino, each.st_mtime_ns, each.st_size) for each in found)


def certificates_of(chain: Path | None, key: Path | None) -> Certificates | None:
    """Read the certificate to serve TLS with; None where there is none.

    Args:
        chain: as for `Certificates`.
        key: likewise.

    Raises:
        WrongSetting: it cannot be used.
    """
    return None if chain is None or key is None else Certificates(chain, key)


def context_of(chain: Path, key: Path) -> ssl.SSLContext:
    """Read a certificate and its key.

    Args:
        chain: as for `Certificates`.
        key: likewise.

    Raises:
        WrongSetting: they cannot be used.
    """
    for variable, file in (("TLS_CERT", chain), ("TLS_KEY", key)):
        try:
            with file.open("rb"):
                pass
        except OSError as error:
            raise WrongSetting(variable, f"cannot be read: {error.strerror}") from None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without an answer for its password, OpenSSL would ask the terminal.
        context.load_cert_chain(chain, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise WrongSetting("TLS_KEY", "is not the key of TLS_CERT") from None
        why = f" ({error.reason})" if error.reason else ""
        raise WrongSetting(
            "TLS_CERT", f"must be a certificate in PEM, and TLS_KEY its key in PEM{why}"
        ) from None
    except ValueError:
        raise WrongSetting("TLS_KEY", "must not be encrypted: nobody is there to give its password") from None
    except OSError as error:
        raise WrongSetting("TLS_CERT", f"cannot be read: {error.strerror}") from None
    return context


def _no_password() -> str:
    raise ValueError
