"""`python -m tests.torture --minutes 60 --seed 7`: tortures everything, and tells what went wrong."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from tests.torture.rounds import Torture, Wanted

ROUND_SECONDS = 90.0
ENDING = (signal.SIGINT, signal.SIGTERM)

CLIENTS = 800
"""As many as make large batches, which is what makes it quick; each waits for its answer."""


def main() -> int:
    """Torture, and give the exit code: 0 where nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=_minutes, default=1.0, help="of torture; 1 unless said")
    parser.add_argument("--seed", type=int, default=1, help="of faults and wishes; 1 unless said")
    parser.add_argument(
        "--round", type=float, default=ROUND_SECONDS, help="seconds between two calms; 90 unless said"
    )
    parser.add_argument("--clients", type=int, default=CLIENTS, help="that write; 800 unless said")
    parser.add_argument("--no-faults", action="store_true", help="only to see how quick it is")
    parser.add_argument("--story", type=Path, default=Path("torture-story.txt"), help="gets what went wrong")
    said = parser.parse_args()
    print(f"torture of {said.minutes:g} minutes, seed {said.seed}", flush=True)
    wanted = Wanted(said.minutes * 60, said.seed, said.round, said.clients, not said.no_faults, said.story)
    try:
        return 0 if asyncio.run(_until_told_to_end(wanted)) else 1
    except asyncio.CancelledError:
        return 128 + signal.SIGINT


def _minutes(text: str) -> float:
    minutes = float(text)
    if not minutes > 0:
        raise ValueError
    return minutes


async def _until_told_to_end(wanted: Wanted) -> bool:
    """Torture; told to end, leave no process, network or disk behind. Told again, that is not cut short."""
    loop = asyncio.get_running_loop()
    go_on = asyncio.ensure_future(Torture(wanted).go_on())

    def end() -> None:
        for number in ENDING:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        go_on.cancel()

    for number in ENDING:
        loop.add_signal_handler(number, end)
    return await go_on


if __name__ == "__main__":
    sys.exit(main())
