"""How fast operations are written: every contestant in every scene, in turn."""

import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from bench.contestants import Asked, all_running, running
from bench.load.wrk import Measured, require_wrk, run_wrk
from bench.results import Row
from bench.scenes import Scene, scenes, write_requests

WARM_UPS = 2
FIRST_PORT = 8700
MONGO_PORT = 27700
SCRIPT = Path(__file__).parent / "load" / "requests.lua"


def measure_writes(only: str, rounds: int, seconds: int) -> list[Row]:
    """Measure the scenes whose name holds `only`.

    Args:
        only: part of a name; empty for all scenes.
        rounds: measured rounds, after two warm-ups.
        seconds: how long a run takes.
    """
    require_wrk()
    chosen = [scene for scene in scenes() if only in scene.name]
    names = sorted({name for scene in chosen for name in scene.contestants if name != "ceiling"})
    with (
        tempfile.TemporaryDirectory(prefix="store_api-bench-") as folder,
        all_running(names, Path(folder), FIRST_PORT + 1, MONGO_PORT) as contestants,
    ):
        return [
            row for scene in chosen for row in _measure(scene, contestants, Path(folder), rounds, seconds)
        ]


def _measure(
    scene: Scene, contestants: dict[str, Asked], folder: Path, rounds: int, seconds: int
) -> list[Row]:
    data = folder / "requests"
    write_requests(scene, data, seed=1)
    rows = []
    with running("ceiling", FIRST_PORT, {"LINES": str(scene.lines)}):
        everybody = {"ceiling": Asked(f"http://127.0.0.1:{FIRST_PORT}"), **contestants}
        for connections in scene.connections:
            runs: dict[str, list[Measured]] = defaultdict(list)
            for number in range(WARM_UPS + rounds):
                # There and back: what one leaves behind must not always meet the same one.
                for name in scene.contestants[:: 1 if number % 2 else -1]:
                    run = run_wrk(
                        everybody[name].url,
                        SCRIPT,
                        data,
                        connections=connections,
                        seconds=seconds,
                        keyed=scene.is_keyed,
                        token=everybody[name].token,
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
