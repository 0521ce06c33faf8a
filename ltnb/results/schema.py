"""Schema 1 of a record: its fields, plain values, and JSON that holds no NaN."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ltnb._checks import fail

SCHEMA = 1
METRICS = ("overall", "many", "medium", "few", "precision", "recall", "f1")
FIELDS: dict[str, tuple[type, ...]] = {
    "schema": (int,),
    "lesson": (str,),
    "profile": (str,),
    "seed": (int,),
    "parameters": (dict,),
    "world": (str, type(None)),
    "date": (str,),
    "environment": (dict,),
    "cost": (dict,),
    "metrics": (list,),
    "claims": (dict,),
}


def dump(content: dict[str, Any]) -> str:
    """JSON text with a final newline; NaN and infinity are refused."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def parse(file: Path) -> Any:
    """Content of a JSON file; ValueError naming the file when it is damaged or holds NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are of this kind
        raise ValueError(f"{file} is not a whole JSON file: {error}") from error


def plain(name: str, value: Any) -> Any:
    """Python value of a NumPy or torch scalar; NaN and infinity become None; anything not plain is an error."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(f"{name}[{i}]", item) for i, item in enumerate(value)]
    fail(name, "a number, text, True, False, None, or a list of these", value)


def number(name: str, value: Any) -> float | None:
    """`value` as a float, None for None, NaN and infinity; a `ValueError` naming it for anything else."""
    clean = plain(name, value)
    if clean is not None and (isinstance(clean, bool) or not isinstance(clean, int | float)):
        fail(name, "a number or None", value)
    return None if clean is None else float(clean)


def check_schema(content: Any, where: str) -> None:
    """Raise a `ValueError` that says, after `where`, what keeps `content` from being a record."""
    if not isinstance(content, dict):
        raise ValueError(f"{where}: a record is a JSON object, got {type(content).__name__}")
    if content.get("schema") != SCHEMA:
        raise ValueError(f"{where}: schema must be {SCHEMA}, got {content.get('schema')!r}")
    missing, unknown = [n for n in FIELDS if n not in content], [n for n in content if n not in FIELDS]
    if missing or unknown:
        raise ValueError(f"{where}: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")
    for name, kinds in FIELDS.items():
        if not isinstance(content[name], kinds) or isinstance(content[name], bool):
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"{where}: {name} must be {expected}, got {content[name]!r:.80}")
    for i, row in enumerate(content["metrics"]):
        if not isinstance(row, dict) or not all(isinstance(row.get(n), str) for n in ("section", "row")):
            raise ValueError(f"{where}: metrics[{i}] must be an object with texts 'section' and 'row', got {row!r:.80}")
        for name, value in row.items():
            if name in METRICS and (isinstance(value, bool) or not isinstance(value, int | float | None)):
                raise ValueError(f"{where}: metrics[{i}].{name} must be a number or null, got {value!r:.80}")
    for name, claim in content["claims"].items():
        sides = claim if isinstance(claim, dict) else {}
        good = [not isinstance(v, bool) and isinstance(v, int | float | None) for v in sides.values()]
        if set(sides) != {"left", "right"} or not all(good):
            raise ValueError(f"{where}: claims.{name} must have numbers (or null) left and right, got {claim!r:.80}")
