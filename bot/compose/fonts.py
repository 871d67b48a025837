"""Letters in the picture: which can be drawn, and how much room they take."""

from collections.abc import Iterable
from functools import cache

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

# What item ids may be written in, where the system has a font for it; DejaVu Sans comes with matplotlib.
_WISHED = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Droid Sans Fallback")
_STEERING = "\u2066\u2067\u2068\u2069"


@cache
def families() -> tuple[str, ...]:
    """List the fonts to draw with, the first one preferred."""
    installed = set(mpl.font_manager.get_font_names())
    return tuple(family for family in _WISHED if family in installed)


@cache
def _characters() -> frozenset[int]:
    return frozenset(code for family in families() for code in get_font(findfont(family)).get_charmap())


def drawable(text: str) -> str:
    """Leave out what only steers the text's direction, and put a box where no font has a character."""
    return "".join(
        character if ord(character) in _characters() else "□"
        for character in text
        if character not in _STEERING
    )


class Ruler:
    """Measures texts as they are drawn on a figure."""

    def __init__(self, figure: Figure) -> None:
        self._dots_an_inch = figure.dpi
        self._renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]

    def inches(self, text: str, size: float, weight: str = "normal") -> float:
        """Give a text's width."""
        font = FontProperties(family=families(), size=size, weight=weight)
        wide, _, _ = self._renderer.get_text_width_height_descent(text, font, False)
        return float(wide) / self._dots_an_inch

    def widest(self, texts: Iterable[str], size: float, weight: str = "normal") -> float:
        """Give the width of the widest of texts; 0 of none."""
        return max((self.inches(text, size, weight) for text in texts), default=0.0)

    def shortened(self, text: str, inches: float, size: float) -> str:
        """Give what can be drawn of a text in so much room."""
        text = shorter = drawable(text)
        while self.inches(shorter, size) > inches:
            text = text[:-1]
            shorter = f"{text.rstrip('… ')}…"
        return shorter


def amount(units: float) -> str:
    """Write a number of pieces, shortened where it is long: `1,234`, `12.3M`, `9.2e18`."""
    for least, unit, letter in ((10**15, 0.0, ""), (10**10, 1e9, "G"), (10**7, 1e6, "M")):
        if units >= least:
            return f"{units / unit:,.1f}{letter}" if unit else f"{units:.1e}".replace("e+", "e")
    return f"{units:,.0f}"
