"""The plain arguments of `fit`, checked once and kept with every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from ltnb._checks import check_choice, check_integer, check_number
from ltnb.training.optimisation import (
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    OptimizerName,
    Precision,
    ScheduleName,
    scheduled_lr,
)


@dataclass
class Settings:
    """Arguments of the same names as those of `fit`, which describes them.

    Raises:
        ValueError: If one is out of its range or no choice.
    """

    lr: float
    epochs: int
    batch_size: int
    optimizer: OptimizerName
    momentum: float
    weight_decay: float
    warmup: float
    schedule: ScheduleName
    max_grad_norm: float | None
    precision: Precision
    max_steps: int | None
    seed: int

    def __post_init__(self) -> None:
        self.lr = check_number(self.lr, "lr", 0.0)
        self.epochs = check_integer(self.epochs, "epochs", 1)
        self.batch_size = check_integer(self.batch_size, "batch_size", 1)
        self.momentum = check_number(self.momentum, "momentum", 0.0)
        self.weight_decay = check_number(self.weight_decay, "weight_decay", 0.0)
        self.warmup = check_number(self.warmup, "warmup", 0.0, 1.0, ends="[)")
        self.seed = check_integer(self.seed, "seed", 0)
        if self.max_grad_norm is not None:
            self.max_grad_norm = check_number(self.max_grad_norm, "max_grad_norm", 0.0, ends="()")
        if self.max_steps is not None:
            self.max_steps = check_integer(self.max_steps, "max_steps", 1)
        check_choice(self.optimizer, "optimizer", OPTIMIZERS)
        check_choice(self.schedule, "schedule", SCHEDULES)
        check_choice(self.precision, "precision", PRECISIONS)

    def lr_at(self, step: int, total_steps: int) -> float:
        """Learning rate of a step, see `scheduled_lr`."""
        return scheduled_lr(step, total_steps, self.lr, self.warmup, self.schedule)
