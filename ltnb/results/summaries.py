"""Published numbers, the standard runs and this run in one table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ltnb._optional import require
from ltnb.results.record import Record

if TYPE_CHECKING:
    import pandas as pd

GROUPS = ("overall", "many", "medium", "few")
MISSING = "–"


def summary(records: Sequence[Record], section: str, columns: Sequence[str] = GROUPS) -> pd.DataFrame:
    """Mean and standard deviation over seeds of the rows of a section.

    Args:
        records: One record per seed.
        section: Table or figure, as it was given to `Record.add`.
        columns: Names of numbers, `"gap"` (many minus few) included.

    Returns:
        One line per row, in the order in which the records first name them: `row`, then for each column `<column>`
        (mean), `<column>_sd` (sample standard deviation, NaN for one seed) and `<column>_n` (seeds that have it).
    """
    require(["pandas"], "a table")
    import pandas as pd

    lines = []
    for row in _row_names(records, section):
        line: dict[str, Any] = {"row": row}
        for column in columns:
            mean, sd, n = _mean_sd([record.value(section, row, column) for record in records])
            line |= {column: mean, f"{column}_sd": sd, f"{column}_n": n}
        lines.append(line)
    return pd.DataFrame(lines, columns=["row", *(c + end for c in columns for end in ("", "_sd", "_n"))])


def comparison(
    section: str,
    record: Record,
    standard: Sequence[Record] = (),
    reported: pd.DataFrame | None = None,
    columns: Sequence[str] = GROUPS,
    *,
    baseline: str | None = None,
    names: Mapping[str, str] | None = None,
    no_standard: str = "",
    others: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]] | None = None,
) -> pd.DataFrame:
    """Table of a section: what is published, what the standard runs gave, and what this run gave, side by side.

    Args:
        section: Table or figure, as it was given to `Record.add`.
        record: This run.
        standard: The standard runs, one record per seed (see `load_standard`); may be empty.
        reported: Published rows: numbers in columns named as in `columns` (a column that is not there counts as not
            published) and a name in column `row`. Without that column, as in `ltnb.papers.reported`, a row is named by
            its `key`, or where that is empty by the column that follows.
        columns: Names of numbers.
        baseline: Row that the others are compared with: behind every other number stands the difference, in brackets.
            Differences can be compared across worlds, heights cannot.
        names: Row to what a reader calls it; others are shown with spaces in the place of underscores.
        no_standard: Where there is no standard run, a last column with this title says so; empty leaves it out.
        others: Further measurements, each a column group: title -> row -> name of a number -> one value a seed, the
            seeds in one order.

    Returns:
        Texts. One line a row: first the published ones, then those that only we have. Columns in groups (a
        `MultiIndex`): "published" (if `reported` is given), "standard, n seeds", "this run". Published numbers stand
        with up to two decimals, ours have one, standard ones are "mean ± sample standard deviation" over the seeds
        (differences too, paired by seed), and what does not exist is "–".

    Raises:
        ValueError: If neither this run nor the standard ones have such a section, or no row is called `baseline`.
    """
    require(["pandas"], "a table")
    import pandas as pd

    ours = list(dict.fromkeys([*_row_names([record], section), *_row_names(standard, section)]))
    if not ours:
        known = sorted({values["section"] for each in (record, *standard) for values in each.metrics})
        raise ValueError(f"section must be one of {', '.join(known) or '(none recorded yet)'}, got {section!r}")
    published = _published(reported)
    rows = list(dict.fromkeys([*published, *ours]))
    if baseline is not None and baseline not in rows:
        raise ValueError(f"baseline must be one of {', '.join(rows)}, got {baseline!r}")
    groups = _sources(section, record, standard, None if reported is None else published)
    cells = {
        (group, column): [_cell(values, row, column, baseline, 2 if group == PUBLISHED else 1) for row in rows]
        for group, values in groups.items()
        for column in columns
    }
    for title, found in (others or {}).items():
        values = _of_others(found)
        for column in dict.fromkeys(name for numbers in found.values() for name in numbers):
            cells[title, column] = [_cell(values, row, column, baseline, 1) for row in rows]
    if no_standard and not standard:
        cells[no_standard, ""] = [MISSING] * len(rows)
    shown = [(names or {}).get(row, row.replace("_", " ")) for row in rows]
    return pd.DataFrame(cells, index=pd.Index(shown, name=""))


def gains(
    section: str,
    record: Record,
    standard: Sequence[Record],
    reported: pd.DataFrame | None,
    column: str,
    baseline: str,
    others: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]] | None = None,
) -> dict[str, dict[str, list[float]]]:
    """What the rows of a section gain over one of them, by who measured it: the differences behind `comparison`.

    Args:
        section: Table or figure, as it was given to `Record.add`.
        record: This run.
        standard: The standard runs.
        reported: Published rows, as of `comparison`; None for none.
        column: Name of a number.
        baseline: Row that the others are compared with.
        others: Further measurements, as of `comparison`.

    Returns:
        Title of the source -> row -> one difference a seed, in percentage points; rows without any are left out.
    """
    published = _published(reported)
    rows = dict.fromkeys([*published, *_row_names([record], section), *_row_names(standard, section)])
    sources = _sources(section, record, standard, None if reported is None else published)
    sources |= {title: _of_others(found) for title, found in (others or {}).items()}
    found: dict[str, dict[str, list[float]]] = {}
    for title, values in sources.items():
        own = {row: _differences(values, row, column, baseline) for row in rows if row != baseline}
        found[title] = {row: differences for row, differences in own.items() if differences}
    return found


PUBLISHED = "published"
_Values = Callable[[str, str], list[Any]]
"""Row and column -> the numbers of each seed."""


def _of_others(found: Mapping[str, Mapping[str, Sequence[float]]]) -> _Values:
    seeds = max((len(numbers) for columns in found.values() for numbers in columns.values()), default=0)
    nothing = [None] * seeds
    return lambda row, column: list(found.get(row, {}).get(column, nothing))


def _published(reported: pd.DataFrame | None) -> dict[str, dict[Any, Any]]:
    """Row -> its numbers by column."""
    if reported is None:
        return {}
    return dict(zip(_published_names(reported), reported.to_dict("records"), strict=True))


def _sources(
    section: str, record: Record, standard: Sequence[Record], published: Mapping[str, Mapping[Any, Any]] | None
) -> dict[str, _Values]:
    """Title of a column group -> its numbers."""

    def runs(records: Sequence[Record]) -> _Values:
        return lambda row, column: [each.value(section, row, column) for each in records]

    found: dict[str, _Values] = {}
    if published is not None:
        found[PUBLISHED] = lambda row, column: [published.get(row, {}).get(column)]
    if standard:
        found[f"standard, {len(standard)} seed{'s' if len(standard) != 1 else ''}"] = runs(standard)
    return found | {"this run": runs([record])}


def _differences(values: _Values, row: str, column: str, baseline: str) -> list[float]:
    pairs = zip(map(_number, values(row, column)), map(_number, values(baseline, column)), strict=True)
    return [own - other for own, other in pairs if math.isfinite(own - other)]


def _cell(values: _Values, row: str, column: str, baseline: str | None, most: int) -> str:
    text = _mean_cell(values(row, column), most)
    if baseline in (None, row) or text == MISSING:
        return text
    mean, sd, n = _mean_sd(_differences(values, row, column, str(baseline)))
    if not n:
        return text
    difference = f"{mean:+.1f}" if most < 2 or round(mean, 1) == round(mean, 2) else f"{mean:+.2f}"
    return f"{text} ({difference}{'' if n < 2 else f' ± {sd:.1f}'})"


def _row_names(records: Sequence[Record], section: str) -> list[str]:
    names = (values["row"] for record in records for values in record.metrics if values["section"] == section)
    return list(dict.fromkeys(names))


def _published_names(reported: pd.DataFrame) -> list[str]:
    if "row" in reported.columns:
        return [str(name) for name in reported["row"]]
    others = [column for column in reported.columns if column != "key"]
    keys = list(reported["key"]) if "key" in reported.columns else [""] * len(reported)
    return [str(key or name) for key, name in zip(keys, reported[others[0]], strict=True)]


def _number(value: Any) -> float:
    """A float, NaN for what does not exist or is no number."""
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def _mean_sd(values: Sequence[Any]) -> tuple[float, float, int]:
    numbers = [number for number in map(_number, values) if math.isfinite(number)]
    mean = statistics.fmean(numbers) if numbers else math.nan
    return mean, statistics.stdev(numbers) if len(numbers) > 1 else math.nan, len(numbers)


def digits(value: Any, most: int = 2) -> str:
    """A number with one decimal, or with as many as it is printed with, up to `most`; "–" for what does not exist."""
    number = _number(value)
    if not math.isfinite(number):
        return MISSING
    return f"{number:.1f}" if most < 2 or round(number, 1) == number else f"{number:.{most}f}"


def _mean_cell(values: Sequence[Any], most: int = 1) -> str:
    mean, sd, n = _mean_sd(values)
    return digits(mean, most) if n < 2 else f"{mean:.1f} ± {sd:.1f}"
