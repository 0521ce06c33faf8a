"""Published numbers, this run and the standard runs in one table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
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
) -> pd.DataFrame:
    """Table of a section: what is published, what this run gave, and what the standard runs gave.

    Args:
        section: Table or figure, as it was given to `Record.add`.
        record: This run.
        standard: The standard runs, one record per seed (see `load_standard`); may be empty.
        reported: Published rows: numbers in columns named as in `columns` (a column that is not there counts as not
            published) and a name in column `row`. Without that column, as in `ltnb.papers.reported`, a row is named by
            its `key`, or where that is empty by the column that follows.
        columns: Names of numbers.

    Returns:
        Texts, in columns `source`, `row` and `columns`; first the published rows, then this run's, then the standard
        runs', each in their own order. Published numbers stand with up to two decimals, ours have one decimal, standard
        ones are "mean ± sample standard deviation" over the seeds, and what does not exist is "–".

    Raises:
        ValueError: If neither this run nor the standard ones have such a section.
    """
    require(["pandas"], "a table")
    import pandas as pd

    rows = _row_names([record], section)
    standard_rows = _row_names(standard, section)
    if not rows and not standard_rows:
        known = sorted({values["section"] for each in (record, *standard) for values in each.metrics})
        raise ValueError(f"section must be one of {', '.join(known) or '(none recorded yet)'}, got {section!r}")
    lines: list[list[str]] = []
    if reported is not None:
        for name, (_, published) in zip(_published_names(reported), reported.iterrows(), strict=True):
            lines.append(["published", name, *(digits(published.get(column)) for column in columns)])
    for row in rows:
        lines.append(["this run", row, *(_cell(record.value(section, row, column)) for column in columns)])
    seeds = f"standard, {len(standard)} seed{'s' if len(standard) != 1 else ''}"
    for row in standard_rows:
        cells = [_mean_cell([each.value(section, row, column) for each in standard]) for column in columns]
        lines.append([seeds, row, *cells])
    return pd.DataFrame(lines, columns=["source", "row", *columns])


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


def _cell(value: Any) -> str:
    return digits(value, most=1)


def _mean_cell(values: Sequence[Any]) -> str:
    mean, sd, n = _mean_sd(values)
    return _cell(mean) if n < 2 else f"{mean:.1f} ± {sd:.1f}"
