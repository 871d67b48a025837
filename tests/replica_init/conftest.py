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


@dataclass(frozen=True)
class Keyed:
    """Three members with a keyFile, which run.

    Args:
        members: who they are.
        secrets: the folder.
    """

    members: ReplicaSetOfThree
    secrets: Path


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[Keyed]:
    """Members that are one test's alone, and that nobody has begun yet."""
    with with_key_file(tmp_path / "secrets") as members:
        yield Keyed(members, tmp_path / "secrets")


@dataclass(frozen=True)
class Begun(Keyed):
    """A set that the program has begun, and what it said.

    Args:
        before: what it was run for before that, and then refused.
        first: the run.
    """

    before: list[Run]
    first: Run


@pytest.fixture(scope="module")
def to_begin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """Members of a module, before they are begun."""
    secrets = tmp_path_factory.mktemp("begun") / "secrets"
    with with_key_file(secrets) as members:
        yield Keyed(members, secrets)


@pytest.fixture(scope="module")
def before() -> list[Run]:
    """What a module tries before its set is begun: nothing."""
    return []


@pytest.fixture(scope="module")
def begun(to_begin: Keyed, before: list[Run]) -> Begun:
    """A set that the tests of a module share."""
    members, secrets = to_begin.members, to_begin.secrets
    return Begun(members, secrets, before, run(variables_for(members, secrets)))
