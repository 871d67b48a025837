"""Containers that lose their network, are paused or killed under load: as a client of the API sees it."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.compose.load import load_on
from tests.compose.stack import MEMBERS, Stack
from tests.support.mongod import wait_until

pytestmark = pytest.mark.timeout(400)

Fault = Callable[[Stack, str], AbstractContextManager[None]]
"""What is done to a service of the stack, and undone when it is left."""

NETWORK = "database"
IS_PRIMARY = "member.admin.command('hello')['isWritablePrimary']"
IS_SECONDARY = "member.admin.command('hello')['secondary']"

ELECTED_SECONDS = 7.0 + 4.0
"""The time-out of an election and 2 s more; and 4 for a machine that runs an engine and containers beside."""

NAMELESS_SECONDS = 3.0
"""How long a member may look for a name that nobody has: it waits for 1 s; and a start of `getent`."""

CUT_SECONDS = 12.0
BACK_SECONDS = 5.0


def container_of(stack: Stack, service: str) -> str:
    return str(stack.containers()[service]["Name"])


def primary_of(stack: Stack) -> str:
    wait_until(lambda: any(stack.at_member(name, IS_PRIMARY) for name in MEMBERS), "a primary", 60)
    return next(name for name in MEMBERS if stack.at_member(name, IS_PRIMARY))


@contextmanager
def disconnected(stack: Stack, service: str) -> Iterator[None]:
    """Take a service's container off the network that the members are on, and put it back."""
    network, container = f"{stack.project}_{NETWORK}", container_of(stack, service)
    stack.engine("network", "disconnect", network, container)
    try:
        yield
    finally:
        stack.engine("network", "connect", "--alias", service, network, container)


@contextmanager
def paused(stack: Stack, service: str) -> Iterator[None]:
    stack.compose("pause", service)
    try:
        yield
    finally:
        stack.compose("unpause", service)


@contextmanager
def killed(stack: Stack, service: str) -> Iterator[None]:
    stack.compose("kill", service)
    try:
        yield
    finally:
        stack.compose("start", service)


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_does_not_look_for_long_for_one_that_is_gone(stack: Stack, member: str) -> None:
    begin = time.monotonic()
    found = stack.try_compose("exec", "-T", member, "getent", "ahosts", "mongo-9")
    took = time.monotonic() - begin
    assert (found.returncode, found.stdout) == (2, b""), found.stderr
    assert took < NAMELESS_SECONDS


@pytest.mark.parametrize("fault", [disconnected, paused, killed])
def test_the_primary_is_gone_and_another_takes_over(stack: Stack, first: str, fault: Fault) -> None:
    before, primary = stack.stock(first), primary_of(stack)
    with load_on(stack, first) as load:
        with fault(stack, primary):
            load.wait_for(300)
        wait_until(lambda: bool(stack.at_member(primary, IS_SECONDARY)), "it is a member again", 90)
        load.wait_for(100)
    load.check(before, f"the primary {fault.__name__}")
    assert load.longest <= ELECTED_SECONDS


def test_the_api_is_disconnected_and_comes_back(stack: Stack, first: str) -> None:
    before = stack.stock(first)
    with load_on(stack, first) as load:
        with disconnected(stack, "api"):
            time.sleep(CUT_SECONDS)
        back = time.monotonic()
        load.wait_for(100)
        took = time.monotonic() - back
    load.check(before, f"the API disconnected for {CUT_SECONDS:.0f} s, and back {took:.1f} s after that")
    assert load.longest <= CUT_SECONDS + BACK_SECONDS
