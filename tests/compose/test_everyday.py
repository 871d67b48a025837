"""A day with the stack: it comes up, lets in who may, and tells whoever listens, whoever wrote."""

import pytest

from tests.compose.stack import MEMBERS, Stack

pytestmark = pytest.mark.timeout(300)


def test_docker_compose_up_brings_everything_up_and_its_health_checks_are_green(stack: Stack) -> None:
    found = stack.containers()
    assert {name: found[name]["Health"] for name in (*MEMBERS, "api")} == dict.fromkeys(
        (*MEMBERS, "api"), "healthy"
    )
    ended = {
        name: (found[name]["State"], found[name]["ExitCode"]) for name in ("secrets", "mongo-replica-init")
    }
    assert ended == dict.fromkeys(ended, ("exited", 0))
