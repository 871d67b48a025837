"""Log lines: one an event, whoever writes it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from store_api.telemetry import logs


@pytest.fixture
def record() -> logging.LogRecord:
    fault = ValueError("secret\ntrace")
    return logging.LogRecord(
        "store_api.feed",
        logging.ERROR,
        __file__,
        1,
        "A %s\nof two lines",
        ("message",),
        (ValueError, fault, None),
    )


def test_a_line_is_json_with_an_action_and_without_a_trace(record: logging.LogRecord) -> None:
    record.action = "tried"
    line = logs._Json().format(record)
    assert "\n" not in line
    fields = msgspec.json.decode(line)
    assert (fields["action"], fields["level"], fields["error"]) == ("tried", "error", "ValueError")
    assert fields["message"] == "A message"
    assert "secret" not in line


def test_a_library_s_line_gets_an_action_too(record: logging.LogRecord) -> None:
    record.name = "pymongo.topology"
    assert msgspec.json.decode(logs._Json().format(record))["action"] == "pymongo_log"


def test_a_person_gets_plain_lines(record: logging.LogRecord) -> None:
    record.action = "tried"
    line = logs._Plain().format(record)
    assert "\n" not in line
    assert "A message" in line
    assert "action=tried" in line


@pytest.mark.parametrize(
    "name", ["a\nb", "\x1b[2J", "\x9b2J", "\x85", "\u2028", "\u202e", "\u2066", "\x7f"], ids=ascii
)
def test_no_name_ends_a_line_or_commands_a_terminal(record: logging.LogRecord, name: str) -> None:
    record.msg, record.args = "Read %s", (name,)
    record.store = name
    plain, line = logs._Plain().format(record), logs._Json().format(record)
    assert plain.splitlines() == [plain]
    assert line.splitlines() == [line]
    for each in (plain, line):
        assert not set(each) & (set(map(chr, range(32))) | set(name) - set("ab[2J"))
    assert msgspec.json.decode(line)["store"] == name


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, which is as it was before when the test is over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("terminal", [True, False])
def test_whatever_happens_is_one_line_on_standard_error(
    terminal: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(terminal=terminal)
    log = logging.getLogger("store_api.anything")
    log.info("It %s", "happened", extra={"action": "happened", "where": "a\nb", "what": Path("x")})
    try:
        int("secret-word")
    except ValueError:
        log.exception("It\nfailed")
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2
    assert "secret-word" not in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("root")
def test_a_line_for_programs_says_when_how_bad_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(terminal=False)
    logging.getLogger("store_api.feed").warning("Арт %d", 1, extra={"action": "noted", "store": "s\n1"})
    line = msgspec.json.decode(capsys.readouterr().err)
    assert line.pop("at").endswith("+00:00")
    assert line == {"level": "warning", "action": "noted", "store": "s\n1", "message": "Арт 1"}


@pytest.mark.usefixtures("root")
def test_what_libraries_say_in_passing_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(terminal=False)
    for library in ("sanic.root", "websockets.server", "asyncio", "pymongo.command"):
        logging.getLogger(library).info("Chatter")
    logging.getLogger("pymongo.topology").warning("Trouble")
    (line,) = capsys.readouterr().err.splitlines()
    assert msgspec.json.decode(line)["action"] == "pymongo_log"


def test_configuring_again_does_not_say_everything_twice(root: logging.Logger) -> None:
    logs.configure(terminal=False)
    logs.configure(terminal=False)
    assert len(root.handlers) == 1


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("terminal", [True, False])
def test_no_line_shows_a_secret_wherever_it_is(terminal: bool, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(terminal=terminal, secrets=["123:sesame", "sesame"])
    log = logging.getLogger("store_api.anything")
    log.warning(
        "Asked %s",
        "http://x/bot123:sesame/getMe",
        extra={"url": "/bot123%3Asesame/", "path": Path("a/sesame")},
    )
    log.error("Nothing to hide", extra={"action": "harmless", "count": 3})
    first, second = capsys.readouterr().err.splitlines()
    assert "sesame" not in first
    assert first.count("***") == 3
    assert "harmless" in second
    assert "3" in second
