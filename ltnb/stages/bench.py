"""The bench that all stages of one data set and seed stand on: features as each head takes them, and the probe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ltnb._checks import check_choice, check_counts, check_integer, check_temperature, fail
from ltnb._numeric import unit
from ltnb.data import FeatureData
from ltnb.data.longtail import Convention
from ltnb.heads import NearestClassMean
from ltnb.metrics import Report, evaluate
from ltnb.stages.recipes import LINEAR, Recipe

S = TypeVar("S", int, float)
Scorer = Callable[[str], Tensor]
"""``scorer(part)`` gives the scores (N, C) of the rows of a part: ``"train"``, ``"val"`` or ``"test"``."""


class Bench:
    """Features, labels and the trained probe of one data set and one seed.

    Args:
        data: features and labels; C classes, width D.
        seed: of initial weights and batches; a second stage draws anew from ``seed + 1``.
        temperature: of cosines against texts in the adapter's loss; CLIP's own is 0.01.
        group_counts: (C,) counts that define many, medium and few; None means those of the training rows.
        convention: bounds of the groups, see `ltnb.data.shot_groups`.
        linear: recipe of the linear heads.

    Attributes:
        data, seed, temperature, group_counts, convention, linear: as given.
        raw: part -> (N, D) features as they came, for heads that depend on their length.
        x: part -> (N, D) features of length 1.
        y: part -> (N,) labels.
        anchors: (C, D) of length 1: text features, or the class means of training features where there is no text.
        chosen: row -> settings that validation chose, or that were taken without; filled by `ltnb.stages.report`.
        predicted: row -> (N_test,) classes that the row names; filled likewise.
        validated: row -> mean class recall on validation, percent; empty without validation rows; filled likewise.

    Raises:
        ValueError: ``data`` are no `FeatureData`, or another argument is out of its range.
    """

    def __init__(
        self,
        data: FeatureData,
        *,
        seed: int = 0,
        temperature: float = 0.01,
        group_counts: Any = None,
        convention: Convention = "strict",
        linear: Recipe = LINEAR,
    ) -> None:
        if not isinstance(data, FeatureData):
            fail("data", "features as ltnb.data.load_features gives them", type(data).__name__)
        self.data, self.seed = data, check_integer(seed, "seed", 0)
        self.temperature = float(check_temperature(temperature))
        self.group_counts = data.class_counts
        if group_counts is not None:
            self.group_counts = check_counts(group_counts, "group_counts")
            if len(self.group_counts) != data.num_classes:
                fail("group_counts", f"of {data.num_classes} classes", f"{len(self.group_counts)}")
        self.convention: Convention = check_choice(convention, "convention", ("strict", "inclusive"))
        if not isinstance(linear, Recipe):
            fail("linear", "a Recipe", linear)
        self.linear = linear
        parts = [part for part in ("train", "val", "test") if getattr(data, f"{part}_x") is not None]
        self.raw: dict[str, Tensor] = {part: getattr(data, f"{part}_x") for part in parts}
        self.x: dict[str, Tensor] = {part: unit(x) for part, x in self.raw.items()}
        self.y: dict[str, Tensor] = {part: getattr(data, f"{part}_y") for part in parts}
        self.chosen: dict[str, dict[str, float]] = {}
        self.predicted: dict[str, Tensor] = {}
        self.validated: dict[str, float] = {}

    @property
    def num_classes(self) -> int:
        """C."""
        return self.data.num_classes

    @cached_property
    def anchors(self) -> Tensor:
        """What stands for a class in the space of the pictures, (C, D) of length 1."""
        if self.data.text_x is not None:
            return unit(self.data.text_x)
        return unit(NearestClassMean(self.x["train"], self.y["train"], self.num_classes).means)

    @cached_property
    def probe(self) -> nn.Linear:
        """The linear probe, trained when it is first asked for: the first stage of all second stages."""
        from ltnb.stages.linear import fit_linear

        return fit_linear(self)

    def on_unit(self, head: Callable[[Tensor], Tensor]) -> Scorer:
        """Scores of a head that takes features of length 1."""
        return lambda part: head(self.x[part])

    def choose(self, candidates: Mapping[S, Scorer], otherwise: S) -> tuple[Scorer, S]:
        """The setting with the best mean class recall on validation rows.

        Args:
            candidates: setting -> scores under it; of equal ones the first is taken.
            otherwise: the setting to take where there are no validation rows.

        Returns:
            The scores under the setting, and the setting.
        """
        if "val" not in self.x:
            return candidates[otherwise], otherwise
        best = max(candidates, key=lambda setting: self.recall_on_validation(candidates[setting]))
        return candidates[best], best

    def recall_on_validation(self, scorer: Scorer) -> float:
        """Mean recall of the classes that have validation rows, percent."""
        return float(np.nanmean(self._evaluate(scorer("val"), "val").per_class))

    def evaluate(self, scorer: Scorer) -> tuple[Report, Tensor]:
        """The report on the test rows, and the (N_test,) classes that are named."""
        scores = scorer("test")
        return self._evaluate(scores, "test"), scores.argmax(dim=1)

    @torch.no_grad()
    def _evaluate(self, scores: Tensor, part: str) -> Report:
        return evaluate(scores.detach(), self.y[part], self.group_counts, self.convention)
