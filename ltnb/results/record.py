"""The record of one run: one lesson, one seed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ltnb._checks import fail
from ltnb._files import replacing
from ltnb.results.environment import environment, peak_gpu_memory_mb, peak_memory_mb
from ltnb.results.schema import FIELDS, METRICS, SCHEMA, check_schema, dump, number, parse, plain


@dataclass
class Record:
    """What a lesson measured, with everything needed to measure it again. Numbers that do not exist are None.

    Args:
        lesson: Name of the notebook without its ending, e.g. `"02_ballad"`.
        parameters: The lesson's parameters; plain values. `out`, which is a place and not a setting, is left out.
        seed: The run's seed.
        profile: `"quick"`, `"standard"`, ...
        world: Version of the rendered world that it was measured in (`LongTailData.world`), None elsewhere.
        metrics: Rows of numbers, see `add`.
        claims: Measured quantities of the claims, see `claim`.
        environment: See `ltnb.results.environment`; taken now when empty.
        date: Start of the run, ISO 8601 in UTC; now when empty.
        cost: `wall_s` and `peak_memory_mb` (on a GPU `peak_gpu_mb` too), filled in by `save`.

    Raises:
        ValueError: If a parameter is not a plain value.
    """

    lesson: str
    parameters: dict[str, Any]
    seed: int
    profile: str = "quick"
    world: str | None = None
    metrics: list[dict[str, Any]] = field(default_factory=list)
    claims: dict[str, dict[str, float | None]] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    date: str = ""
    cost: dict[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = time.perf_counter()
        self.parameters = {k: plain(f"parameters[{k!r}]", v) for k, v in self.parameters.items() if k != "out"}
        self.seed = int(self.seed)
        self.date = self.date or datetime.now(UTC).isoformat(timespec="seconds")
        self.environment = self.environment or environment(str(self.parameters.get("device", "auto")))

    def add(self, section: str, row: str, report: Any, **extra: Any) -> None:
        """Store the metrics of a report as one row; a row of the same name is replaced where it stands.

        Standard errors of the report (see `ltnb.metrics.Report`) are stored as ``overall_se``, ``many_se``, ...

        Args:
            section: Table or figure that the row belongs to, e.g. `"table5"`.
            row: What was measured, e.g. `"visual"`.
            report: An `ltnb.metrics.Report` (percent), or None when the row cannot be measured here.
            **extra: Further numbers or short texts of the row.

        Raises:
            ValueError: If an extra value is not plain, or uses the name of a metric.
        """
        values = {name: getattr(report, name, None) for name in METRICS} if report is not None else {}
        values |= {f"{name}_se": error for name, error in getattr(report, "standard_errors", {}).items()}
        for name in extra:
            if name in values or name in ("section", "row"):
                fail("extra", "named unlike a metric", name)
        target = self._row(section, row)
        target.clear()
        target.update({"section": section, "row": row})
        target.update({k: plain(f"{section}/{row}/{k}", v) for k, v in (values | extra).items()})

    def add_value(self, section: str, row: str, name: str, value: Any) -> None:
        """Store one number or short text in a row, which is made if it does not exist."""
        self._row(section, row)[name] = plain(f"{section}/{row}/{name}", value)

    def claim(self, claim_id: str, left: float | None, right: float | None) -> None:
        """Store the two measured quantities of a claim (None where this run could not measure one)."""
        self.claims[claim_id] = {
            "left": number(f"{claim_id}/left", left),
            "right": number(f"{claim_id}/right", right),
        }

    def value(self, section: str, row: str, metric: str) -> float | None:
        """One measured number; None when the row, the metric or the number does not exist.

        Args:
            section: Table or figure.
            row: Row of it.
            metric: Name of a number, or `"gap"` for many minus few.
        """
        for values in self.metrics:
            if (values["section"], values["row"]) == (section, row):
                if metric == "gap" and "gap" not in values:
                    many, few = values.get("many"), values.get("few")
                    return None if many is None or few is None else many - few
                return values.get(metric)
        return None

    def quantity(self, name: str) -> float | None:
        """The number that a claim calls `"lesson/section/row/metric"`; None when this run did not measure it.

        Raises:
            ValueError: If the name does not have four parts or belongs to another lesson.
        """
        parts = name.split("/")
        if len(parts) != 4 or parts[0] != self.lesson:
            fail("name", f"'{self.lesson}/section/row/metric'", name)
        return self.value(*parts[1:])

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values, in the order in which it is written."""
        return {"schema": SCHEMA, **{name: getattr(self, name) for name in FIELDS if name != "schema"}}

    @classmethod
    def from_dict(cls, content: Any, where: str = "record") -> Record:
        """Make a record from what `to_dict` gave.

        Args:
            content: Parsed JSON.
            where: Named in the message when something is wrong.

        Raises:
            ValueError: If the content is no record of this schema; the message says what is wrong.
        """
        check_schema(content, where)
        return cls(**{name: value for name, value in content.items() if name != "schema"})

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the record, see `save_record`."""
        return save_record(self, path)

    def _row(self, section: str, row: str) -> dict[str, Any]:
        for values in self.metrics:
            if (values["section"], values["row"]) == (section, row):
                return values
        self.metrics.append({"section": section, "row": row})
        return self.metrics[-1]


def save_record(record: Record, path: str | os.PathLike[str]) -> Path:
    """Write a record as JSON, atomically; wall time and peak memory are taken now unless the record has them.

    Args:
        record: What to write.
        path: The file, or an existing folder, in which it becomes `record.json`.

    Returns:
        Path of the file.
    """
    target = Path(path)
    if target.is_dir():
        target = target / "record.json"
    if not record.cost:
        record.cost = {"wall_s": round(time.perf_counter() - record._started, 2), "peak_memory_mb": peak_memory_mb()}
        if (gpu := peak_gpu_memory_mb()) is not None:
            record.cost["peak_gpu_mb"] = gpu
    with replacing(target) as temporary:
        temporary.write_text(dump(record.to_dict()), encoding="utf-8")
    return target


def load_record(path: str | os.PathLike[str]) -> Record:
    """Read a record back.

    Args:
        path: A file that `save_record` wrote, or the folder with a `record.json`.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If the file is not JSON, or no record of this schema; the message says what is wrong.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "record.json"
    if not file.is_file():
        raise FileNotFoundError(f"no record at {file}: run the lesson with out={str(file.parent)!r} to write one")
    return Record.from_dict(parse(file), str(file))
