"""Words of the caller in a chart: shown letter by letter, whatever they hold.

matplotlib reads ``$...$`` as mathematics, leaves names that start with ``_`` out of legends, and writes one warning for
each letter that its font lacks. All charts put their words through this module, where none of that happens.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ltnb._optional import CHARTS, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT = "DejaVu Sans"
# letters that FONT lacks come from the first of these that is installed and has them; the last comes with matplotlib
FALLBACKS = (
    *("Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Emoji"),
    *("Arial Unicode MS", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Segoe UI", "Segoe UI Symbol", "Segoe UI Emoji"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "FreeSans", "Symbola", "Unifont"),
    "STIXGeneral",
)
MISSING = "□"


@cache
def fonts() -> tuple[str, ...]:
    """The families that charts use, those that are installed, in order: the first that has a letter draws it."""
    require(CHARTS, "a chart")
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return (FONT, *(name for name in FALLBACKS if name in installed))


@cache
def _letters(families: tuple[str, ...]) -> frozenset[int]:
    """Code points that at least one of the families has."""
    from matplotlib import font_manager

    found = [font_manager.get_font(font_manager.findfont(font_manager.FontProperties(family=f))) for f in families]
    return frozenset().union(*(font.get_charmap() for font in found))


def drawable(texts: Sequence[Any], families: tuple[str, ...] | None = None) -> list[str]:
    """The texts as the fonts can draw them.

    Args:
        texts: Names, of any type that has a ``str``.
        families: Installed font families; None takes those of the charts.

    Returns:
        The texts. Control characters are spaces, signs that only join or vary other letters are left out where no font
        has them, and every other letter that no font has is ``□``; all such letters of a call are named in one warning.
    """
    known = _letters(families or fonts())
    lacking: dict[str, None] = {}

    def shown(letter: str) -> str:
        if ord(letter) in known or letter == "\n":
            return letter
        kind = unicodedata.category(letter)
        if kind == "Cc":
            return " "
        if kind in ("Cf", "Mn", "Me"):
            return ""
        lacking[letter] = None
        return MISSING

    result = ["".join(map(shown, str(text))) for text in texts]
    if lacking:
        named = ", ".join(f"U+{ord(letter):04X}" for letter in list(lacking)[:5])
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        warnings.warn(
            f"no font that is installed has {named}{more}; the chart shows {MISSING} instead: install a font that has "
            "them, such as Noto Sans CJK for Chinese, Japanese and Korean",
            stacklevel=4,
        )
    return result


_MATHEMATICS = re.compile(r"(?<!\\)\$(?! )[^$]*(?<![ \\])\$(?!\d)")
_DOLLAR = re.compile(r"(?<!\\)\$")


def sentence(text: str) -> str:
    r"""A title or the label of an axis, which may hold mathematics, as in ``r"factor $\lambda$"``.

    Args:
        text: Two ``$`` enclose mathematics where there is no space inside beside them and no digit behind them:
            ``"from $5 to $10"`` is none.

    Returns:
        The text for matplotlib, every ``$`` escaped where they do not all enclose mathematics that it can read.
    """
    from matplotlib.mathtext import MathTextParser

    (text,) = drawable([text])
    readable = not _DOLLAR.search(_MATHEMATICS.sub("", text))
    if readable and _DOLLAR.search(text):
        try:
            MathTextParser("path").parse(text)
        except ValueError:
            readable = False
    return text if readable else _DOLLAR.sub(r"\\$", text)


def name_ticks(ax: Axes, names: Sequence[Any], **look: Any) -> None:
    """Write names under the places 0, 1, ... of the horizontal axis."""
    ax.set_xticks(range(len(names)), drawable(names), parse_math=False, **look)


# what matplotlib calls an artist that was given no name
_UNNAMED = re.compile(r"|_nolegend_|_(child|container)\d+")


def draw_legend(ax: Axes, handles: Sequence[Any] | None = None, **look: Any) -> None:
    """Draw a legend of the handles (None: of everything in the axes that has a name) with their names as they are."""
    if handles is None:
        drawn: list[Any] = [*ax.lines, *ax.patches, *ax.collections, *ax.containers]
        handles = [artist for artist in drawn if not _UNNAMED.fullmatch(str(artist.get_label()))]
    box = ax.legend(handles=list(handles), labels=["-"] * len(handles), **look)
    for text, name in zip(box.get_texts(), drawable([handle.get_label() for handle in handles]), strict=True):
        text.set(text=name, parse_math=False)
