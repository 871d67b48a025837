"""The picture: what is chosen, and that it can be read: nothing cut, nothing over something else."""

import io
import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import combinations
from random import Random

import matplotlib.image
import pytest
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox, BboxBase

from bot.compose.draw_chart import figure_of, png, style
from bot.compose.fonts import amount
from bot.report.changes import Lasting, Outlook
from bot.report.chart import Picture, picture
from bot.report.stocktake import EarlierReport, Stocktake, StoreStock, Totals, Trouble

AT = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
HEADING = (
    "Stock · Tue 24 Nov 2026",
    "21:00 America/Argentina/ComodRivadavia · 10,000 stores, 1 item, 2 units",
)
WEIRD = (
    "=1+1",
    "$x$",
    "a.b",
    "арт-1",
    "מוצר",
    "東京の品物",
    "🍎",
    "W" * 128,
    "\\frac{1}{0}",
    "a/b",
    "_%^{}#&~",
    "\n",
)


def store(store_id: str, lines: int, seed: int = 1, largest: int = 10**4) -> StoreStock:
    random = Random(seed)
    names = [*WEIRD, *(f"item-{number}" for number in range(lines))][:lines]
    return StoreStock(store_id, {name: random.randint(1, largest) for name in names})


def outlook_of(stores: list[StoreStock]) -> Outlook:
    """Let what there is least of be sold at a piece a week."""
    lines = [(left, one.store_id, item_id) for one in stores for item_id, left in one.stock.items() if left]
    return Outlook([Lasting(store_id, item_id, n, n / 7) for n, store_id, item_id in sorted(lines)[:8]], 7)


def drawn(stores: list[StoreStock], days: int = 0, earlier: bool = True) -> Picture:
    before = {one.store_id: Totals(1, one.totals.units + change) for change, one in enumerate(stores)}
    history = [(TODAY - timedelta(days=days - number), 100 + number % 7) for number in range(1, days + 1)]
    past = EarlierReport(TODAY - timedelta(days=1), before) if earlier else None
    return picture(Stocktake(AT, stores), past, history, HEADING, outlook_of(stores))


SCENES = {
    "nothing": drawn([]),
    "one empty store": drawn([StoreStock("empty", {})]),
    "one line": drawn([store("one", 1)], days=2),
    "one store": drawn([store("one", 40)], days=1),
    "two stores, a year": drawn([store("one", 5), store("two", 40, 2)], days=365),
    "many stores": drawn(
        [store(f"{name}-{number}", 30, number) for number in range(9) for name in WEIRD], days=30
    ),
    "huge numbers": drawn([store("one", 40, 3, 2**63 - 1), store("W" * 40, 40, 4, 2**63 - 1)], days=9),
    "equal and tiny": drawn(
        [StoreStock(f"s{n}", {f"item-{i}": 1 for i in range(9)}) for n in range(3)], days=3
    ),
    "W everywhere": drawn(
        [StoreStock("W" * (30 + n), {"W" * (30 + i): 9_999_999 for i in range(9)}) for n in range(9)]
    ),
}

every_scene = pytest.mark.parametrize("scene", SCENES)


@cache
def texts(scene: str) -> tuple[list[tuple[str, Bbox]], BboxBase]:
    """The texts that are drawn and where, and the whole sheet, in dots."""
    with rc_context(style()):
        figure = figure_of(SCENES[scene])
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        ticks = [label for axes in figure.axes for label in drawn_ticks(axes)]
        others = [*figure.texts]
        for axes in figure.axes:
            titles = (*axes.texts, *(found for found in axes.findobj(Text) if found in axes.get_children()))
            others += [found for found in titles if isinstance(found, Text)]
        shown = {id(found): found for found in [*others, *ticks] if found.get_text().strip()}.values()
        return [(found.get_text(), found.get_window_extent()) for found in shown], figure.bbox


def drawn_ticks(axes: Axes) -> Iterator[Text]:
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if tick.label1.get_visible() and low <= float(tick.get_loc()) <= high:
                yield tick.label1


@every_scene
def test_no_text_is_cut(scene: str) -> None:
    found, sheet = texts(scene)
    assert {HEADING[0]} <= {text for text, _ in found}
    for text, box in found:
        assert sheet.x0 <= box.x0 < box.x1 <= sheet.x1, text
        assert sheet.y0 <= box.y0 < box.y1 <= sheet.y1, text


@every_scene
def test_no_text_is_over_another(scene: str) -> None:
    found, _ = texts(scene)
    for (one, its_box), (other, other_box) in combinations(found, 2):
        shared = Bbox.intersection(its_box, other_box)
        # Boxes reach a little beyond the ink of their letters.
        assert shared is None or min(shared.width, shared.height) < 3, (one, other)


@every_scene
def test_it_is_a_light_png_of_a_phone_s_width_that_telegram_takes(scene: str) -> None:
    file = png(SCENES[scene])
    wide, high = struct.unpack(">II", file[16:24])
    assert wide == 1080
    assert 150 < high < 2200
    assert len(file) < 10**6
    dots = matplotlib.image.imread(io.BytesIO(file))[:, :, :3]
    edges = [dots[0], dots[-1], dots[:, 0], dots[:, -1]]
    assert all((edge == 1).all() for edge in edges)
    assert dots.mean() > 0.8


def test_of_many_stores_the_largest_are_shown() -> None:
    chosen = drawn([store(f"store-{number:02}", 3, number) for number in range(14)]).panels[0]
    assert (chosen.title, chosen.note) == ("Largest 10 of 14 stores", "since Mon 23 Nov")
    units = [bar.units for bar in chosen.bars]
    assert len(units) == 10
    assert units == sorted(units, reverse=True)


def test_of_one_store_its_largest_lines_are_shown() -> None:
    largest, low = drawn([StoreStock("s", {f"item-{n:02}": n for n in range(1, 15)})]).panels
    assert [bar.units for bar in largest.bars] == [14, 13, 12, 11, 10, 9, 8, 7, 6, 5]
    assert [bar.place for bar in low.bars] == [""] * 8


def test_what_runs_out_first_says_when_and_where() -> None:
    stores = [StoreStock("a", {"tea": 2, "milk": 9}), StoreStock("b", {"tea": 4000})]
    low = drawn(stores).panels[1]
    assert (low.title, low.note) == ("Runs out first", "at the pace of the last 7 days")
    assert [(bar.label, bar.place, bar.text) for bar in low.bars] == [
        ("tea", "a", "6 hours"), ("milk", "a", "1 day"), ("tea", "b", "over a year")
    ]  # fmt: skip
    assert [bar.units for bar in low.bars] == [2 / 7, 9 / 7, 365]


def test_without_a_ledger_nothing_is_said_to_run_out() -> None:
    stores = Stocktake(AT, [StoreStock("a", {"tea": 2})])
    for outlook in (None, Outlook([], 7)):
        assert [panel.title for panel in picture(stores, None, [], HEADING, outlook).panels] == ["Largest"]


def test_stores_in_trouble_are_left_out() -> None:
    assert drawn([StoreStock("x", {}, Trouble.BROKEN)], earlier=False).panels == []


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (0, "0"),
        (1234, "1,234"),
        (9_999_999, "9,999,999"),
        (12_345_678, "12.3M"),
        (2.5e10, "25.0G"),
        (9.2e18, "9.2e18"),
    ],
)
def test_long_numbers_are_shortened(units: float, text: str) -> None:
    assert amount(units) == text
