"""The final table: one row a method, its accuracy over all, many-, medium- and few-shot classes, for every lesson."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ltnb._project import project_root
from ltnb.runner.folders import finished_folders

if TYPE_CHECKING:
    from ltnb.results import Record

__all__ = ["COLUMNS", "cell", "claims_table", "finished_folders", "record_in", "results_table", "write_records"]

COLUMNS = {"overall": "all", "many": "many", "medium": "medium", "few": "few"}  # of a record: as printed


def results_table(records: Iterable[Record]) -> str:
    """What runs found, in percent: mean over seeds, with the sample standard deviation of several.

    A run counts with the rows of the section ``headline`` of its record; runs of a lesson that differ in more than the
    seed have tables of their own.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        settings = [record.lesson, record.profile, record.world, record.parameters | {"seed": None}]
        key = json.dumps(settings, sort_keys=True)
        groups.setdefault(key, []).append(record)
    return "\n\n".join(filter(None, map(_part, groups.values()))) or "no results to show"


def claims_table(records: Iterable[Record]) -> str:
    """The claims of the papers, lesson by lesson: the verdict of the standard runs, and what the first of these found.

    Standard runs decide: the committed ones, or where `records` are standard runs themselves, these. Claims that
    nothing here measured are left out.
    """
    from ltnb.lesson.claims import findings, standard_runs

    lessons: dict[str, list[Record]] = {}
    for record in records:
        lessons.setdefault(record.lesson, []).append(record)
    parts = []
    for lesson, runs in lessons.items():
        own, missing = standard_runs(runs[0], runs if runs[0].profile == "standard" else None)
        found = [each for each in findings(runs[0], own) if each.measured]
        if not found:
            continue
        title = f"{lesson}, claims of the paper; verdicts are of the standard runs"
        if not own:
            title += f" ({missing or 'none of these settings yet'})"
        rows = [["", "paper", "standard runs", "verdict", "this run"]]
        rows += [[cells[name] for name in ("claim", *rows[0][1:])] for cells in (each.cells() for each in found)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        parts.append("\n".join([title, *lines]))
    return "\n\n".join(parts)


def write_records(run_dirs: Iterable[Path]) -> list[Path]:
    """Collect the records of finished standard runs into the files ``figures/records/<lesson>.json`` of the project.

    Gives these files. Raises ValueError for runs of another profile, and for those of a lesson that differ in more than
    the seed; FileNotFoundError where there is no checkout to write to.
    """
    from ltnb.results import collect

    root = project_root()
    if root is None:
        raise FileNotFoundError("no ltnb checkout above the working directory: records are written into one")
    by_lesson: dict[str, list[Path]] = {}
    for folder in run_dirs:
        if (record := record_in(folder)) is None:
            continue
        if record.profile != "standard":
            raise ValueError(f"records are those of standard runs, {folder} is of profile {record.profile!r}")
        by_lesson.setdefault(record.lesson, []).append(folder)
    target = root / "figures" / "records"
    target.mkdir(parents=True, exist_ok=True)
    return [collect(folders, lesson, target / f"{lesson}.json") for lesson, folders in by_lesson.items()]


def record_in(folder: Path) -> Record | None:
    """The record of a run, None where it left none. Raises ValueError where it cannot be read."""
    if not (folder / "record.json").is_file():
        return None
    from ltnb.results import load_record  # where there is none, nothing heavy is imported

    return load_record(folder)


def _part(records: Sequence[Record]) -> str:
    """The table of records that may be averaged: of one lesson, with the same parameters apart from the seed."""
    from ltnb.results import summary

    rows = summary(records, "headline", tuple(COLUMNS)).to_dict("records")
    if not rows:
        return ""
    first, settings = records[0], records[0].parameters
    data = str(settings.get("features") or settings.get("dataset") or "")
    if data.startswith("critters") and settings.get("size"):
        data += f" {settings['size']}"
    seeds = " ".join(str(record.seed) for record in records)
    words = first.lesson, data, settings.get("backbone"), first.profile, f"seed {seeds}"
    title = ", ".join(str(word) for word in words if word)
    table = [["", *COLUMNS.values()]]
    table += [[row["row"], *(cell(row[name], row[f"{name}_sd"]) for name in COLUMNS)] for row in rows]
    width = max(len(name) for name, *_ in table)
    lines = [f"{name:{width}}" + "".join(f"{cell:>12}" for cell in cells) for name, *cells in table]
    return "\n".join([title, *lines])


def cell(mean: float, deviation: float) -> str:
    """A mean with the standard deviation over seeds, where there is one; "–" for what does not exist."""
    if math.isnan(mean):
        return "–"
    return f"{mean:.1f}" if math.isnan(deviation) else f"{mean:.1f} ± {deviation:.1f}"
