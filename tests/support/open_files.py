"""How many files and sockets the tests may have open: as many as the system lets them, as the service has."""

import resource
from contextlib import suppress

import pytest

LEAST = 1024
"""Without so many mongod ends in the midst of the tests: each of their collections and indexes is a file."""


def allow_many() -> None:
    """Raise the soft limit of open files, often 1,024 or 256, to the hard one; programs inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems (macOS) call the hard limit infinite and then refuse it.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def require_enough() -> None:
    """End the tests where mongod would, with one line in place of a hundred failures."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < LEAST:
        pytest.exit(f"the tests need {LEAST:,} open files, and this system allows {most:,} (ulimit -Hn)", 1)


def need(count: int) -> None:
    """Skip the test where this process may not have so many open."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < count:
        pytest.skip(f"needs {count:,} open files, and this system allows {allowed:,} (ulimit -Hn)")
