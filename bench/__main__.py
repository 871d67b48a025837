"""`make bench`: every contestant in every scene, in turn, in one run on one machine."""

import argparse
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.contestants import all_running, running
from bench.results import Row, machine, write_plot, write_table
from bench.scenes import Scene, scenes, write_requests
from bench.wrk import Measured, require_wrk, run_wrk
from store_api.embedded import EmbeddedMongo

WARM_UPS = 2
FIRST_PORT = 8700
MONGO_PORT = 27700
HERE = Path(__file__).parent


def main() -> None:
    """Measure, and write a table and a plot to `bench/results/`."""
    options = _options()
    require_wrk()
    chosen = [scene for scene in scenes() if options.scene in scene.name]
    names = sorted({name for scene in chosen for name in scene.contestants if name != "ceiling"})
    started = datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory(prefix="store_api-bench-") as folder,
        EmbeddedMongo(Path(folder) / "mongo", MONGO_PORT) as mongo,
        all_running(names, mongo.url, FIRST_PORT + 1) as contestants,
    ):
        urls = {name: url for name, (url, _) in contestants.items()}
        rows = [row for scene in chosen for row in _measure(scene, urls, Path(folder), options)]
    stem = HERE / "results" / (options.name or started.strftime("%Y-%m-%d"))
    stem.parent.mkdir(exist_ok=True)
    write_table(stem.with_suffix(".md"), rows, machine(), started, options.rounds, options.seconds)
    write_plot(stem.with_suffix(".png"), rows)
    print(stem.with_suffix(".md").read_text())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--scene", default="", help="only scenes whose name holds this")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds, after two warm-ups")
    parser.add_argument("--seconds", type=int, default=3, help="seconds a run")
    parser.add_argument("--name", default="", help="of the files in bench/results (default: today's date)")
    return parser.parse_args()


def _measure(scene: Scene, urls: dict[str, str], folder: Path, options: argparse.Namespace) -> list[Row]:
    data = folder / "requests"
    write_requests(scene, data, seed=1)
    rows = []
    with running("ceiling", FIRST_PORT, {"LINES": str(scene.lines)}):
        everybody = {"ceiling": f"http://127.0.0.1:{FIRST_PORT}", **urls}
        for connections in scene.connections:
            runs: dict[str, list[Measured]] = defaultdict(list)
            for number in range(WARM_UPS + options.rounds):
                for name in scene.contestants:
                    run = run_wrk(
                        everybody[name],
                        HERE / "requests.lua",
                        data,
                        connections=connections,
                        seconds=options.seconds,
                    )
                    if number >= WARM_UPS:
                        runs[name].append(run)
            rows.append(Row(scene.name, connections, {name: _middle(found) for name, found in runs.items()}))
            print(rows[-1].line(), flush=True)
    return rows


def _middle(runs: list[Measured]) -> Measured:
    return Measured(
        rate=median(run.rate for run in runs),
        median=median(run.median for run in runs),
        p99=median(run.p99 for run in runs),
        refused=round(median(run.refused for run in runs)),
        requests=round(median(run.requests for run in runs)),
    )


if __name__ == "__main__":
    main()
