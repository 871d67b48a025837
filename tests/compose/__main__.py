"""Make the images, and run these tests where no other engine, process or network is seen.

`python -m tests.compose` is what `make compose-check` runs; its arguments are pytest's,
and these tests are meant unless they name files.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from tests.compose.engine import INSIDE, absent, apart, layers_in, refused
from tests.compose.images import make_images
from tests.support.programs import begun
from tests.support.service import ROOT

CACHE = ROOT / ".venv" / "compose"


def main(arguments: list[str]) -> int:
    """Give pytest's exit code; where the tests cannot run, say so loudly; in CI a missing program fails."""
    lacking = absent()
    why_not = lacking or refused()
    if why_not is not None:
        line = "=" * 80
        sys.stderr.write(f"\n{line}\nTHE STACK WAS NOT RUN ON A DOCKER ENGINE: {why_not}\n{line}\n")
        return int(lacking is not None and bool(os.environ.get("CI")))
    make_images(CACHE)
    names_files = any(Path(argument.partition("::")[0]).exists() for argument in arguments)
    tests = arguments if names_files else ["tests/compose", *arguments]
    with (
        layers_in(CACHE) as layers,
        subprocess.Popen(
            begun(*apart(sys.executable, "-m", "pytest", "-s", *tests)),
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
