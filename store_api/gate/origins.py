"""Pure: for which hosts the service answers, and of which pages it takes what changes something."""

from dataclasses import dataclass

from store_api.errors import ForeignPage, UnknownHost
from store_api.http.fields import is_same_host

ANY = "*"


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts that requests may be for: a page elsewhere can give its own name our address (DNS rebinding).

    Args:
        allowed: names and addresses, in small letters, each for every port or with one; None is any.
    """

    allowed: frozenset[str] | None

    def require(self, host: str) -> None:
        """Refuse a request for another host.

        Args:
            host: the header.

        Raises:
            UnknownHost: it is none of ours.
        """
        # Nearly every host comes as we write it, and with its port.
        if self.allowed is None or _without_port(host) in self.allowed:
            return
        host = host.lower()
        if host not in self.allowed and _without_port(host).rstrip(".") not in self.allowed:
            raise UnknownHost


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host


@dataclass(frozen=True, slots=True)
class Origins:
    """The pages that may do more than read.

    Args:
        allowed: their origins, as `https://stock.example`, beside the service's own.
    """

    allowed: frozenset[str] = frozenset()

    def require(
        self, origin: str | None, host: str, site: str | None = None, scheme: str | None = None
    ) -> None:
        """Refuse what a page of another origin asks for.

        A browser sends `Origin` with whatever is no plain reading, and with every websocket; other programs
        send none.

        Args:
            origin: the header.
            host: the header.
            site: the header `Sec-Fetch-Site`.
            scheme: by which the request came, where a proxy says so.

        Raises:
            ForeignPage: the page is none of ours.
        """
        if origin is None:
            if site == "cross-site":
                raise ForeignPage
        elif not self._is_ours(origin.lower(), host, scheme) and origin.lower() not in self.allowed:
            raise ForeignPage

    @staticmethod
    def _is_ours(origin: str, host: str, scheme: str | None) -> bool:
        # Of two proxies the inner one may say `http`, though the page came by https.
        return is_same_host(origin, host) and (scheme != "https" or origin.startswith("https://"))
