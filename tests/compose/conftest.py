"""What the tests on a Docker engine share: the engine with its images, and the stack that came up."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import browser
from tests.compose.__main__ import CACHE
from tests.compose.engine import INSIDE, Engine, engine_in
from tests.compose.images import archives_in
from tests.compose.stack import Stack

__all__ = ["browser"]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine, which has the images that docker-compose.yml names."""
    if INSIDE not in os.environ:
        pytest.skip("NO DOCKER ENGINE: `make compose-check` starts one, and runs these tests")
    with engine_in(Path(os.environ[INSIDE])) as engine:
        for archive in archives_in(CACHE):
            engine("load", "--input", archive)
        yield engine


@pytest.fixture(scope="session")
def stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack as the README has it: `docker compose up`, and it is there."""
    stack = Stack(engine, tmp_path_factory.mktemp("stack"))
    stack.compose("up", "--detach")
    stack.wait_until_ready()
    return stack


@pytest.fixture(scope="session")
def first(stack: Stack) -> str:
    """The first token, which may do everything."""
    return stack.first_token()
