"""`make bench`: writes, pushes, ledger, memory: all in one run on one machine, into `bench/results/`."""

import argparse
import resource
from datetime import UTC, datetime
from pathlib import Path

from bench.broadcasts import broadcasts
from bench.ledger import ledger_figures
from bench.memory import memory_growth
from bench.pushes import pushes
from bench.results import Figures, machine, write_page, write_plot
from bench.writes import measure_writes

RESULTS = Path(__file__).parent / "results"
PARTS = ("writes", "pushes", "ledger", "memory")


def main() -> None:
    """Measure, and write a page and a plot."""
    options = _options()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    started = datetime.now(UTC)
    parts = options.part or PARTS
    rows = measure_writes(options.scene, options.rounds, options.seconds) if "writes" in parts else []
    told: Figures = []
    if "pushes" in parts:
        told += [*broadcasts(options.rounds), *pushes(options.rounds)]
    if "ledger" in parts:
        told += ledger_figures()
    grown = list(memory_growth()) if "memory" in parts else []
    stem = RESULTS / (options.name or started.strftime("%Y-%m-%d"))
    stem.parent.mkdir(exist_ok=True)
    intro = (
        f"# Measured {started:%Y-%m-%d %H:%M} UTC\n\n{machine()}.\n\n"
        "Load generator (one process), server (one process) and mongod share the machine; every write is "
        f"durable on a majority. Medians of {options.rounds} rounds in turn, after two warm-ups.\n"
    )
    page = write_page(stem.with_suffix(".md"), intro, rows, options.seconds, told, grown)
    if rows:
        write_plot(stem.with_suffix(".png"), rows)
    print(page)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be repeated")
    parser.add_argument("--scene", default="", help="of the writes, only scenes whose name holds this")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds, after two warm-ups")
    parser.add_argument("--seconds", type=int, default=3, help="seconds a run")
    parser.add_argument("--name", default="", help="of the files in bench/results (default: today's date)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
