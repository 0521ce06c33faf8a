"""The premises of the world: what was demanded of it before any lesson ran, and how it is measured.

All of it on calibration species, which no lesson trains or tests on. The bounds come from real CLIP features (ViT-B/32
on ImageNet and Caltech-101, see ``figures/records/real``), and none of them stands among the claims of the papers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ltnb.clip import TEMPLATES, extract_features, zero_shot_weights
from ltnb.clip.backbone import Backbone
from ltnb.critters.datasets import calibration_data
from ltnb.data.longtail import exponential_counts, shot_groups
from ltnb.losses import logit_adjust
from ltnb.metrics import evaluate
from ltnb.regime import Regime, measure_regime
from ltnb.training import fit_linear_probe

PICTURES = 320
"""Training pictures of each calibration species; a long tail takes the first of a random order."""
PLENTY = 200
GROUPS = ("many", "medium", "few")


@dataclass(frozen=True)
class Encoded:
    """A calibration world as features: balanced training and test pictures, one text feature a class."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    text: Tensor

    @property
    def num_classes(self) -> int:
        """How many species."""
        return len(self.text)


@dataclass(frozen=True)
class Premises:
    """What the premises speak of; accuracies in percent on balanced test pictures.

    Attributes:
        regime: zero-shot, class means of a few pictures, ratio of variances.
        flatness: mean of many less few at zero-shot, over permutations of head and tail. Its expectation is 0 by
            construction, since head and tail are drawn without regard to what zero-shot can do.
        flatness_sd: standard deviation of the same: how far from flat a single long tail is by chance.
        zero_shot_few: zero-shot accuracy on few, mean over permutations, as the next two.
        probe_few: of a linear probe on the long tail.
        adjusted_few: of the same probe with the log prior subtracted from its logits.
        probe_plenty: accuracy of a probe on 200 pictures of each class.
    """

    regime: Regime
    flatness: float
    flatness_sd: float
    zero_shot_few: float
    probe_few: float
    adjusted_few: float
    probe_plenty: float

    def checks(self) -> dict[str, tuple[float, bool]]:
        """Each premise of the telling world: what was measured, and whether it holds."""
        zero_shot, means = self.regime.zero_shot, self.regime.class_means
        tests: dict[str, tuple[float, Callable[[float], bool]]] = {
            "zero-shot: between 55 and 72": (zero_shot, lambda v: 55 <= v <= 72),
            "zero-shot: many - few, between -2 and 2": (self.flatness, lambda v: abs(v) <= 2),
            "class means of 5 pictures - zero-shot: 0 or less": (means[5] - zero_shot, lambda v: v <= 0),
            "class means of 1 picture - zero-shot: -20 or less": (means[1] - zero_shot, lambda v: v <= -20),
            "variance within over variance between: 0.9 or more": (self.regime.ratio, lambda v: v >= 0.9),
            "probe - zero-shot on few: -15 or less": (self.probe_few - self.zero_shot_few, lambda v: v <= -15),
            "adjusted probe - zero-shot on few: between -8 and 8": (
                self.adjusted_few - self.zero_shot_few,
                lambda v: abs(v) <= 8,
            ),
            "probe on 200 pictures a class - zero-shot: 8 or more": (self.probe_plenty - zero_shot, lambda v: v >= 8),
        }
        return {name: (value, holds(value)) for name, (value, holds) in tests.items()}


def encode_calibration(
    backbone: Backbone, world: str = "calibration", seed: int = 0, *, test_per_class: int = 50
) -> Encoded:
    """The features of a calibration world, each picture encoded once."""
    data = calibration_data(world, seed, test_per_class=test_per_class, imbalance=1)
    (template,) = TEMPLATES["single"]
    text = zero_shot_weights(backbone, data.class_names, template).cpu()
    train, test = (extract_features(backbone, part, normalize=True) for part in (data.train, data.test))
    return Encoded((train.x, train.y), (test.x, test.y), text)


def measure_premises(encoded: Encoded, *, draws: int = 10, permutations: int = 50, seed: int = 0) -> Premises:
    """Every premise on encoded calibration pictures.

    Args:
        encoded: see :func:`encode_calibration`.
        draws: long tails on which a probe is trained, and draws of each class mean.
        permutations: of head and tail for the flatness of zero-shot.
        seed: of all draws.
    """
    (train_x, train_y), (test_x, test_y), c = encoded.train, encoded.test, encoded.num_classes
    counts = exponential_counts(PICTURES, c, 100)
    groups = shot_groups(counts)
    rng = np.random.default_rng(seed)
    right = (test_x @ encoded.text.T).argmax(1) == test_y
    per_class = np.array([100 * float(right[test_y == k].double().mean()) for k in range(c)])
    places = [rng.permutation(c) for _ in range(permutations)]  # places[i]: classes from head to tail
    many_less_few = [per_class[p[groups["many"]]].mean() - per_class[p[groups["few"]]].mean() for p in places]
    classes = [np.flatnonzero(train_y.numpy() == k) for k in range(c)]
    few = []
    for _ in range(draws):
        order = rng.permutation(c)
        own = np.empty(c, dtype=np.int64)
        own[order] = counts
        rows = np.concatenate([rng.permutation(of_class)[:n] for of_class, n in zip(classes, own, strict=True)])
        probe, _ = fit_linear_probe(train_x[rows], train_y[rows], c, seed=int(rng.integers(2**31)))
        logits = probe(test_x)
        scored = (test_x @ encoded.text.T, logits, logit_adjust(logits, own))
        few.append([evaluate(scores, test_y, own).few for scores in scored])
    zero_shot_few, probe_few, adjusted_few = np.array(few, dtype=np.float64).mean(axis=0)
    rows = np.concatenate([of_class[:PLENTY] for of_class in classes])
    probe, _ = fit_linear_probe(train_x[rows], train_y[rows], c, seed=int(rng.integers(2**31)))
    plenty = 100 * float((probe(test_x).argmax(1) == test_y).double().mean())
    return Premises(
        regime=measure_regime(encoded.train, encoded.test, encoded.text, draws=draws, seed=seed),
        flatness=float(np.mean(many_less_few)),
        flatness_sd=float(np.std(many_less_few, ddof=1)),
        zero_shot_few=float(zero_shot_few),
        probe_few=float(probe_few),
        adjusted_few=float(adjusted_few),
        probe_plenty=plenty,
    )
