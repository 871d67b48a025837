"""Log lines: one an event, each with an `action`; JSON where no person watches."""

import logging
import re
import sys
from collections.abc import Collection
from datetime import UTC, datetime

import msgspec

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What ends a line, commands a terminal, or turns its text round."""

LIBRARIES = ("sanic", "websockets", "asyncio", "pymongo")
"""The loggers of what the service is made with; what they say at INFO it says itself, in its own words."""


def configure(
    *, terminal: bool, secrets: Collection[str] = (), libraries: Collection[str] = LIBRARIES
) -> None:
    """Send this process's log to standard error.

    Args:
        terminal: whether a person watches: plain lines then, JSON otherwise.
        secrets: texts of which no line shows anything, whoever logs it.
        libraries: names of their loggers, which say no more than warnings.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Redaction(secrets))
    handler.setFormatter(_Plain() if terminal else _Json())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in libraries:
        logging.getLogger(name).setLevel(logging.WARNING)


def redacted(text: str, secrets: Collection[str]) -> str:
    """Blot the secrets out of a text."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


class _Redaction(logging.Filter):
    """Blots secrets out of records: in the message and in every field, whatever it is."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        if self._secrets:
            record.msg, record.args = redacted(record.getMessage(), self._secrets), ()
            for name, value in _fields(record).items():
                if (text := str(value)) != (clean := redacted(text, self._secrets)):
                    setattr(record, name, clean)
        return True


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = msgspec.json.encode(
            {
                "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
                "level": record.levelname.lower(),
                **_fields(record),
                "message": _message(record),
            },
            enc_hook=str,
        ).decode()
        # JSON need not escape these, but what reads lines, and what shows them, may act on them.
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{at} {record.levelname.lower():<7} {_message(record)}  {fields}".replace("\n", " ")
        return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    fields.setdefault("action", record.name.partition(".")[0] + "_log")
    if record.exc_info and record.exc_info[0]:
        # A library's exception: what kind it was, without its trace, which may hold anything.
        fields["error"] = record.exc_info[0].__name__
    return fields


def _message(record: logging.LogRecord) -> str:
    return record.getMessage().partition("\n")[0]
