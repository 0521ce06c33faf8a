"""Head stages on real CLIP features: committed numbers of ``benchmarks/real_heads.py``, a row a stage."""

from __future__ import annotations

import math
import os
import statistics
from dataclasses import dataclass
from typing import Any

from ltnb.results.real import committed_list
from ltnb.results.standard import FOLDER

FILE = FOLDER / "real" / "heads.json"


@dataclass(frozen=True)
class RealStage:
    """What one stage reached over seeds.

    Attributes:
        values: ``overall``, ``many``, ``medium`` and ``few`` -> percent, one a seed, in the order of the seeds; a group
            without classes is left out.
    """

    values: dict[str, tuple[float, ...]]

    def mean(self, metric: str = "overall") -> float | None:
        """Mean over seeds, percent; None where the group has no class."""
        return statistics.fmean(self.values[metric]) if metric in self.values else None

    def sd(self, metric: str = "overall") -> float | None:
        """Sample standard deviation over seeds; None as above or with a single seed."""
        return statistics.stdev(self.values[metric]) if len(self.values.get(metric, ())) > 1 else None


@dataclass(frozen=True)
class RealHeads:
    """All stages on one set of features.

    Attributes:
        name: what the set is called.
        stages: key of `ltnb.stages.ROWS` -> what it reached.
        pictures: pictures a class of a balanced part of the training set -> stage -> what it reached.
        facts: all else that the file says: source, split, seeds, what validation chose, rows that were left out.
    """

    name: str
    stages: dict[str, RealStage]
    pictures: dict[int, dict[str, RealStage]]
    facts: dict[str, Any]


def real_heads(root: str | os.PathLike[str] | None = None) -> list[RealHeads] | None:
    """The committed head stages on real CLIP features.

    Args:
        root: Folder of the checkout; None finds it from the working directory and the package.

    Returns:
        The sets of `figures/records/real/heads.json`; None when there is no such file or no checkout.

    Raises:
        ValueError: If the file is damaged; the message says what is wrong.
    """

    def one(given: dict[str, Any]) -> RealHeads:
        return RealHeads(
            given["name"],
            _stages(given["stages"], given["seeds"]),
            {int(k): _stages(found, given["seeds"]) for k, found in given["pictures"].items()},
            {key: value for key, value in given.items() if key not in ("stages", "pictures")},
        )

    return committed_list(FILE, "sets", one, "a name, seeds, stages or pictures", root)


def _stages(given: dict[str, dict[str, list[float]]], seeds: list[int]) -> dict[str, RealStage]:
    """Checked numbers of the stages of one set."""
    found = {}
    for key, metrics in given.items():
        values = {name: tuple(float(value) for value in numbers) for name, numbers in metrics.items()}
        for name, numbers in values.items():
            if len(numbers) != len(seeds) or not all(math.isfinite(x) and 0 <= x <= 100 for x in numbers):
                raise ValueError(f"{key} {name} must be {len(seeds)} percentages, one a seed")
        if "overall" not in values:
            raise ValueError(f"{key} has no overall")
        found[key] = RealStage(values)
    return found
