"""What a run found, as a table and as a plot."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import matplotlib as mpl

from bench.contestants import TOKENS
from bench.load.wrk import Measured

mpl.use("Agg")

from matplotlib import pyplot as plt

NAMES = {
    "ceiling": "bare Sanic",
    "store_api": "store_api",
    "no_ledger": "without a ledger",
    "one_token": "with a token",
    "many_tokens": "with one of 10,000 tokens",
    "direct": "without group commit",
    "unwatched": "without watching",
    "fastapi_motor": "FastAPI + Motor",
    "fastapi_models": "with response models",
}
COLOURS = {
    "ceiling": "#9aa5b1",
    "store_api": "#0b6e4f",
    "no_ledger": "#0f9b73",
    "one_token": "#2f8f6b",
    "many_tokens": "#59a98b",
    "direct": "#7fb69e",
    "unwatched": "#4a9d8e",
    "fastapi_motor": "#c8553d",
    "fastapi_models": "#e2a08f",
}


Figures = list[tuple[str, str]]
"""What was measured, and how much it was, in words."""


@dataclass(frozen=True, slots=True)
class Row:
    """One scene at one number of connections: the medians of each contestant."""

    scene: str
    connections: int
    found: dict[str, Measured]

    def line(self) -> str:
        """Write the row as one line of a Markdown table."""
        cells = [self.scene, str(self.connections)]
        for name in NAMES:
            one = self.found.get(name)
            cells.append(f"{one.rate:,.0f} ({one.median:.2f} / {one.p99:.1f} ms)" if one else "")
        cells += [self._ratio("ceiling"), self._ratio("fastapi_motor"), self._ratio("no_ledger")]
        cells += [self._kept(), self._share_refused()]
        return "| " + " | ".join(cells) + " |"

    def _ratio(self, other: str) -> str:
        return f"{self.found['store_api'].rate / self.found[other].rate:.2f}" if other in self.found else ""

    def _kept(self) -> str:
        """Tell what is left of the rate where each caller is asked for a token; of the slower of the two."""
        rates = [self.found[name].rate for name in TOKENS if name in self.found]
        return f"{min(rates) / self.found['store_api'].rate:.2f}" if rates else ""

    def _share_refused(self) -> str:
        ours = self.found["store_api"]
        return f"{ours.refused / ours.requests:.0%}" if ours.refused else ""


def machine() -> str:
    """Name the machine and the versions."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next(
            (
                line.partition(":")[2].strip()
                for line in cpuinfo.read_text().splitlines()
                if "model name" in line
            ),
            model,
        )
    names = ("sanic", "motor", "pymongo", "fastapi", "uvicorn", "uvloop")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {model}, {system}, {packages}"


def write_page(file: Path, intro: str, rows: list[Row], seconds: int, told: Figures, grown: Figures) -> str:
    """Write the run as a page of Markdown, and give its text.

    Args:
        file: where to.
        intro: what stands above the tables.
        rows: the scenes of the writes.
        seconds: how long each of their runs took.
        told: what pushes need, and what was measured.
        grown: what memory is needed for, and how much.
    """
    parts = [intro]
    if rows:
        head = ["scene", "connections", *NAMES.values(), "of bare Sanic", "times FastAPI"]
        head += ["kept with the ledger", "kept with tokens", "refused"]
        parts.append(
            f"## Writes\n\nRequests a second (median / 99th percentile latency), {seconds} s a run.\n\n"
            f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n" + "\n".join(row.line() for row in rows) + "\n"
        )
    for title, figures in (("Pushes, and the ledger", told), ("Memory", grown)):
        if figures:
            lines = "\n".join(f"| {what} | {found} |" for what, found in figures)
            parts.append(f"## {title}\n\n| what | measured |\n|---|---|\n{lines}\n")
    text = "\n".join(parts)
    file.write_text(text)
    return text


def _offset(row: Row, name: str) -> float:
    """Tell how many bars below the middle of its row a contestant is; those who take part stand together."""
    taking_part = [each for each in NAMES if each in row.found]
    return taking_part.index(name) - (len(taking_part) - 1) / 2


def write_plot(file: Path, rows: list[Row]) -> None:
    """Draw requests a second, one group of bars a scene."""
    figure, axes = plt.subplots(figsize=(9, 0.5 + 0.95 * len(rows)), layout="constrained")
    height = 0.8 / max(len(row.found) for row in rows)
    for name, label in NAMES.items():
        places = [place + _offset(row, name) * height for place, row in enumerate(rows) if name in row.found]
        rates = [row.found[name].rate for row in rows if name in row.found]
        bars = axes.barh(places, rates, height * 0.92, label=label, color=COLOURS[name])
        axes.bar_label(bars, [f"{rate:,.0f}" for rate in rates], padding=3, fontsize=8)
    axes.set_yticks(
        list(range(len(rows))),
        [f"{row.scene}\n{row.connections} connection{'s' * (row.connections > 1)}" for row in rows],
        fontsize=9,
    )
    axes.invert_yaxis()
    axes.set_xlabel("requests a second")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    figure.savefig(file, dpi=150)
    plt.close(figure)
