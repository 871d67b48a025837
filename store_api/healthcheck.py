"""`python -m store_api.healthcheck live` (or `ready`): how a container asks the service in it how it is.

It reads HOST, PORT and TLS_CERT as the service does, so it asks where the service listens, and by TLS if it
must.
"""

import ssl
import sys
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

from store_api.errors import StoreApiError
from store_api.listening import address_to_ask, shown
from store_api.settings import Settings, environment_with_env_file, value_of

SECONDS = 2.0
QUESTIONS = ("live", "ready")


def main(arguments: Sequence[str]) -> int:
    """Ask, and give the exit code: 0 well, 1 not, 2 wrongly called."""
    if len(arguments) != 1 or arguments[0] not in QUESTIONS:
        return _say("usage: python -m store_api.healthcheck live | ready", 2)
    try:
        environment = environment_with_env_file(Path.cwd())
        host = address_to_ask(value_of(Settings, "HOST", environment))
        port = value_of(Settings, "PORT", environment)
        is_tls = value_of(Settings, "TLS_CERT", environment) is not None
    except StoreApiError as wrong:
        return _say(str(wrong), 1)
    connection = _connection(host, port, is_tls=is_tls)
    try:
        connection.request("GET", f"/health/{arguments[0]}")
        status = connection.getresponse().status
    except (OSError, HTTPException) as failure:
        return _say(f"no answer from {shown(host)}:{port}: {failure}", 1)
    finally:
        connection.close()
    return _say(f"{shown(host)}:{port} answers {status}", 0 if status == 200 else 1)


def _connection(host: str, port: int, *, is_tls: bool) -> HTTPConnection:
    if not is_tls:
        return HTTPConnection(host, port, timeout=SECONDS)
    anybody = ssl.create_default_context()
    # The certificate is for the name that others ask by, which is not that of this machine to itself; whoever
    # could answer here in the service's place can read its key as well. Nothing secret is asked or told.
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=SECONDS, context=anybody)


def _say(line: str, exit_code: int) -> int:
    print(line)
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
