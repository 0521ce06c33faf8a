"""How long and how fast each kind of head is trained: one recipe a kind, shared by lessons and benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from ltnb._checks import check_integer, check_number
from ltnb.samplers import BalancedSampler, Strategy
from ltnb.training import TensorSource, fit
from ltnb.training.history import History
from ltnb.training.loop import Objective
from ltnb.training.optimisation import OptimizerName


@dataclass(frozen=True)
class Recipe:
    """Settings of one training.

    Attributes:
        lr: peak learning rate; a cosine takes it to 0.
        epochs: passes.
        batch_size: samples a step.
        optimizer: ``"adamw"`` or ``"sgd"`` (momentum 0.9).
        weight_decay: see `ltnb.training.fit`.
        least_draws: a pass draws as many samples as there are, and at least so many, so that a training set of a
            handful of pictures is not left after a handful of steps.

    Raises:
        ValueError: a number is out of its range.
    """

    lr: float
    epochs: int
    batch_size: int
    optimizer: OptimizerName
    weight_decay: float
    least_draws: int

    def __post_init__(self) -> None:
        """Check the numbers that no training checks."""
        check_integer(self.epochs, "epochs", 1)
        check_integer(self.batch_size, "batch_size", 1)
        check_integer(self.least_draws, "least_draws", 1)
        check_number(self.lr, "lr", 0.0, ends="()")

    def sampler(self, labels: Tensor, strategy: Strategy, seed: int) -> BalancedSampler:
        """What a pass shows.

        Args:
            labels: (N,) classes of the training samples.
            strategy: see `ltnb.samplers.BalancedSampler`.
            seed: of the draws.
        """
        return BalancedSampler(labels, strategy, num_samples=max(len(labels), self.least_draws), seed=seed)

    def train(
        self,
        model: nn.Module,
        objective: Objective,
        x: Tensor,
        y: Tensor,
        *,
        strategy: Strategy,
        seed: int,
        watch: Callable[[nn.Module], None] | None = None,
    ) -> History:
        """Train what requires a gradient, and freeze it.

        Args:
            model: module to train.
            objective: ``objective(model, (features (B, D), labels (B,)))`` gives the scalar loss.
            x: (N, D) features.
            y: (N,) labels.
            strategy: see `sampler`.
            seed: of the draws.
            watch: ``watch(model)`` is called after each pass, and decides nothing.

        Returns:
            The history of the training.
        """
        passes = 0

        def validate(model: nn.Module) -> float:
            nonlocal passes
            passes += 1
            if watch is not None:
                watch(model)
            return float(passes)  # every pass counts as better than the last: nothing is selected

        sampler = self.sampler(y, strategy, seed)
        history = fit(
            model,
            objective,
            TensorSource(x, y),
            sampler=sampler,
            lr=self.lr,
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            weight_decay=self.weight_decay,
            seed=seed,
            validate=None if watch is None else validate,
        )
        model.requires_grad_(False)
        return history

    def to_dict(self) -> dict[str, Any]:
        """Plain dict of the settings, fit for JSON."""
        return asdict(self)


LINEAR = Recipe(0.03, epochs=50, batch_size=128, optimizer="adamw", weight_decay=1e-4, least_draws=3840)
"""Linear classifiers on features of length 1 and all that is built on them: `ltnb.training.fit_linear_probe`, the probe
of the lessons, at three times its rate for 1,500 steps at least. Features in hundreds of dimensions can be separated:
cross-entropy falls towards 0 and has no end. What was asked of the length is that twice of it changes no overall
accuracy by a point on real CLIP features (``training_end`` in ``figures/records/real/heads.json``)."""

ADAPTER = Recipe(0.2, epochs=10, batch_size=128, optimizer="sgd", weight_decay=5e-4, least_draws=1280)
"""BALLAD's Phase B, as lesson ``02_ballad`` has it: ten passes at 0.2 (the paper's rate and number, with batches of 512
there). 100 steps at least."""

LANGUAGE = Recipe(1e-3, epochs=10, batch_size=128, optimizer="adamw", weight_decay=0.05, least_draws=1280)
"""VL-LTR's second stage on frozen features, as lesson ``03_vl_ltr`` has it. 100 steps at least."""
