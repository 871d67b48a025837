"""Settings: what each variable takes, and what a wrong one says."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.errors import WrongSetting
from store_api.settings import Settings, environment_with_env_file, help_text
from tests.support.refusals import NOTHING, refused, taken_or_refused
from tests.unit.test_access_settings import OF_ACCESS, WHOLE

VARIABLES = (
    *("MONGO_URL", "MONGO_DB", "DATA_DIR", "EMBEDDED_MONGO_PORT", "HOST", "PORT", "WORKERS"),
    *("IDEMPOTENCY_HOURS", "REQUIRE_IDEMPOTENCY_KEY", "LEDGER", "LEDGER_DAYS", *OF_ACCESS),
)


def test_without_any_variable_the_defaults_hold() -> None:
    settings = Settings.read({})
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.database_url == "mongodb://127.0.0.1:27018/?replicaSet=rs0"
    assert (settings.ledger, settings.ledger_days) == (True, 400)


def test_every_variable_is_read() -> None:
    settings = Settings.read(
        {
            "MONGO_URL": "mongodb://a,b/?replicaSet=x",
            "MONGO_DB": "stock",
            "DATA_DIR": "/somewhere",
            "EMBEDDED_MONGO_PORT": "27019",
            "HOST": "::1",
            "PORT": "9000",
            "WORKERS": "4",
            "IDEMPOTENCY_HOURS": "48",
            "REQUIRE_IDEMPOTENCY_KEY": "True",
            "LEDGER": "Off",
            "LEDGER_DAYS": "30",
        }
    )
    assert (settings.ledger, settings.ledger_days) == (False, 30)
    assert (settings.idempotency_hours, settings.require_idempotency_key) == (48, True)
    assert settings.database_url == "mongodb://a,b/?replicaSet=x"
    assert (settings.mongo_db, settings.data_dir, settings.host) == ("stock", Path("/somewhere"), "::1")
    assert (settings.port, settings.workers) == (9000, 4)
    assert settings.embedded_mongo_port == 27019


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MONGO_URL", "http://x"),
        ("MONGO_URL", "mongodb://user:secret-word@host:port/"),
        ("MONGO_DB", "a.b"),
        ("MONGO_DB", "a" * 64),
        ("MONGO_DB", "я" * 32),
        ("MONGO_URL", "mongodb://user:secret-word@host/?tls=perhaps"),
        ("MONGO_URL", "mongodb://user:secret-word@host/?unheard=of"),
        ("MONGO_URL", "mongodb://user:secret-word"),
        ("EMBEDDED_MONGO_PORT", "0"),
        ("HOST", "a b"),
        ("PORT", "65536"),
        ("PORT", "8000.0"),
        ("PORT", "٨"),
        ("PORT", "-1"),
        ("PORT", "9" * 5000),
        ("EMBEDDED_MONGO_PORT", "65536"),
        ("WORKERS", "257"),
        ("WORKERS", "0"),
        ("LEDGER", "true"),
        ("LEDGER_DAYS", "0"),
        ("LEDGER_DAYS", "36501"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable_and_keeps_secrets(
    variable: str, value: str
) -> None:
    assert "secret-word" not in refused(Settings, variable, value)


URL = "mongodb://a,b/?replicaSet=x"
TYPED = [
    # variable, what somebody types, and what is meant by it; None is a refusal
    ("PORT", " 80 ", 80),
    ("PORT", "80\n", 80),
    ("PORT", "80\r\n", 80),
    ("PORT", "\ufeff80", 80),
    ("PORT", '"80"', 80),
    ("PORT", "'80'", 80),
    ("PORT", "“80”", 80),
    ("PORT", "  ", 8000),
    ("PORT", '""', 8000),
    ("PORT", '"80', None),
    ("PORT", "8 0", None),
    ("PORT", "80 # the port", None),
    ("PORT", "+80", None),
    ("PORT", "0x50", None),
    ("PORT", "8_0", None),
    ("PORT", "80/tcp", None),
    ("PORT", "127.0.0.1:80", None),
    ("PORT", "tcp://10.0.0.1:80", None),
    ("PORT", "http", None),
    ("EMBEDDED_MONGO_PORT", "8000", None),
    ("WORKERS", "4\n", 4),
    ("WORKERS", "auto", None),
    ("WORKERS", "1.0", None),
    ("HOST", "127.0.0.1\n", "127.0.0.1"),
    ("HOST", "::", "::"),
    ("HOST", "[::]", "::"),
    ("HOST", "[::1]", "::1"),
    ("HOST", '"0.0.0.0"', "0.0.0.0"),  # noqa: S104  (it is read, and nobody listens)
    ("HOST", "fe80::1%eth0", "fe80::1%eth0"),
    ("HOST", "LOCALHOST", "LOCALHOST"),
    ("HOST", "stack_api_1", "stack_api_1"),
    ("HOST", "api.stock.example.", "api.stock.example."),
    ("HOST", "*", None),
    ("HOST", "8000", None),
    ("HOST", "1", None),
    ("HOST", "127.1", None),
    ("HOST", "256.0.0.1", None),
    ("HOST", "127.0.0.1:8000", None),
    ("HOST", "[::1]:8000", None),
    ("HOST", "[::1", None),
    ("HOST", "localhost:8000", None),
    ("HOST", "http://localhost", None),
    ("HOST", "0.0.0.0/0", None),
    ("HOST", "a,b", None),
    ("HOST", "0.0.0.0 ::", None),
    ("HOST", "a" * 64, None),
    ("MONGO_URL", f"{URL}\n", URL),
    ("MONGO_URL", f" {URL}\r\n", URL),
    ("MONGO_URL", f'"{URL}"', URL),
    ("MONGO_URL", f"'{URL}'\n", URL),
    ("MONGO_URL", "mongodb://a\n", "mongodb://a"),
    ("MONGO_URL", "mongodb://[::1]:27017/?replicaSet=x", "mongodb://[::1]:27017/?replicaSet=x"),
    ("MONGO_URL", "mongodb://stack_mongo_1/?replicaSet=x", "mongodb://stack_mongo_1/?replicaSet=x"),
    ("MONGO_URL", "mongodb+srv://stock.invalid/", "mongodb+srv://stock.invalid/"),
    (
        "MONGO_URL",
        "mongodb+srv://u:p@stock.invalid/?w=majority",
        "mongodb+srv://u:p@stock.invalid/",
    ),
    ("MONGO_URL", "mongodb+srv://stock.invalid:27017/", None),
    ("MONGO_URL", "mongodb+srv://a.stock.invalid,b.stock.invalid/", None),
    ("MONGO_URL", "mongodb+srv://", None),
    ("MONGO_URL", "mongodb://::1:27017/", None),
    ("MONGO_URL", "a,b", None),
    ("MONGO_URL", "127.0.0.1:27017", None),
    ("MONGO_URL", "MONGO_URL=mongodb://a", None),
    ("MONGO_URL", "MONGODB://a", None),
    ("MONGO_DB", "stock\n", "stock"),
    ("MONGO_DB", '"stock"', "stock"),
    ("MONGO_DB", "Stock", "Stock"),
    ("MONGO_DB", "my stock", None),
    ("MONGO_DB", "admin", None),
    ("MONGO_DB", "Local", None),
    ("MONGO_DB", "config", None),
    ("MONGO_DB", URL, None),
    ("DATA_DIR", "data\n", Path("data")),
    ("DATA_DIR", '"my data"', Path("my data")),
    ("DATA_DIR", "~/data", Path.home() / "data"),
    ("DATA_DIR", "~", Path.home()),
    ("DATA_DIR", "a~b", Path("a~b")),
    ("DATA_DIR", "~nobody-has-this-name/data", None),
    ("DATA_DIR", "$HOME/data", None),
    ("DATA_DIR", "${HOME}/data", None),
    ("DATA_DIR", "one\ntwo", None),
    ("DATA_DIR", URL, None),
]


@pytest.mark.parametrize(("variable", "typed", "is_meant"), TYPED)
def test_what_people_type_is_taken_as_meant_or_refused_in_one_line(
    variable: str, typed: str, is_meant: object
) -> None:
    (name,) = [each.name for each in dataclasses.fields(Settings) if each.metadata["variable"] == variable]
    if is_meant is not None:
        assert getattr(Settings.read({"AUTH": "off", variable: typed}), name) == is_meant
        return
    refused(Settings, variable, typed)


@pytest.mark.parametrize("variable", VARIABLES)
def test_what_is_nothing_but_blanks_and_quotes_counts_as_unset(variable: str) -> None:
    for nothing in NOTHING:
        assert Settings.read({variable: nothing}) == Settings.read({})


def test_settings_are_frozen_and_never_printed() -> None:
    settings = Settings.read({"MONGO_URL": "mongodb://user:secret@host/"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]
    assert "secret" not in repr(settings)


def test_the_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=8001\nWORKERS=2\n# a comment\nHOST=\n")
    monkeypatch.setenv("PORT", "8002")
    monkeypatch.delenv("WORKERS", raising=False)
    settings = Settings.read(environment_with_env_file(tmp_path))
    assert (settings.port, settings.workers, settings.host) == (8002, 2, "127.0.0.1")


def test_a_variable_that_is_empty_or_unset_takes_its_default() -> None:
    empty, unset = Settings.read(dict.fromkeys(VARIABLES, "")), Settings.read({})
    assert empty == unset
    assert unset.mongo_url is None


@given(st.sampled_from(VARIABLES), st.text(min_size=1, max_size=30))
def test_whatever_a_variable_holds_it_is_taken_or_refused_by_its_name(variable: str, value: str) -> None:
    taken_or_refused(Settings, variable, value, **WHOLE)


def test_a_process_without_an_env_file_has_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "8002")
    assert environment_with_env_file(tmp_path)["PORT"] == "8002"


def test_the_help_lists_every_variable_with_its_default() -> None:
    assert {setting.metadata["variable"] for setting in dataclasses.fields(Settings)} == set(VARIABLES)
    lines = help_text(Settings, "usage: ...").splitlines()
    for setting in dataclasses.fields(Settings):
        (line,) = (line for line in lines if line.split()[:1] == [setting.metadata["variable"]])
        assert setting.metadata["help"] in line
        assert (setting.metadata["default"] or "") in line


def test_an_env_file_of_any_editor_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    for content in (
        b"PORT=81",
        b"\xef\xbb\xbfPORT=81\n",
        b"WORKERS=1\n\xef\xbb\xbfPORT=81\n",
        b"PORT=81\r\n",
        b"export PORT='81' # it\n",
        b"PORT = 81",
    ):
        (tmp_path / ".env").write_bytes(content)
        assert Settings.read(environment_with_env_file(tmp_path)).port == 81, content


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=80\xff\n")
    with pytest.raises(WrongSetting, match=r"^\.env: "):
        environment_with_env_file(tmp_path)
