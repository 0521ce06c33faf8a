"""The frame around a lesson: its record, its standard runs, its figures; what it is about stands in its own cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltnb._checks import fail
from ltnb.results import Record, comparison, load_standard

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ltnb.data import LongTailData

GROUPS = ("overall", "many", "medium", "few")


@dataclass
class Lesson:
    """One run of a lesson.

    Attributes:
        record: what is measured now.
        standard: the committed standard runs, one record a seed; empty when there are none for these parameters.
        out: folder for the record and the figures, None = write nothing.
    """

    record: Record
    standard: list[Record]
    out: Path | None
    figures: list[str] = field(default_factory=list)

    def table(self, section: str, paper: str | None = None, columns: Sequence[str] = GROUPS) -> pd.DataFrame:
        """Published vs ours for one section, see `ltnb.results.comparison`.

        Args:
            section: as given to ``record.add``.
            paper: table of `ltnb.papers.reported`, None when the paper prints nothing of the kind.
            columns: names of numbers.
        """
        from ltnb.papers import reported

        published = None if paper is None else reported(paper)
        if published is not None and {"dataset", "key"} <= set(published.columns):
            published = published[(published["dataset"] == "ImageNet-LT") & (published["key"] != "")]
        if published is not None and "gap" in columns and {"many", "few"} <= set(published.columns):
            published = published.assign(gap=published["many"] - published["few"])
        return comparison(section, self.record, self.standard, published, columns)

    def keep(self, figure: Figure, name: str) -> Figure:
        """Save a figure as ``<name>.png`` where the run writes to, and give it back to be shown."""
        if self.out is not None:
            from ltnb.plots import save

            save(figure, self.out / f"{name}.png")
            self.figures.append(name)
        return figure

    def claims(self) -> pd.DataFrame:
        """Store the measured quantities of the lesson's claims in the record; a table shows them beside the paper's."""
        import pandas as pd

        from ltnb.papers import CLAIMS

        rows = []
        for claim in CLAIMS:
            if not claim.left.startswith(f"{self.record.lesson}/"):
                continue
            left, right = self.record.quantity(claim.left), self.record.quantity(claim.right)
            self.record.claim(claim.id, left, right)
            measured = left is not None and right is not None
            ahead = measured and ((right > left) if claim.direction == "higher" else (right < left))  # type: ignore[operator]
            rows.append(
                {
                    "claim": claim.id,
                    "statement": claim.statement,
                    "published": _pair(claim.published_left, claim.published_right),
                    "this run": _pair(left, right),
                    "points the same way": ("yes" if ahead else "no") if measured else "not measured here",
                }
            )
        return pd.DataFrame(rows)

    def finish(self) -> str:
        """Write the record, if the run writes anything; says what was done."""
        if self.out is None:
            return "Nothing written: set the parameter out to a folder to keep the record and the figures."
        self.record.save(self.out / "record.json")
        return f"record.json and {len(self.figures)} figures written"


def _pair(left: float | None, right: float | None) -> str:
    def number(x: float | None) -> str:
        return "–" if x is None or x != x else f"{x:.1f}"

    return f"{number(left)} → {number(right)}"


def start(lesson: str, parameters: Mapping[str, Any]) -> Lesson:
    """Check the parameters that every lesson has and open its record.

    Args:
        lesson: name of the notebook without its ending.
        parameters: all of the lesson's parameters by name.

    Returns:
        The run; figures get the house style from here on.

    Raises:
        ValueError: a parameter that every lesson has is missing or not of its kind.
    """
    import pandas as pd

    from ltnb.plots import use_style

    kinds = {"dataset": str, "backbone": str, "profile": str, "seed": int, "out": str, "device": str, "precision": str}
    for name, kind in kinds.items():
        if not isinstance(parameters.get(name), kind):
            fail(f"parameters[{name!r}]", f"of type {kind.__name__}", parameters.get(name))
    use_style()
    show = {"width": 160, "max_columns": None, "max_rows": 200, "max_colwidth": 70}
    pd.set_option(*(item for name, value in show.items() for item in (f"display.{name}", value)))
    out = Path(parameters["out"]) if parameters["out"] else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    record = Record(lesson, dict(parameters), seed=parameters["seed"], profile=parameters["profile"])
    same = ("dataset", "backbone", "features")
    standard = [
        run for run in load_standard(lesson) if all(run.parameters.get(k) == record.parameters.get(k) for k in same)
    ]
    return Lesson(record, standard, out)


def open_data(dataset: str, *, size: str, imbalance: int, seed: int) -> LongTailData:
    """`ltnb.data.load` for lesson parameters; `size` (``quick``, ``standard``) is for rendered worlds."""
    from ltnb.data import load

    extra = {"size": size} if dataset.startswith("critters") else {}
    return load(dataset, imbalance=imbalance, seed=seed, **extra)
