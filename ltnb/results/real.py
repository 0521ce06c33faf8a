"""What was measured on real CLIP features: committed numbers that lessons show beside their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ltnb.results.environment import project_root
from ltnb.results.schema import parse
from ltnb.results.standard import FOLDER

if TYPE_CHECKING:
    from ltnb.regime import Regime

T = TypeVar("T")
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

    def row(given: dict[str, Any]) -> RealRegime:
        means = {int(k): v for k, v in given["class_means"].items()}
        return RealRegime(given["name"], Regime(given["zero_shot"], means, given["ratio"]), given)

    return committed_list(FILE, "rows", row, "a name, zero_shot, class_means or ratio", root)


def committed_list(
    file: Path, key: str, make: Callable[[dict[str, Any]], T], parts: str, root: str | os.PathLike[str] | None
) -> list[T] | None:
    """What a committed file of measurements lists, each made into something; None without the file or a checkout.

    Args:
        file: below the checkout.
        key: under which the file holds its list.
        make: makes one of an entry.
        parts: what an entry may lack, for the message.
        root: as above.

    Raises:
        ValueError: If the file is damaged.
    """
    folder = project_root() if root is None else Path(root)
    if folder is None or not (folder / file).is_file():
        return None
    content = parse(folder / file)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content.get(key), list):
        raise ValueError(f"{folder / file}: schema must be {SCHEMA}, with a list of {key}")
    try:
        return [make(given) for given in content[key]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / file}: one of {key} lacks {parts}: {error!r}") from error
