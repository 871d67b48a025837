"""The certificate: what cannot be served is told by its setting; of a new pair all is taken or nothing."""

import logging
from pathlib import Path

import pytest

from store_api.errors import WrongSetting
from store_api.http.certificates import Certificates, context_of
from tests.support.certificates import certified


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Give a certificate and its key, and beside them others that are wrong."""
    for name, password in (("other", b""), ("encrypted", b"secret")):
        (tmp_path / name).mkdir()
        certified(tmp_path / name, password=password)
    certified(tmp_path)
    (tmp_path / "cut.crt").write_bytes((tmp_path / "tls.crt").read_bytes()[:100])
    (tmp_path / "empty").touch()
    return tmp_path / "tls.crt", tmp_path / "tls.key"


@pytest.mark.parametrize(
    ("chain", "key", "said"),
    [
        ("none", "tls.key", "TLS_CERT: cannot be read: No such file or directory"),
        ("tls.crt", "none", "TLS_KEY: cannot be read: No such file or directory"),
        ("other", "tls.key", "TLS_CERT: cannot be read: Is a directory"),
        ("cut.crt", "tls.key", "TLS_CERT: must be a certificate in PEM, and TLS_KEY its key in PEM"),
        ("tls.key", "tls.key", "TLS_CERT: must be a certificate in PEM, and TLS_KEY its key in PEM"),
        ("empty", "tls.key", "TLS_CERT: must be a certificate in PEM, and TLS_KEY its key in PEM"),
        ("tls.crt", "tls.crt", "TLS_CERT: must be a certificate in PEM, and TLS_KEY its key in PEM"),
        ("tls.crt", "empty", "TLS_CERT: must be a certificate in PEM, and TLS_KEY its key in PEM"),
        ("tls.crt", "other/tls.key", "TLS_KEY: is not the key of TLS_CERT"),
        ("encrypted/tls.crt", "encrypted/tls.key", "TLS_KEY: must not be encrypted"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(
    files: tuple[Path, Path], chain: str, key: str, said: str
) -> None:
    folder = files[0].parent
    with pytest.raises(WrongSetting) as wrong:
        context_of(folder / chain, folder / key)
    assert str(wrong.value).startswith(said)
    assert "\n" not in str(wrong.value)


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(record)["action"] for record in caplog.records]


def test_a_new_pair_is_taken_when_it_rests_and_a_wrong_one_is_told_once(
    files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    shown = Certificates(*files)
    for _ in range(3):
        shown.look()
    assert actions(caplog) == []
    # The certificate is there already, and its key not yet.
    certified(files[0].parent, "a longer name")
    key = files[1].read_bytes()
    files[1].write_bytes(key[:50])
    shown.look()
    files[1].write_bytes(key)
    shown.look()
    assert actions(caplog) == []
    for _ in range(3):
        shown.look()
    assert actions(caplog) == ["certificate_renewed"]
    files[1].unlink()
    for _ in range(5):
        shown.look()
    assert actions(caplog) == ["certificate_renewed", "certificate_refused"]
    # The same as before, but another file: it is read, and told.
    files[1].write_bytes(key)
    for _ in range(3):
        shown.look()
    assert actions(caplog) == ["certificate_renewed", "certificate_refused", "certificate_renewed"]
