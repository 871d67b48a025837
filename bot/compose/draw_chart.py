"""Draws the picture of the stock as a PNG, upright as a phone is.

Run as a program it draws one: a `Picture` as JSON comes in on stdin, the bytes go out on stdout.
matplotlib takes half a second to be imported and a second to draw, so the bot draws in a process of its own.
"""

import io
import os
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

import matplotlib as mpl
import msgspec
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bot.compose.fonts import Ruler, amount, drawable, families
from bot.report.chart import Bar, Panel, Picture

INCHES_WIDE, DOTS_AN_INCH = 6.0, 180
"""1,080 dots: as wide as most phones."""

TREND_INCHES, BAR_INCHES, PANEL_INCHES, HEAD_INCHES = 1.5, 0.27, 0.55, 0.75

LABEL_SIZE, SMALL_SIZE = 10.0, 9.5
LABEL_INCHES, PLACE_INCHES, PADDING_INCHES = 1.75, 1.2, 0.35

INK, FAINT, LINE = "#1f2933", "#616e7c", "#d3dae2"
STOCK, LOW, MORE, LESS = "#2a6f97", "#d9822b", "#1b7f4b", "#b3261e"

_STYLE: dict[Any, Any] = {
    "font.size": LABEL_SIZE,
    "text.color": INK,
    "text.parse_math": False,  # `$x$` is an honest item id
    "axes.edgecolor": LINE,
    "axes.labelcolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": INK,
    "figure.facecolor": "white",
}


def png(picture: Picture) -> bytes:
    """Draw it: 1,080 dots wide, no more than about 2,000 high."""
    with mpl.rc_context(style()):
        file = io.BytesIO()
        figure_of(picture).savefig(file, format="png", dpi=DOTS_AN_INCH)
    return file.getvalue()


def style() -> dict[Any, Any]:
    """Give matplotlib's settings for it."""
    return {**_STYLE, "font.family": list(families())}


def figure_of(picture: Picture) -> Figure:
    """Lay the panels out, one under the other."""
    trend = len(picture.days) > 1
    heights = [TREND_INCHES + PANEL_INCHES] * trend + [_inches(panel) for panel in picture.panels]
    inches_high = HEAD_INCHES + (sum(heights) or PANEL_INCHES)
    under_head = (0.01, 0.01, 0.96, 0.99 - HEAD_INCHES / inches_high)
    layout = ConstrainedLayoutEngine(rect=under_head, hspace=0.04)
    figure = Figure((INCHES_WIDE, inches_high), layout=layout)
    FigureCanvasAgg(figure)
    _head(figure, picture)
    if not heights:
        return figure
    axes = list(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
    if trend:
        _draw_trend(axes.pop(0), picture.days)
    ruler = Ruler(figure)
    labels = [_label(bar, ruler) for panel in picture.panels for bar in panel.bars]
    room = INCHES_WIDE * 0.96 - ruler.widest(labels, LABEL_SIZE) - PADDING_INCHES
    for place, panel in zip(axes, picture.panels, strict=True):
        _draw_bars(place, panel, ruler, room)
    return figure


def _head(figure: Figure, picture: Picture) -> None:
    high = figure.get_figheight()
    figure.text(0.035, 1 - 0.18 / high, drawable(picture.title), size=15, weight="bold", va="top")
    figure.text(0.035, 1 - 0.48 / high, drawable(picture.subtitle), size=10.5, color=FAINT, va="top")


def _inches(panel: Panel) -> float:
    return PANEL_INCHES + BAR_INCHES * len(panel.bars)


def _draw_trend(axes: Axes, days: Sequence[tuple[date, float]]) -> None:
    when, units = zip(*days, strict=True)
    _title(axes, "All units, day by day")
    axes.plot(when, units, color=STOCK, linewidth=2, marker="o", markersize=3.5)
    axes.plot(when[-1:], units[-1:], color=STOCK, marker="o", markersize=7)
    axes.annotate(
        amount(units[-1]),
        (when[-1], units[-1]),
        (0, 9),
        textcoords="offset points",
        ha="right",
        weight="bold",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
    )
    axes.margins(x=0.03, y=0.35)
    axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=2, maxticks=6, interval_multiples=False))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
    axes.tick_params(axis="y", colors=FAINT)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)


def _draw_bars(axes: Axes, panel: Panel, ruler: Ruler, inches: float) -> None:
    """Draw bars that leave room for the numbers and words beside them.

    Args:
        axes: where.
        panel: what.
        ruler: measures texts.
        inches: from the labels to the right edge.
    """
    _title(axes, panel.title, panel.note)
    places = range(len(panel.bars))
    amounts = [bar.text or amount(bar.units) for bar in panel.bars]
    beside = [_beside(bar, ruler) for bar in panel.bars]
    drawn = axes.barh(places, [bar.units for bar in panel.bars], 0.62, color=LOW if panel.is_low else STOCK)
    axes.set_yticks(places, [_label(bar, ruler) for bar in panel.bars])
    axes.bar_label(drawn, amounts, padding=4, weight="bold", size=SMALL_SIZE)
    right: dict[str, Any] = {
        "transform": axes.get_yaxis_transform(),
        "ha": "right",
        "va": "center",
        "size": SMALL_SIZE,
    }
    for place, (text, colour) in zip(places, beside, strict=True):
        axes.text(1.0, place, text, color=colour, **right)
    widest = max(1.0, *(bar.units for bar in panel.bars))
    words = ruler.widest(amounts, SMALL_SIZE, "bold") + ruler.widest([text for text, _ in beside], SMALL_SIZE)
    axes.set_xlim(0, widest * inches / max(0.5, inches - words - PADDING_INCHES))
    axes.set_ylim(len(panel.bars) - 0.4, -0.6)
    axes.tick_params(length=0, labelbottom=False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _label(bar: Bar, ruler: Ruler) -> str:
    return ruler.shortened(bar.label, LABEL_INCHES, LABEL_SIZE)


def _title(axes: Axes, text: str, note: str = "") -> None:
    axes.set_title(text, loc="left", size=11, weight="bold", color=FAINT, pad=7)
    axes.set_title(note, loc="right", size=9.5, color=FAINT, pad=7)


def _beside(bar: Bar, ruler: Ruler) -> tuple[str, str]:
    """Give what stands at the right end of a bar's line, and its colour."""
    if bar.before is None or bar.before == bar.units:
        return ruler.shortened(bar.place, PLACE_INCHES, SMALL_SIZE), FAINT
    grew = bar.units > bar.before
    return f"{'+' if grew else '−'}{amount(abs(bar.units - bar.before))}", MORE if grew else LESS


def main() -> None:
    """Draw the `Picture` on stdin."""
    os.nice(5)
    sys.stdout.buffer.write(png(msgspec.json.decode(sys.stdin.buffer.read(), type=Picture)))


if __name__ == "__main__":
    main()
