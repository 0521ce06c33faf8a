"""The frame around a lesson: its record, its standard runs, its figures; what it is about stands in its own cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltnb._checks import check_choice, fail
from ltnb._code import code_version
from ltnb._optional import require
from ltnb.lesson.claims import Finding, findings, standard_runs
from ltnb.lesson.namespace import notebook_parameters
from ltnb.lesson.prose import filled
from ltnb.results import Record, comparison

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown
    from matplotlib.figure import Figure

    from ltnb.clip import Backbone
    from ltnb.data import LongTailData

REAL = "CLIP ViT-B/32, Caltech 66"
"""The set of real features that stands beside the rendered world in tables."""
GROUPS = ("overall", "many", "medium", "few")
_POSITIVE = ("epochs", "batch", "steps", "lr")


@dataclass
class Lesson:
    """One run of a lesson.

    Attributes:
        record: what is measured now.
        standard: the committed standard runs, one record a seed; empty when there are none for these parameters.
        no_standard: what is said in their place while the version of the world has no standard run; else empty.
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

    def table(
        self,
        section: str,
        paper: str | None = None,
        columns: Sequence[str] = GROUPS,
        *,
        baseline: str | None = None,
        names: Mapping[str, str] | None = None,
        real: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Published, standard, this run and real CLIP side by side for a section, see `ltnb.results.comparison`.

        Args:
            section: as given to ``record.add``.
            paper: table of `ltnb.papers.reported`, None when the paper prints nothing of the kind.
            columns: names of numbers.
            baseline: row from which the difference stands behind each other number.
            names: row to what a reader calls it.
            real: row to the key in `ltnb.stages.ROWS` of the same head: what it reached on the features of a real CLIP
                (`REAL` of the committed `ltnb.results.real_heads`), overall and on few, is the last group of columns.
        """
        options: dict[str, Any] = {"baseline": baseline, "names": names, "no_standard": self.no_standard}
        published = _published(paper, columns)
        return comparison(section, self.record, self.standard, published, columns, others=_real(real), **options)

    def gains(
        self,
        section: str,
        paper: str | None = None,
        metrics: Sequence[str] = ("overall", "few"),
        *,
        baseline: str,
        names: Mapping[str, str] | None = None,
        real: Mapping[str, str] | None = None,
        title: str | None = None,
    ) -> Figure:
        """What the rows of a section gain over one of them: paper, standard runs, this run and real CLIP in one chart.

        Args:
            section: as given to ``record.add``.
            paper: as of `table`.
            metrics: a panel for each.
            baseline: row that the others are compared with.
            names: row to what a reader calls it; where given, only these rows are drawn, in this order.
            real: as of `table`.
            title: above the panels.

        Raises:
            ValueError: no source has a gain to show.
        """
        from ltnb.plots import gains_by_source, panels
        from ltnb.results import gains

        published = _published(paper, metrics)
        others = _real(real)
        found = {m: gains(section, self.record, self.standard, published, m, baseline, others=others) for m in metrics}
        if names is not None:
            found = {m: {source: _named(rows, names) for source, rows in by.items()} for m, by in found.items()}
        rows = {row for by in found.values() for measured in by.values() for row in measured}
        figure, axes = panels(1, len(metrics), width=4.4 + 3.6 * len(metrics), height=1.3 + 0.55 * len(rows))
        for ax, (metric, by) in zip(axes.flat, found.items(), strict=True):
            gains_by_source(
                by,
                xlabel=f"gain over {(names or {}).get(baseline, baseline.replace('_', ' '))} (points)",
                title=metric,
                ax=ax,
            )
            if ax is not axes.flat[-1]:
                ax.get_legend().remove()
            if ax is not axes.flat[0]:
                ax.tick_params(axis="y", labelleft=False)
        if title:
            figure.suptitle(title, x=0.01, ha="left")
        return figure

    def keep(self, figure: Figure, name: str) -> Figure:
        """Save a figure as ``<name>.png`` where the run writes to, and give it back to be shown."""
        if self.out is not None:
            from ltnb.plots import save

            save(figure, self.out / f"{name}.png")
            self.figures.append(name)
        return figure

    def claims(self) -> pd.DataFrame:
        """Store the measured quantities of the lesson's claims in the record; a table of verdicts on all of them."""
        require(["pandas"], "a lesson")
        import pandas as pd

        found = self._findings()
        for each in found:
            self.record.claim(each.verdict.claim.id, each.left, each.right)
        return pd.DataFrame([each.cells() for each in found])

    def found(self, text: str = "", section: str = "") -> Markdown:
        """What was found, to stand below a table: sentences with their numbers, and the verdicts on the claims of it.

        Args:
            text: sentences whose numbers stand in braces, see `ltnb.lesson.prose.filled`: they are taken from the
                standard runs, and from this run where there are none (which the text then says).
            section: as given to ``record.add``: the claims that rest on it follow as a list.

        Raises:
            ValueError: a field of the text that names no number, or a section on which no claim rests.
        """
        require(["IPython"], "a lesson")
        from IPython.display import Markdown

        blocks = []
        if text:
            n = len(self.standard)
            runs = (
                f"Standard runs, {n} seed{'s' if n != 1 else ''}."
                if n
                else f"Numbers of this run alone, {self._missing}."
            )
            blocks.append(f"**{runs}** {filled(text, self.record, self.standard)}")
        if section:
            every = {each: each.verdict.claim.left.split("/")[1] for each in self._findings()}
            if section not in every.values():
                fail("section", f"one that a claim rests on ({', '.join(sorted(set(every.values())))})", repr(section))
            own = [each for each, place in every.items() if place == section]
            blocks.append("\n".join(f"- {each.sentences(self.no_standard)}" for each in own))
        return Markdown("\n\n".join(blocks))

    @property
    def _missing(self) -> str:
        return self.no_standard or "no standard run of these settings yet"

    def _findings(self) -> list[Finding]:
        return findings(self.record, self.standard)

    def finish(self) -> str:
        """Write the record, if the run writes anything; says what was done."""
        if self.out is None:
            return "Nothing written: set the parameter out to a folder to keep the record and the figures."
        self.record.save(self.out / "record.json")
        return f"record.json and {len(self.figures)} figures written"


def _published(paper: str | None, columns: Sequence[str]) -> pd.DataFrame | None:
    """The rows of a paper's table that have a counterpart here; many minus few where it is asked for."""
    from ltnb.papers import reported

    if paper is None:
        return None
    published = reported(paper)
    if {"dataset", "key"} <= set(published.columns):
        published = published[published["key"] != ""]
    if "gap" in columns and {"many", "few"} <= set(published.columns):
        published = published.assign(gap=(published["many"] - published["few"]).round(2))
    return published


def _real(rows: Mapping[str, str] | None) -> dict[str, dict[str, dict[str, Sequence[float]]]]:
    """What the heads called so in `ltnb.stages.ROWS` reached on the features of a real CLIP; empty without any."""
    from ltnb.results import real_heads

    for found in real_heads() or []:
        if rows and found.name == REAL:
            stages = {row: found.stages[key].values for row, key in rows.items() if key in found.stages}
            shown = ("overall", "few")
            return {f"real {REAL}": {row: {c: v[c] for c in shown if c in v} for row, v in stages.items()}}
    return {}


def _named(rows: Mapping[str, list[float]], names: Mapping[str, str]) -> dict[str, list[float]]:
    return {name: rows[row] for row, name in names.items() if row in rows}


def start(lesson: str, parameters: Mapping[str, Any] | None = None, **choices: Sequence[Any]) -> Lesson:
    """Check the parameters before anything is computed, and open the lesson's record.

    Args:
        lesson: name of the notebook without its ending.
        parameters: all of the lesson's parameters by name; None takes those of the notebook that calls: the names that
            cells of nothing but ``name = literal`` have set (the parameters cell, and what papermill adds to it). Those
            called epochs, batch, steps or lr (with anything behind) must be positive. With ``features`` given, no data
            set and no encoder is used: the record says so.
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

    if parameters is None:
        parameters = notebook_parameters(lesson)
    kinds = {"dataset": str, "backbone": str, "profile": str, "seed": int, "out": str, "device": str, "precision": str}
    for name, kind in kinds.items():
        if not isinstance(parameters.get(name), kind):
            fail(f"parameters[{name!r}]", f"of type {kind.__name__}", parameters.get(name))
    for name, allowed in choices.items():
        check_choice(parameters.get(name), name, allowed)
    for name, value in parameters.items():
        if name.startswith(_POSITIVE) and not (isinstance(value, int | float) and value > 0):
            fail(name, "a positive number", repr(value))
    if parameters.get("features"):
        unused = [name for name in parameters if name == "other_world" or name.endswith(("dataset", "backbone"))]
        parameters = {**parameters, **dict.fromkeys(unused, "")}
    use_style()
    show = {"width": 1000, "max_columns": None, "max_rows": 200, "max_colwidth": 130}
    pd.set_option(*(item for name, value in show.items() for item in (f"display.{name}", value)))
    out = Path(parameters["out"]) if parameters["out"] else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    world = world_version(parameters["dataset"])
    record = Record(lesson, dict(parameters), seed=parameters["seed"], profile=parameters["profile"], world=world)
    record.environment["code"] = code_version(lesson)
    standard, no_standard = standard_runs(record)
    return Lesson(record, standard, out, no_standard)


def open_data(dataset: str, *, size: str, imbalance: int, seed: int) -> LongTailData:
    """`ltnb.data.load` for lesson parameters; `size` (``small``, ``quick``, ``standard``) is for rendered worlds."""
    from ltnb.data import load

    extra = {"size": size} if dataset.startswith("critters") else {}
    return load(dataset, imbalance=imbalance, seed=seed, **extra)
