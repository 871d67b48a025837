"""How soon the members of a set for tests give one another up: as they are deployed."""

ELECTION_SECONDS = 1.0
"""How long members wait for a primary before they elect another, unless a test says more."""

SOON_GIVEN_UP = (
    "--setParameter=oplogNetworkTimeoutBufferSeconds=1",
    "--setParameter=oplogFetcherSteadyStateMaxFetcherRestarts=0",
)
"""As members are deployed: one that copies from a member that hangs gives it up soon."""


def settings_for(election_seconds: float) -> dict[str, int]:
    """Give what a set of members is told that is deployed with this time-out of an election."""
    return {
        "electionTimeoutMillis": int(election_seconds * 1000),
        "heartbeatIntervalMillis": 100,
        "heartbeatTimeoutSecs": max(1, int(election_seconds / 2.5)),
        "catchUpTimeoutMillis": 100,
    }
