"""Log lines: one an event, whoever writes it."""

import logging

import msgspec
import pytest

from store_api import logs


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
