"""How a new set is configured, which nothing changes later."""

import pytest
from mongo_replica_init.verdict import config_of

from tests.support.elections import settings_for


@pytest.mark.parametrize(("election", "down"), [(500, 1), (1000, 1), (5000, 2), (10_000, 4), (60_000, 24)])
def test_a_member_that_vanished_counts_as_down_before_another_is_elected(election: int, down: int) -> None:
    config = config_of("rs0", ["a:1", "b:2", "c:3"], election)
    assert config["settings"] == {
        "electionTimeoutMillis": election,
        "heartbeatIntervalMillis": 100,
        "heartbeatTimeoutSecs": down,
        "catchUpTimeoutMillis": 100,
    }
    # The tests' own sets are told the same.
    assert config["settings"] == settings_for(election / 1000)
    assert [member.keys() for member in config["members"]] == [{"_id", "host"}] * 3
