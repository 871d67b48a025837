"""Make the images, and run these tests where no other engine, process or network is seen.

`python -m tests.compose` is what `make compose-check` runs; its arguments are pytest's.
"""

import os
import signal
import subprocess
import sys
from types import FrameType

from tests.compose.engine import INSIDE, apart, layers_in, missing
from tests.compose.images import make_images
from tests.support.service import ROOT

CACHE = ROOT / ".venv" / "compose"


def main(arguments: list[str]) -> int:
    """Give pytest's exit code; where the tests cannot run, say so loudly, which fails in CI."""
    why_not = missing()
    if why_not is not None:
        line = "=" * 80
        sys.stderr.write(f"\n{line}\nTHE STACK WAS NOT RUN ON A DOCKER ENGINE: {why_not}\n{line}\n")
        return 1 if os.environ.get("CI") else 0
    make_images(CACHE)
    tests = arguments or [str(ROOT / "tests" / "compose")]
    with (
        layers_in(CACHE) as layers,
        subprocess.Popen(
            apart(sys.executable, "-m", "pytest", "-s", *tests),
            cwd=ROOT,
            env={**os.environ, INSIDE: str(layers)},
        ) as process,
    ):
        # `unshare` itself ignores SIGTERM while it waits, and would be left behind.
        signal.signal(signal.SIGTERM, _end)
        try:
            return process.wait()
        except KeyboardInterrupt:
            return process.wait()
        finally:
            process.kill()


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
