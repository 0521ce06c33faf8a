"""The papers' printed numbers, read from the CSV files that stand beside this module.

One file a table: ``<paper>/<table>.csv``, for example ``ballad/table4.csv``. A file opens with lines ``# source:``,
``# caption:``, ``# numbers:`` (the columns that are numbers) and ``# note:``, then a header and the rows. To add a
paper, add a folder; nothing here changes. Columns:

- ``key``: the row's name in our own records, empty where a lesson has no counterpart (see :func:`published`);
- the paper's row labels (method, backbone, dataset, ...);
- numbers as printed, accuracies in percent and gains in points: ``many medium few overall`` (the papers' "All"), ...;
  NaN where the text gives none or is not legible;
- ``flag``: empty, or one or more of the codes in :data:`FLAGS`; ``note``: what to know about the row.
"""

from __future__ import annotations

import csv
import difflib
import math
from pathlib import Path
from typing import TYPE_CHECKING

from ltnb._optional import require

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).parent
FLAGS = {
    "sum": "the printed overall is not the class-weighted mean of the printed groups, by more than rounding allows",
    "conflict": "another place of the same paper prints another number for the same setting",
    "gain": "the text states an improvement that the printed numbers do not give",
    "recall": "the printed recall is not the printed overall, its equal on a balanced test set, by more than 0.01",
    "lists": "the public list files of the data set give another number",
    "caption": "the printed caption describes another table; the numbers themselves stand",
    "text": "the text ranks the row otherwise than the printed numbers do; the numbers themselves stand",
}
HARMLESS = frozenset({"caption", "text"})
"""Flags under which the numbers of a row are not in question."""
SECTIONS = {"ballad/tables1_3": "ballad_bmvc/table1"}
"""Sections of a lesson that are compared with a table of another name."""


def table_names() -> list[str]:
    """Names that :func:`reported` takes, sorted so that table2 stands before table10."""
    names = [f"{path.parent.name}/{path.stem}" for path in ROOT.glob("*/*.csv")]
    return sorted(names, key=lambda name: (name.rstrip("0123456789"), int(name[len(name.rstrip("0123456789")) :] or 0)))


def reported(table: str) -> pd.DataFrame:
    """One table or figure of a paper as the paper prints it.

    Args:
        table: ``"<paper>/<table>"``, for example ``"ballad/table4"``, ``"ballad/figure4"`` or ``"ballad_bmvc/table1"``.

    Returns:
        A frame with one row per printed row, in printed order. The numbers are float64 (percent or points; NaN where
        nothing legible is printed), all other columns strings. ``.attrs`` holds ``name``, ``source``, ``caption``,
        ``note`` and ``numbers`` (names of the number columns, separated by spaces).

    Raises:
        ValueError: If there is no such table; the message lists the tables and the nearest name.
    """
    require(["pandas"], "a table")
    import pandas as pd

    names = table_names()
    if table not in names:
        near = difflib.get_close_matches(str(table), names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"table: no reported table {table!r}{hint} Known tables: {', '.join(names)}")
    lines = (ROOT / f"{table}.csv").read_text(encoding="utf-8").splitlines()
    head = [line[2:].split(": ", 1) for line in lines if line.startswith("# ")]
    columns, *rows = csv.reader(lines[len(head) :])
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs.update({"name": table, **{field: text for field, text in head}})
    for name in frame.attrs["numbers"].split():
        frame[name] = frame[name].astype("float64")
    return frame


def trusted(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a reported table whose numbers nothing contradicts: what a gain chart may show.

    Rows flagged only ``caption`` or ``text`` stay, since their numbers are not in question.

    Args:
        frame: What :func:`reported` returned.

    Returns:
        A copy with the same columns and ``attrs``, without the rows that have any other flag.
    """
    keep = [set(flag.split()) <= HARMLESS for flag in frame["flag"]]
    return frame[keep].copy()


def published(quantity: str) -> float:
    """The published counterpart of one of our measured quantities.

    Args:
        quantity: ``"lesson/section/row/metric"``, for example ``"02_ballad/table6/visual/overall"``. The lesson without
            its number is the paper's folder, the section its table, the row the value in column ``key``. The metric is
            a column of numbers, or ``gap``, which stands for many minus few.

    Returns:
        The number in percent or points; NaN when the paper prints none for that row or metric.

    Raises:
        ValueError: If the quantity does not have four parts or its table is not known.
    """
    parts = quantity.split("/")
    if len(parts) != 4:
        raise ValueError(f"quantity: need 'lesson/section/row/metric', got {quantity!r}")
    lesson, section, row, metric = parts
    name = f"{lesson.lstrip('0123456789').lstrip('_')}/{section}"
    frame = reported(SECTIONS.get(name, name))
    match = frame[frame["key"] == row]
    needed = ["many", "few"] if metric == "gap" else [metric]
    if not row or match.empty or not set(needed) <= set(frame.attrs["numbers"].split()):
        return math.nan
    values = [float(match[column].iloc[0]) for column in needed]
    return round(values[0] - values[1], 2) if metric == "gap" else values[0]
