"""The bot's settings: what each variable takes, and what a wrong one says."""

from dataclasses import fields
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import BotSettings
from store_api.settings import DatabaseSettings, Settings
from tests.support.refusals import NOTHING, refused, taken_or_refused

OWN = ("STORE_IDS", "SPECIAL_USER", "REPORT_TIME", "REPORT_TZ", "BOT_TOKEN", "TELEGRAM_API")


def variables_of(settings: type[DatabaseSettings]) -> set[str]:
    return {setting.metadata["variable"] for setting in fields(settings)}


def test_without_any_variable_the_defaults_hold() -> None:
    settings = BotSettings.read({})
    assert settings.database_url == "mongodb://127.0.0.1:27018/?replicaSet=rs0"
    assert (settings.report_time.hour, settings.report_time.minute, settings.report_tz.key) == (21, 0, "UTC")
    assert settings.store_ids is None
    assert (settings.mongo_url, settings.special_user, settings.bot_token, settings.telegram_api) == (
        None,
    ) * 4
    assert BotSettings.read(dict.fromkeys(variables_of(BotSettings), "")) == settings


def test_every_variable_is_read() -> None:
    settings = BotSettings.read(
        {
            "MONGO_URL": "mongodb://a,b/?replicaSet=x",
            "MONGO_DB": "stock",
            "STORE_IDS": " a  b a ",
            "SPECIAL_USER": "42",
            "REPORT_TIME": "07:30",
            "REPORT_TZ": "Europe/Berlin",
            "BOT_TOKEN": "1:abc",
            "TELEGRAM_API": "http://127.0.0.1:81/",
        }
    )
    assert (settings.database_url, settings.mongo_db) == ("mongodb://a,b/?replicaSet=x", "stock")
    assert settings.store_ids == ("a", "b")
    assert (settings.special_user, settings.bot_token) == (42, "1:abc")
    assert settings.telegram_api == "http://127.0.0.1:81"
    assert settings.report_tz.key == "Europe/Berlin"
    assert settings.report_time == time(7, 30)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPECIAL_USER", "0"),
        ("SPECIAL_USER", str(2**63)),
        ("REPORT_TIME", "24:00"),
        ("REPORT_TIME", "21:00:00"),
        ("REPORT_TZ", "Europe"),
        ("TELEGRAM_API", "ftp://secret-word"),
        ("TELEGRAM_API", "http://[::1"),
        ("SPECIAL_USER", "@me"),
        ("REPORT_TIME", "25:00"),
        ("REPORT_TIME", "soon"),
        ("REPORT_TZ", "Mars/Olympus"),
        ("REPORT_TZ", "../etc"),
        ("BOT_TOKEN", "secret-word"),
        ("TELEGRAM_API", "telegram"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable_and_keeps_secrets(
    variable: str, value: str
) -> None:
    assert "secret-word" not in refused(BotSettings, variable, value)


TYPED = [
    # variable, what somebody types, and what is meant by it; None is a refusal
    ("BOT_TOKEN", "1:abc\n", "1:abc"),
    ("BOT_TOKEN", ' "1:abc" ', "1:abc"),
    ("BOT_TOKEN", "bot1:abc", None),
    ("BOT_TOKEN", "1:abc def", None),
    ("BOT_TOKEN", "BOT_TOKEN=1:abc", None),
    ("BOT_TOKEN", "https://api.telegram.org/bot1:abc", None),
    ("BOT_TOKEN", "42", None),
    ("SPECIAL_USER", "42\n", 42),
    ("SPECIAL_USER", "'42'", 42),
    ("SPECIAL_USER", "-42", None),
    ("SPECIAL_USER", "42.0", None),
    ("SPECIAL_USER", "4 2", None),
    ("SPECIAL_USER", "1:abc", None),
    ("SPECIAL_USER", "https://t.me/me", None),
    ("STORE_IDS", "a b\n", ("a", "b")),
    ("STORE_IDS", "a\n b\t a", ("a", "b")),
    ("STORE_IDS", '"a b"', ("a", "b")),
    ("STORE_IDS", "Ä it's", ("Ä", "it's")),
    ("STORE_IDS", "a,b", None),
    ("STORE_IDS", "a, b", None),
    ("STORE_IDS", "a;b", None),
    ("STORE_IDS", "/stores/a", None),
    ("REPORT_TIME", "21:00\n", time(21, 0)),
    ("REPORT_TIME", "'7:30'", time(7, 30)),
    ("REPORT_TIME", "00:00", time(0, 0)),
    ("REPORT_TIME", "7:5", None),
    ("REPORT_TIME", "21", None),
    ("REPORT_TIME", "21.00", None),
    ("REPORT_TIME", "2100", None),
    ("REPORT_TIME", "1260", None),  # what YAML 1.1 makes of 21:00
    ("REPORT_TIME", "9:00 pm", None),
    ("REPORT_TIME", "٢١:٠٠", None),
    ("REPORT_TIME", "0 21 * * *", None),
    ("REPORT_TIME", "Europe/Berlin", None),
    ("REPORT_TZ", "europe/berlin", "Europe/Berlin"),
    ("REPORT_TZ", "EUROPE/BERLIN\n", "Europe/Berlin"),
    ("REPORT_TZ", "utc", "UTC"),
    ("REPORT_TZ", '"Europe/Berlin"', "Europe/Berlin"),
    ("REPORT_TZ", "Berlin", None),
    ("REPORT_TZ", "Europe", None),
    ("REPORT_TZ", "UTC+1", None),
    ("REPORT_TZ", "+01:00", None),
    ("REPORT_TZ", "/etc/localtime", None),
    ("REPORT_TZ", "21:00", None),
    ("TELEGRAM_API", "http://127.0.0.1:81/\n", "http://127.0.0.1:81"),
    ("TELEGRAM_API", "HTTPS://telegram.example", "HTTPS://telegram.example"),
    ("TELEGRAM_API", "http://[::1]:81", "http://[::1]:81"),
    ("TELEGRAM_API", "http://127.0.0.1:99999", None),
    ("TELEGRAM_API", "http://127.0.0.1:port", None),
    ("TELEGRAM_API", "http://a b", None),
    ("TELEGRAM_API", "http://a/?x", None),
    ("TELEGRAM_API", "api.telegram.org", None),
    ("TELEGRAM_API", "localhost:8081", None),
    ("TELEGRAM_API", "1:abc", None),
]


@pytest.mark.parametrize(("variable", "typed", "is_meant"), TYPED)
def test_what_people_type_is_taken_as_meant_or_refused_in_one_line(
    variable: str, typed: str, is_meant: object
) -> None:
    if is_meant is not None:
        (name,) = [each.name for each in fields(BotSettings) if each.metadata["variable"] == variable]
        found = getattr(BotSettings.read({variable: typed}), name)
        assert getattr(found, "key", found) == is_meant
        return
    refused(BotSettings, variable, typed)


@pytest.mark.parametrize("variable", OWN)
def test_what_is_nothing_but_blanks_and_quotes_counts_as_unset(variable: str) -> None:
    for nothing in NOTHING:
        assert BotSettings.read({variable: nothing}) == BotSettings.read({})


def test_they_are_never_printed() -> None:
    assert "secret" not in repr(BotSettings.read({"BOT_TOKEN": "1:secret"}))


def test_the_service_knows_none_of_them_so_a_typo_in_one_does_not_stop_it() -> None:
    assert variables_of(BotSettings) - variables_of(DatabaseSettings) == set(OWN)
    assert variables_of(Settings).isdisjoint(OWN)
    assert Settings.read({"REPORT_TZ": "Mars/Olympus"}) == Settings.read({})


@given(st.sampled_from(OWN), st.text(min_size=1, max_size=30))
def test_whatever_a_variable_holds_it_is_taken_or_refused_by_its_name(variable: str, value: str) -> None:
    taken_or_refused(BotSettings, variable, value)
