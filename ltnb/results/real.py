"""What was measured on real CLIP features: committed numbers that lessons show beside their own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltnb.results.environment import project_root
from ltnb.results.schema import parse
from ltnb.results.standard import FOLDER

if TYPE_CHECKING:
    from ltnb.regime import Regime

SCHEMA = 1
FILE = FOLDER / "real" / "regime.json"


@dataclass(frozen=True)
class RealRegime:
    """One row of ``benchmarks/regime.py``.

    Attributes:
        name: what the row is called in charts.
        regime: zero-shot, class means and ratio of variances, see `ltnb.regime.Regime`.
        facts: all that the file says of the row: data, model, split, draws, and what else was measured.
    """

    name: str
    regime: Regime
    facts: dict[str, Any]


def real_regimes(root: str | os.PathLike[str] | None = None) -> list[RealRegime] | None:
    """The committed gauge of real CLIP features.

    Args:
        root: Folder of the checkout; None finds it from the working directory and the package.

    Returns:
        The rows of `figures/records/real/regime.json`; None when there is no such file or no checkout.

    Raises:
        ValueError: If the file is damaged; the message says what is wrong.
    """
    from ltnb.regime import Regime

    folder = project_root() if root is None else Path(root)
    if folder is None or not (folder / FILE).is_file():
        return None
    content = parse(folder / FILE)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content.get("rows"), list):
        raise ValueError(f"{folder / FILE}: schema must be {SCHEMA}, with a list of rows")
    try:
        return [
            RealRegime(
                row["name"],
                Regime(row["zero_shot"], {int(k): v for k, v in row["class_means"].items()}, row["ratio"]),
                row,
            )
            for row in content["rows"]
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / FILE}: a row lacks a name, zero_shot, class_means or ratio: {error!r}") from error
