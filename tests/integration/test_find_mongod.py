import re
from pathlib import Path

import pytest

from store_api.embedded import find_mongod
from store_api.embedded.program import mongod_of_the_wheel
from store_api.errors import EmbeddedMongoError


def fake_mongod(folder: Path, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    mongod = folder / "mongod"
    mongod.write_text(f"#!/bin/sh\n{script}\n")
    mongod.chmod(0o755)
    return mongod


def test_without_any_mongod_both_ways_to_get_one_are_named() -> None:
    with pytest.raises(EmbeddedMongoError) as missing:
        find_mongod(path="", wheel=lambda: None)
    assert re.fullmatch(r".*no mongod on PATH;.*store_api\[embedded\].*MONGO_URL.*", str(missing.value))


def test_a_mongod_that_is_too_old_gives_way_to_the_wheels(tmp_path: Path) -> None:
    old = fake_mongod(tmp_path / "old", "echo db version v5.0.1")
    new = fake_mongod(tmp_path / "new", "echo db version v6.0.0")
    assert find_mongod(path=str(old.parent), wheel=lambda: new) == new
    with pytest.raises(EmbeddedMongoError, match=r"old/mongod is of version v5\.0\.1, older than 6\.0;"):
        find_mongod(path=str(old.parent), wheel=lambda: None)


def test_a_new_enough_mongod_on_path_comes_before_the_wheels(tmp_path: Path) -> None:
    on_path = fake_mongod(tmp_path / "path", "echo db version v10.1.0-rc0")
    of_the_wheel = fake_mongod(tmp_path / "wheel", "echo db version v6.0.5")
    assert find_mongod(path=str(on_path.parent), wheel=lambda: of_the_wheel) == on_path


def test_a_missing_system_library_is_named(tmp_path: Path) -> None:
    loader = (
        "error while loading shared libraries: libcurl.so.4: cannot open shared object file: No such file"
    )
    mongod = fake_mongod(tmp_path, f'echo "$0: {loader}" >&2; exit 127')
    with pytest.raises(EmbeddedMongoError, match=r"lacks the system library libcurl\.so\.4 .*libcurl4"):
        find_mongod(path="", wheel=lambda: mongod)


def test_a_mongod_for_another_system_is_told(tmp_path: Path) -> None:
    mongod = fake_mongod(tmp_path, "")
    mongod.write_text("not a program")
    with pytest.raises(EmbeddedMongoError, match=r"mongod does not run on this system \(Exec format error\)"):
        find_mongod(path="", wheel=lambda: mongod)


def test_the_wheels_mongod_serves_here() -> None:
    mongod = mongod_of_the_wheel()
    if mongod is None:
        pytest.skip("the optional extra is not installed")
    assert find_mongod(path="") == mongod
