"""How late a busy machine lets programs run, which is no fault of the program under test."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.programs import begun

_SLEEPER = """
import select, sys, time
late = []
print("asleep", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    asked = time.monotonic() + 0.001
    time.sleep(0.001)
    late.append(time.monotonic() - asked)
late.sort()
print(late[len(late) // 2], late[-1])
"""


class Lateness:
    """How late a program that only sleeps woke up meanwhile.

    Attributes:
        median: seconds; known when it is over.
        worst: seconds; known when it is over.
    """

    median = 0.0
    worst = 0.0


@contextmanager
def machine_lateness() -> Iterator[Lateness]:
    """Measure beside a test how late the machine is; on a calm one it is next to nothing.

    A limit on how long the program under test makes somebody wait holds from there on.
    """
    found = Lateness()
    with subprocess.Popen(
        begun(sys.executable, "-I", "-S", "-c", _SLEEPER),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as sleeper:
        assert sleeper.stdout is not None
        assert sleeper.stdout.readline() == "asleep\n"
        try:
            yield found
        finally:
            said, _ = sleeper.communicate("\n", timeout=30)
            found.median, found.worst = map(float, said.split())
