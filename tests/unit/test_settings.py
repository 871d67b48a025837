"""Settings: what each variable takes, and what a wrong one says."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_api.errors import WrongSetting
from store_api.settings import Settings, environment_with_env_file, help_text

VARIABLES = ("MONGO_URL", "MONGO_DB", "DATA_DIR", "EMBEDDED_MONGO_PORT", "HOST", "PORT", "WORKERS")


def test_without_any_variable_the_defaults_hold() -> None:
    settings = Settings.read({})
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.database_url == "mongodb://127.0.0.1:27018/?replicaSet=rs0"


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
        }
    )
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
        ("PORT", " 80"),
        ("PORT", "9" * 5000),
        ("EMBEDDED_MONGO_PORT", "65536"),
        ("WORKERS", "257"),
        ("WORKERS", "0"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable_and_keeps_secrets(
    variable: str, value: str
) -> None:
    with pytest.raises(WrongSetting) as wrong:
        Settings.read({variable: value})
    assert str(wrong.value).startswith(f"{variable}: ")
    assert "\n" not in str(wrong.value)
    assert "secret-word" not in str(wrong.value)


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
    try:
        Settings.read({variable: value})
    except WrongSetting as wrong:
        said = str(wrong)
    else:
        return
    assert said.startswith(f"{variable}: ")
    assert "\n" not in said


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


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=80\xff\n")
    with pytest.raises(WrongSetting, match=r"^\.env: "):
        environment_with_env_file(tmp_path)
