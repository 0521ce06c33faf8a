"""Sentences of a lesson whose numbers are filled in from what was measured: text and records cannot disagree."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence

from ltnb._checks import fail
from ltnb.lesson.claims import DECIDES, standard_error
from ltnb.results import Record
from ltnb.results.paired import paired_difference
from ltnb.results.summaries import MISSING, digits

_FIELD = re.compile(r"\{([^{}/]+/[^{}/]+/[^{}:]+?)(?::(\w+))?\}")  # two slashes at least, as no LaTeX has


def filled(text: str, record: Record, standard: Sequence[Record]) -> str:
    """A text with its numbers.

    Fields stand in braces: ``{section/row/metric}`` becomes the mean over the standard runs, or the number of the run
    at hand where there are none (with ``:whole`` behind it a whole number, as of steps);
    ``{section/row/metric - section/row/metric}`` becomes a difference, paired by seed, with its 95 % interval, and with
    ``:words`` behind it ``1.8 points more (95 % interval +0.4 to +3.2)``. What was not measured is an en dash.

    Args:
        text: Markdown.
        record: the run at hand.
        standard: the standard runs that stand beside it.

    Raises:
        ValueError: a field that is none of these.
    """
    return _FIELD.sub(lambda field: _number(field[1], field[2] or "", record, standard), text)


def _number(expression: str, form: str, record: Record, standard: Sequence[Record]) -> str:
    parts = [part.split("/") for part in " ".join(expression.split()).split(" - ")]
    if len(parts) > 2 or any(len(part) != 3 for part in parts) or form not in ("", "words", "whole"):
        fail("text", "with fields {section/row/metric} or {one - other}, and :words or :whole at most", expression)
    values = [[run.value(*part) for run in standard] for part in parts]
    here = [record.value(*part) for part in parts]
    if len(parts) == 1:
        if form == "words":
            fail("text", "with :words behind differences only", expression)
        known = [value for value in values[0] if value is not None and math.isfinite(value)]
        value = statistics.fmean(known) if known else here[0]
        return f"{value:,.0f}" if form == "whole" and value is not None else digits(value, 1)
    if form == "whole":
        fail("text", "with :whole behind single numbers only", expression)
    found = paired_difference(values[1], values[0])
    if found.n:
        mean, sure = found.mean, f"95 % interval {found.low:+.1f} to {found.high:+.1f}"
        if found.n == 1:
            sure = "one seed"
        elif found.low <= 0 <= found.high:
            sure += f", so {found.n} seeds do not decide it"
    else:
        if here[0] is None or here[1] is None:
            return MISSING
        mean, error = here[0] - here[1], standard_error(record, parts)
        sure = "one run, too small to decide" if error is not None and abs(mean) < DECIDES * error else "one run"
    if form:
        return f"{abs(mean):.1f} points {'more' if mean >= 0 else 'less'} ({sure})"
    return f"{mean:+.1f} ({sure})"
