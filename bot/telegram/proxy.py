"""Which proxy stands between the bot and Telegram: the variables that other programs read, too; pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from store_api.errors import WrongSetting

TELEGRAM = "https://api.telegram.org"


def proxy_for(url: str | None, environment: Mapping[str, str]) -> str | None:
    """Find the URL of the HTTP proxy for a server, or None where it is asked without one.

    HTTPS_PROXY holds for an address that begins with https, HTTP_PROXY for http, ALL_PROXY for both, and
    NO_PROXY lists hosts that are asked without. Where one is also there in small letters, that one counts.

    Args:
        url: the server's; None is Telegram's own.
        environment: the variables.

    Raises:
        WrongSetting: it names no proxy that the bot can use.
    """
    server = urlsplit(url or TELEGRAM)
    if _is_excluded(server.hostname or "", _value(environment, "NO_PROXY")):
        return None
    for name in (f"{server.scheme.upper()}_PROXY", "ALL_PROXY"):
        if text := _value(environment, name):
            return _checked(name, text)
    return None


def _value(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name.lower()) or environment.get(name) or "").strip()


def _is_excluded(host: str, excluded: str) -> bool:
    """Whether a host is in a list like `localhost,.example.com`; a name stands for all below it, too."""
    for entry in excluded.lower().replace(",", " ").split():
        name = entry if entry.count(":") > 1 else entry.partition(":")[0]  # an IPv6 address has no port here
        name = name.strip("[]").removeprefix("*").removeprefix(".")
        if entry == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
    return False


def _checked(name: str, text: str) -> str:
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in url):
        # Without its text, which may hold a password.
        raise WrongSetting(name, "must be an HTTP proxy's URL like http://proxy:3128 for the bot to use it")
    return url
