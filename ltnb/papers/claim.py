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
        """Published right minus left in points, to the printed decimal; NaN when either is not printed."""
        return round(self.published_right - self.published_left, 1)
