"""The network that all of these need; where there is none, they fail, and say why."""

from collections.abc import Iterator

import pytest

from tests.support.network import NO_NAMESPACES, Network, network_of


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """A network of three places."""
    with network_of(3) as found:
        if found is None:
            pytest.fail(NO_NAMESPACES)
        yield found
