"""Members that nobody has begun as a set yet."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.replica_init.running import Run, run, variables_for, with_key_file
from tests.support.mongod import ReplicaSetOfThree


@pytest.fixture
def bare() -> Iterator[ReplicaSetOfThree]:
    """Three members without a keyFile, not started."""
    with ReplicaSetOfThree(initiated=False) as members:
        yield members


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder of secrets for `keyed`."""
    return tmp_path / "secrets"


@pytest.fixture
def keyed(secrets: Path) -> Iterator[ReplicaSetOfThree]:
    """Three members with a keyFile, which nobody has begun yet."""
    with with_key_file(secrets) as members:
        yield members


@dataclass(frozen=True)
class Begun:
    """A set with a keyFile that the program has begun, and what it said.

    Args:
        members: all three run.
        secrets: the folder.
        first: the run.
    """

    members: ReplicaSetOfThree
    secrets: Path
    first: Run


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    """A set that the tests of a module share."""
    secrets = tmp_path_factory.mktemp("begun") / "secrets"
    with with_key_file(secrets) as members:
        yield Begun(members, secrets, run(variables_for(members, secrets)))
