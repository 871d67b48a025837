"""`python -m tests.torture --minutes 60 --seed 7`: tortures everything, and tells what went wrong."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from tests.torture.rounds import Torture, Wanted

ROUND_SECONDS = 90.0
CLIENTS = 800
"""As many as make large batches, which is what makes it quick; each waits for its answer."""


def main() -> int:
    """Torture, and give the exit code: 0 where nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=float, default=ROUND_SECONDS, help="seconds between two calms")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--no-faults", action="store_true", help="only to see how quick it is")
    parser.add_argument("--story", type=Path, default=Path("torture-story.txt"), help="gets what went wrong")
    said = parser.parse_args()
    print(f"torture of {said.minutes:g} minutes, seed {said.seed}", flush=True)
    wanted = Wanted(said.minutes * 60, said.seed, said.round, said.clients, not said.no_faults, said.story)
    return 0 if asyncio.run(_go_on(Torture(wanted))) else 1


async def _go_on(torture: Torture) -> bool:
    """Go on, and leave no process, network or disk behind when told to end."""
    going = asyncio.ensure_future(torture.go_on())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, going.cancel)
    return await going


if __name__ == "__main__":
    sys.exit(main())
