"""The frame around a lesson: its record, its standard runs, its figures; what it is about stands in its own cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltnb._checks import check_choice, fail
from ltnb._optional import require
from ltnb.results import Record, comparison, load_standard
from ltnb.results.summaries import MISSING, digits

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ltnb.clip import Backbone
    from ltnb.data import LongTailData
    from ltnb.papers.claim import Claim

GROUPS = ("overall", "many", "medium", "few")
_POSITIVE = ("epochs", "batch", "steps", "lr")


@dataclass
class Lesson:
    """One run of a lesson.

    Attributes:
        record: what is measured now.
        standard: the committed standard runs, one record a seed; empty when there are none for these parameters.
        no_standard: what tables say in their place while the version of the world has no standard run; else empty.
        out: folder for the record and the figures, None = write nothing.
    """

    record: Record
    standard: list[Record]
    out: Path | None
    no_standard: str = ""
    figures: list[str] = field(default_factory=list)

    def uses(self, model: Backbone) -> Backbone:
        """Note in the record which encoder this is, and with which activation, precision and resize; gives it back."""
        self.record.environment.setdefault("backbones", []).append(model.facts())
        return model

    def table(self, section: str, paper: str | None = None, columns: Sequence[str] = GROUPS) -> pd.DataFrame:
        """Published vs ours for one section, see `ltnb.results.comparison`; the last row says where no standard is.

        Args:
            section: as given to ``record.add``.
            paper: table of `ltnb.papers.reported`, None when the paper prints nothing of the kind.
            columns: names of numbers.
        """
        from ltnb.papers import reported

        published = None if paper is None else reported(paper)
        if published is not None and {"dataset", "key"} <= set(published.columns):
            published = published[published["key"] != ""]  # the rows that have a counterpart here
        if published is not None and "gap" in columns and {"many", "few"} <= set(published.columns):
            published = published.assign(gap=published["many"] - published["few"])
        table = comparison(section, self.record, self.standard, published, columns)
        if self.no_standard:
            table.loc[len(table)] = ["standard", self.no_standard, *[MISSING] * len(columns)]
        return table

    def keep(self, figure: Figure, name: str) -> Figure:
        """Save a figure as ``<name>.png`` where the run writes to, and give it back to be shown."""
        if self.out is not None:
            from ltnb.plots import save

            save(figure, self.out / f"{name}.png")
            self.figures.append(name)
        return figure

    def claims(self) -> pd.DataFrame:
        """Store the measured quantities of the lesson's claims in the record; a table shows them beside the paper's."""
        require(["pandas"], "a lesson")
        import pandas as pd

        rows = []
        for claim in self._own_claims():
            left, right = self._measured(claim)
            self.record.claim(claim.id, left, right)
            rows.append(
                {
                    "claim": claim.id,
                    "statement": claim.statement,
                    "published": _pair(claim.published_left, claim.published_right),
                    "this run": _pair(left, right, most=1),
                    "points the same way": _agrees(claim, left, right),
                }
            )
        return pd.DataFrame(rows)

    def verdict(self, section: str) -> str:
        """What this run says about each claim that rests on one section: a line a claim, computed from the record.

        Args:
            section: as given to ``record.add``.

        Raises:
            ValueError: no claim rests on this section.
        """
        claims = [claim for claim in self._own_claims() if claim.left.split("/")[1] == section]
        if not claims:
            known = sorted({claim.left.split("/")[1] for claim in self._own_claims()})
            fail("section", f"one that a claim rests on ({', '.join(known)})", repr(section))
        return "\n".join(self._sentence(claim) for claim in claims)

    def _sentence(self, claim: Claim) -> str:
        left, right = self._measured(claim)
        answer = _agrees(claim, left, right)
        here = {"yes": "the same way", "no": "the other way", "equal": "no difference"}.get(answer, answer)
        numbers = "" if left is None or right is None else f", {_pair(left, right, most=1)}"
        paper = _pair(claim.published_left, claim.published_right)
        return f"{claim.id}. {claim.statement} Paper: {paper}. This run: {here}{numbers}."

    def _own_claims(self) -> list[Claim]:
        from ltnb.papers import CLAIMS

        return [claim for claim in CLAIMS if claim.left.startswith(f"{self.record.lesson}/")]

    def _measured(self, claim: Claim) -> tuple[float | None, float | None]:
        return self.record.quantity(claim.left), self.record.quantity(claim.right)

    def finish(self) -> str:
        """Write the record, if the run writes anything; says what was done."""
        if self.out is None:
            return "Nothing written: set the parameter out to a folder to keep the record and the figures."
        self.record.save(self.out / "record.json")
        return f"record.json and {len(self.figures)} figures written"


def _agrees(claim: Claim, left: float | None, right: float | None) -> str:
    """Whether right lies on the claimed side of left, as far as the shown digits tell."""
    if left is None or right is None:
        return "not measured here"
    difference = round(right, 1) - round(left, 1)
    return "equal" if difference == 0 else "yes" if claim.sign * difference > 0 else "no"


def _pair(left: float | None, right: float | None, most: int = 2) -> str:
    return f"{digits(left, most)} → {digits(right, most)}"


def start(lesson: str, parameters: Mapping[str, Any], **choices: Sequence[Any]) -> Lesson:
    """Check the parameters before anything is computed, and open the lesson's record.

    Args:
        lesson: name of the notebook without its ending.
        parameters: all of the lesson's parameters by name. Those called epochs, batch, steps or lr (with anything
            behind) must be positive. With ``features`` given, no data set and no encoder is used: the record says so.
        **choices: parameter name to the values that it may have.

    Returns:
        The run; figures get the house style from here on.

    Raises:
        ValueError: a parameter that every lesson has is missing or not of its kind, or a value is not allowed.
    """
    require(["pandas"], "a lesson")
    import pandas as pd

    from ltnb.data.registry import world_version
    from ltnb.plots import use_style

    kinds = {"dataset": str, "backbone": str, "profile": str, "seed": int, "out": str, "device": str, "precision": str}
    for name, kind in kinds.items():
        if not isinstance(parameters.get(name), kind):
            fail(f"parameters[{name!r}]", f"of type {kind.__name__}", parameters.get(name))
    for name, allowed in choices.items():
        check_choice(parameters.get(name), name, allowed)
    for name, value in parameters.items():
        if name.startswith(_POSITIVE) and not value > 0:
            fail(name, "positive", repr(value))
    if parameters.get("features"):
        unused = [name for name in parameters if name == "other_world" or name.endswith(("dataset", "backbone"))]
        parameters = {**parameters, **dict.fromkeys(unused, "")}
    use_style()
    show = {"width": 160, "max_columns": None, "max_rows": 200, "max_colwidth": 130}
    pd.set_option(*(item for name, value in show.items() for item in (f"display.{name}", value)))
    out = Path(parameters["out"]) if parameters["out"] else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    world = world_version(parameters["dataset"])
    record = Record(lesson, dict(parameters), seed=parameters["seed"], profile=parameters["profile"], world=world)
    runs = [run for run in load_standard(lesson) if run.world == world]
    standard = [run for run in runs if _settings(run) == _settings(record)]
    return Lesson(record, standard, out, f"no standard run of {world} yet" if world and not runs else "")


# what a standard run does more of (tune_trunk: a stage that quick leaves out), or where and how it ran: all other
# parameters say what is measured
_SIZES = ("seed", "profile", "size", "test_per_class", "tune_trunk", "device", "precision")


def _settings(record: Record) -> dict[str, Any]:
    """Parameters in which a run and the standard runs shown beside it must agree."""
    kept = {k: v for k, v in record.parameters.items() if k not in _SIZES and not k.startswith("epochs")}
    return {"world": record.world, **kept}


def open_data(dataset: str, *, size: str, imbalance: int, seed: int) -> LongTailData:
    """`ltnb.data.load` for lesson parameters; `size` (``small``, ``quick``, ``standard``) is for rendered worlds."""
    from ltnb.data import load

    extra = {"size": size} if dataset.startswith("critters") else {}
    return load(dataset, imbalance=imbalance, seed=seed, **extra)
