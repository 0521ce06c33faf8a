"""The committed records of the standard runs: one file a lesson, one record a seed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ltnb._checks import fail
from ltnb._files import replacing
from ltnb.results.environment import project_root
from ltnb.results.record import Record, load_record
from ltnb.results.schema import SCHEMA, dump, parse

FOLDER = Path("figures") / "records"


def load_standard(lesson: str, root: str | os.PathLike[str] | None = None) -> list[Record]:
    """The standard runs of a lesson, in the order of their seeds.

    Args:
        lesson: Name of the notebook without its ending.
        root: Folder of the checkout; None finds it from the working directory and the package.

    Returns:
        The records of `figures/records/<lesson>.json`; an empty list when there is no such file or no checkout.

    Raises:
        ValueError: If the file is damaged; the message says what is wrong.
    """
    folder = project_root() if root is None else Path(root)
    if folder is None or not (folder / FOLDER / f"{lesson}.json").is_file():
        return []
    return read_runs(folder / FOLDER / f"{lesson}.json", lesson)


def read_runs(file: str | os.PathLike[str], lesson: str) -> list[Record]:
    """The records in a file that `collect` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or belongs to another lesson.
    """
    content = parse(Path(file))
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"{file}: schema must be {SCHEMA}")
    if content.get("lesson") != lesson:
        raise ValueError(f"{file}: lesson must be {lesson!r}, got {content.get('lesson')!r}")
    if not isinstance(content.get("runs"), list):
        raise ValueError(f"{file}: runs must be a list of records")
    return [Record.from_dict(run, f"{file}: runs[{i}]") for i, run in enumerate(content["runs"])]


def collect(run_dirs: Iterable[str | os.PathLike[str]], lesson: str, destination: str | os.PathLike[str]) -> Path:
    """Merge the records of several seeds into one file; other seeds that stand in it stay if they fit.

    Args:
        run_dirs: Folders with a `record.json` each (or the files themselves), one per seed, of one lesson.
        lesson: Its name.
        destination: The file to write, or an existing folder, in which it becomes `<lesson>.json`.

    Returns:
        Path of the file. What stood in it and differs in what is named below is gone.

    Raises:
        FileNotFoundError: If a folder has no record.
        ValueError: If the file is damaged, there is nothing to merge, a record is of another lesson, two are of one
            seed, or they differ in profile, world, code (`ltnb._code.code_version`) or a parameter other than the seed:
            they could not be averaged.
    """
    records = {str(folder): load_record(folder) for folder in run_dirs}
    if not records:
        fail("run_dirs", "at least one folder", [])
    first_place, first = next(iter(records.items()))
    places: dict[int, str] = {}
    for place, record in records.items():
        if record.lesson != lesson:
            raise ValueError(f"{place}: the record is of lesson {record.lesson!r}, not {lesson!r}")
        if record.seed in places:
            raise ValueError(f"{place}: seed {record.seed} is already taken by {places[record.seed]}")
        places[record.seed] = place
        mine, theirs = _conditions(record), _conditions(first)
        differing = [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)]
        if differing:
            raise ValueError(f"{place} and {first_place} differ in {', '.join(sorted(differing))}")
    target = Path(destination)
    if target.is_dir():
        target = target / f"{lesson}.json"
    before = read_runs(target, lesson) if target.is_file() else []
    kept = [each for each in before if each.seed not in places and _conditions(each) == _conditions(first)]
    runs = [record.to_dict() for record in sorted([*records.values(), *kept], key=lambda record: record.seed)]
    with replacing(target) as temporary:
        temporary.write_text(dump({"schema": SCHEMA, "lesson": lesson, "runs": runs}), encoding="utf-8")
    return target


def _conditions(record: Record) -> dict[str, object]:
    """What runs must share to be averaged over seeds."""
    code = record.environment.get("code")
    return {"profile": record.profile, "world": record.world, "code": code} | {
        name: value for name, value in record.parameters.items() if name != "seed"
    }
