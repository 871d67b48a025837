"""aiogram as the bot has it: it comes quickly, and each of its types is built when it is used."""

import subprocess
import sys

from pydantic import BaseModel

from bot.telegram.aiogram import TelegramMethod, Update
from tests.support.programs import begun

BUILT = """
import bot.telegram.aiogram
from aiogram import types
print([name for name in types.__all__ if getattr(getattr(types, name), "__pydantic_complete__", False)])
"""


class Other(BaseModel):
    """A type that is none of Telegram's."""

    later: "Later"


class Later(BaseModel):
    """Is not there yet when the other is made."""


def test_the_import_builds_none_of_telegrams_types() -> None:
    built = subprocess.run(begun(sys.executable, "-c", BUILT), capture_output=True, check=True, text=True)
    assert built.stdout == "[]\n"


def test_an_update_is_read_with_all_that_it_holds() -> None:
    message = {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "/report"}
    entities = [{"type": "bot_command", "offset": 0, "length": 7}]
    update = Update.model_validate({"update_id": 1, "message": {**message, "entities": entities}})
    assert update.message is not None
    assert update.message.entities is not None
    assert update.message.entities[0].extract_from("/report") == "/report"


def test_every_method_can_be_built() -> None:
    methods = [method for base in TelegramMethod.__subclasses__() for method in base.__subclasses__()]
    assert len(methods) > 100
    for method in methods:
        method.model_rebuild()
        assert method.__pydantic_complete__, method


def test_other_types_are_built_as_ever() -> None:
    assert Other(later=Later()).later == Later()
    assert Other.model_rebuild(force=True)
