"""How a setting is refused: one line that begins with the variable's name."""

import pytest

from store_api.errors import WrongSetting
from store_api.settings import DatabaseSettings

NOTHING = ("", " ", "\n", "\t\r\n", '""', "''", ' "" ', "\ufeff")
"""What somebody leaves behind who means no value."""


def refused(settings: type[DatabaseSettings], variable: str, value: str, **others: str) -> str:
    """Say how a value is refused, which it must be.

    Args:
        settings: which read it.
        variable: its name.
        value: it.
        others: further variables.

    Raises:
        AssertionError: it says so in more than a line, or without the variable's name.
    """
    with pytest.raises(WrongSetting) as wrong:
        settings.read({**others, variable: value})
    return _one_line(str(wrong.value), variable)


def taken_or_refused(settings: type[DatabaseSettings], variable: str, value: str, **others: str) -> None:
    """Read a value, whatever it is.

    Args:
        settings: which read it.
        variable: its name.
        value: it.
        others: further variables.

    Raises:
        AssertionError: as `refused` does.
    """
    try:
        settings.read({**others, variable: value})
    except WrongSetting as wrong:
        _one_line(str(wrong), variable)


def _one_line(said: str, variable: str) -> str:
    assert said.startswith(f"{variable}: ")
    assert "\n" not in said
    return said
