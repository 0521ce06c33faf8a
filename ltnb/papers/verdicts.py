"""Whether a paper's claims hold here: decided over paired seeds of the standard records, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ltnb.papers.claim import Claim
from ltnb.results.paired import MARGIN, PairedDifference, holm, paired_difference, seeds_to_decide

if TYPE_CHECKING:
    from ltnb.results import Record

Answer = Literal["reproduced", "contradicted", "no difference", "undecided", "not measured"]
ANSWERS: tuple[Answer, ...] = ("reproduced", "contradicted", "no difference", "undecided", "not measured")
ALPHA = 0.05
NEEDED = 5
"""Paired seeds below which there is no verdict."""


@dataclass(frozen=True)
class Verdict:
    """What the standard runs say about one claim.

    Attributes:
        claim: the claim.
        difference: right minus left over paired seeds, with the plain 95 % interval.
        p_holm: p-value after Holm's correction over the measured claims of the paper; NaN without a test.
        answer: ``"no difference"`` where the plain interval lies within ±0.5; else ``"reproduced"`` or
            ``"contradicted"`` where `p_holm` is 0.05 or less; else ``"undecided"``; ``"not measured"`` without a seed.
        seeds: how many seeds would decide an undecided claim, None where 1,000 would not or it is decided.
    """

    claim: Claim
    difference: PairedDifference
    p_holm: float
    answer: Answer
    seeds: int | None

    @property
    def interval(self) -> str:
        """``"+2.0 [-0.5, +4.5], n = 3"``; as much of it as there is."""
        found = self.difference
        if not found.n:
            return "–"
        ends = "" if math.isnan(found.low) else f" [{found.low:+.1f}, {found.high:+.1f}]"
        return f"{found.mean:+.1f}{ends}, n = {found.n}"

    @property
    def words(self) -> str:
        """The answer, and what an undecided claim would take."""
        if self.answer != "undecided":
            return self.answer
        if self.difference.n < NEEDED:
            return f"undecided ({NEEDED} seeds are needed, {self.difference.n} there)"
        return f"undecided ({f'{self.seeds} seeds' if self.seeds else 'more than 1,000 seeds'} would decide)"


def verdicts(claims: Sequence[Claim], standard: Sequence[Record]) -> list[Verdict]:
    """A verdict on each claim, from the standard records of one lesson.

    Args:
        claims: of one paper, all of them: Holm's correction counts those that are measured.
        standard: one record a seed.

    Returns:
        One a claim, in their order.
    """
    found = [
        paired_difference(
            [record.quantity(claim.left) for record in standard], [record.quantity(claim.right) for record in standard]
        )
        for claim in claims
    ]
    tested = [each.p if each.n >= NEEDED else math.nan for each in found]
    family = sum(not math.isnan(p) for p in tested)
    result = []
    for claim, difference, p in zip(claims, found, holm(tested), strict=True):
        answer = _answer(claim, difference, p)
        undecided = answer == "undecided" and difference.n >= NEEDED
        seeds = seeds_to_decide(difference, comparisons=family) if undecided else None
        result.append(Verdict(claim, difference, p, answer, seeds))
    return result


def _answer(claim: Claim, difference: PairedDifference, p_holm: float) -> Answer:
    if not difference.n:
        return "not measured"
    if math.isnan(p_holm):
        return "undecided"
    if -MARGIN <= difference.low and difference.high <= MARGIN:
        return "no difference"
    if p_holm > ALPHA:
        return "undecided"
    return "reproduced" if claim.sign * difference.mean > 0 else "contradicted"
