"""What a claim of a paper is: two measured quantities and the order in which the paper says they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Claim:
    """One statement of a paper that a lesson can test.

    Attributes:
        id: Short name, a letter for the paper and a number, e.g. ``"B4"``.
        paper: Folder of the paper's tables in ``ltnb.papers``, e.g. ``"ballad"``.
        statement: The claim in one sentence.
        source: Table or figure that it rests on.
        left: Measured quantity ``"lesson/section/row/metric"`` before the change that the claim is about.
        right: The same after the change.
        direction: ``"higher"`` if the paper says that right lies above left, ``"lower"`` if below.
        published_left: The paper's number for left (percent or points); NaN if none is printed.
        published_right: The paper's number for right.
        note: What to know when the verdict is read; may be empty.
    """

    id: str
    paper: str
    statement: str
    source: str
    left: str
    right: str
    direction: Literal["higher", "lower"]
    published_left: float
    published_right: float
    note: str = ""

    @property
    def sign(self) -> int:
        """+1 if the claim says right > left, -1 if it says right < left."""
        return 1 if self.direction == "higher" else -1

    @property
    def published_difference(self) -> float:
        """Published right minus left in points, to the printed decimals; NaN when either is not printed."""
        return round(self.published_right - self.published_left, 2)


def claim_of(
    paper: str,
    title: str,
    lesson: str,
    number: int,
    source: str,
    statement: str,
    left: str,
    before: float,
    direction: Literal["higher", "lower"],
    right: str,
    after: float,
    note: str = "",
) -> Claim:
    """A claim read from left to right: ``left`` stood at ``before``, ``right`` is higher or lower, at ``after``.

    Args:
        paper: As in :class:`Claim`; its first letter and the number make the claim's id.
        title: The paper's name in ``source``, e.g. ``"BALLAD"``.
        lesson: Lesson that records both quantities, e.g. ``"02_ballad"``.
        number: Place among the paper's claims, from 1.
        source: Table or figure, without the paper's name.
        statement: As in :class:`Claim`.
        left: ``"section/row/metric"`` of that lesson.
        before: The paper's number for left.
        direction: As in :class:`Claim`.
        right: ``"section/row/metric"`` of that lesson.
        after: The paper's number for right.
        note: As in :class:`Claim`.
    """
    return Claim(
        id=f"{paper[0].upper()}{number}",
        paper=paper,
        statement=statement,
        source=f"{title} {source}",
        left=f"{lesson}/{left}",
        right=f"{lesson}/{right}",
        direction=direction,
        published_left=before,
        published_right=after,
        note=note,
    )
