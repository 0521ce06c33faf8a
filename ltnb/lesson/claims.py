"""What a lesson says about the claims of its paper: the standard runs decide, the run at hand stands beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ltnb.results import Record, load_standard
from ltnb.results.summaries import MISSING, digits

if TYPE_CHECKING:
    from ltnb.papers import Verdict

# what a standard run does more of, or where and how it ran: all other parameters say what is measured
_SIZES = ("seed", "profile", "size", "test_per_class", "premise_draws", "device", "precision")
DECIDES = 2.0
"""Standard errors below which the difference of one run is called too small."""


@dataclass(frozen=True)
class Finding:
    """One claim: the verdict of the standard runs, and what the run at hand measured.

    Attributes:
        verdict: of the standard runs.
        left: the run's own number before the change that the claim is about; None where it has none.
        right: the same after the change.
        error: standard error of right minus left, as if they were of different test pictures; None where not known.
    """

    verdict: Verdict
    left: float | None
    right: float | None
    error: float | None

    @property
    def measured(self) -> bool:
        """Whether this run or a standard one has both numbers."""
        return bool(self.verdict.difference.n) or None not in (self.left, self.right)

    @property
    def here(self) -> str:
        """The numbers of this run, and whether their difference is beyond what the choice of test pictures does."""
        if self.left is None or self.right is None:
            return "not measured"
        difference = self.right - self.left
        small = self.error is not None and abs(difference) < DECIDES * self.error
        return f"{_pair(self.left, self.right, 1)} ({_signed(difference)}{', too small to decide' if small else ''})"

    def cells(self) -> dict[str, str]:
        """The row of a table."""
        claim = self.verdict.claim
        return {
            "claim": claim.id,
            "statement": claim.statement,
            "paper": _signed(claim.published_difference),
            "standard runs": self.verdict.interval,
            "verdict": self.verdict.words if self.verdict.difference.n else "no standard run",
            "this run": self.here,
        }

    def sentences(self, no_standard: str = "") -> str:
        """The same as a line of Markdown; `no_standard` says why there is no verdict."""
        claim = self.verdict.claim
        found = f"Standard runs: {self.verdict.interval}, **{self.verdict.words}**"
        if not self.verdict.difference.n:
            found = f"Verdict: {no_standard or 'no standard run of these settings yet'}"
        paper = _pair(claim.published_left, claim.published_right, 2)
        return f"**{claim.id}.** {claim.statement} Paper: {paper}. {found}. This run: {self.here}."


def findings(record: Record, standard: Sequence[Record]) -> list[Finding]:
    """Every claim that rests on a lesson.

    Args:
        record: the run at hand.
        standard: the standard runs that may stand beside it, see :func:`standard_runs`.
    """
    from ltnb.papers import CLAIMS, verdicts

    claims = [claim for claim in CLAIMS if claim.left.startswith(f"{record.lesson}/")]
    return [
        Finding(
            verdict,
            record.quantity(verdict.claim.left),
            record.quantity(verdict.claim.right),
            standard_error(record, [side.split("/")[1:] for side in (verdict.claim.left, verdict.claim.right)]),
        )
        for verdict in verdicts(claims, standard)
    ]


def standard_runs(record: Record, among: Sequence[Record] | None = None) -> tuple[list[Record], str]:
    """The standard runs that measured the same as a record; and what to say where its world has none.

    The same: world, and every parameter that does not say how much, where or how.

    Args:
        record: any run.
        among: runs of its lesson; None takes the committed ones.
    """
    runs = [run for run in (load_standard(record.lesson) if among is None else among) if run.world == record.world]
    missing = f"no standard run of {record.world} yet" if record.world and not runs else ""
    return [run for run in runs if _settings(run) == _settings(record)], missing


def _settings(record: Record) -> dict[str, Any]:
    return {k: v for k, v in record.parameters.items() if k not in _SIZES and not k.startswith("epochs")}


def standard_error(record: Record, quantities: Sequence[Sequence[str]]) -> float | None:
    """Of the sum or difference of numbers of one run, each (section, row, metric), as if of different test pictures.

    None where one of them has no standard error in the record.
    """
    squares = []
    for section, row, metric in quantities:
        for name in ("many", "few") if metric == "gap" else (metric,):
            error = record.value(section, row, f"{name}_se")
            if error is None:
                return None
            squares.append(error**2)
    return math.sqrt(sum(squares))


def _pair(left: float, right: float, most: int) -> str:
    return f"{digits(left, most)} → {digits(right, most)}"


def _signed(points: float) -> str:
    return MISSING if math.isnan(points) else f"{points:+.1f}"
