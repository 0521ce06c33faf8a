"""What a training run leaves behind, and how its losses are fetched without waiting for the device at every step."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class History:
    """What happened during `fit`.

    Attributes:
        step_loss: Loss of every step (mean over the processes when there are several).
        train_loss: Mean of the step losses of each epoch.
        val_score: What ``validate`` returned after each epoch; empty without ``validate``.
        lr: Learning rate of the first step of each epoch.
        seconds: Wall time of training and validation together, earlier parts of a resumed run included.
        samples_per_second: Training samples a second; validation and checkpoints are not counted.
        best_epoch: Epoch (from 0) with the best ``val_score``, whose state the model has now; None without
            ``validate``.
    """

    step_loss: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    val_score: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: float = 0.0
    samples_per_second: float = 0.0
    best_epoch: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain dict of all attributes, fit for JSON."""
        return asdict(self)


class LossLog:
    """Keeps losses on their device, fetches them every few steps, and stops at the first that is not finite.

    Args:
        losses: List to append to.
        accelerator: Averages over the processes when there are several.
        bar: A tqdm bar, or None.
        every: Steps between two fetches. At 1 (CPU, where a fetch costs nothing) a bad loss is seen before it
            reaches the weights.
    """

    def __init__(self, losses: list[float], accelerator: Any, bar: Any, every: int) -> None:
        self.losses = losses
        self.accelerator = accelerator
        self.bar = bar
        self.every = every
        self.pending: list[Tensor] = []
        if bar is not None:
            bar.update(len(losses))

    def add(self, loss: Tensor, epoch: int) -> None:
        """Note the loss of a step (a detached scalar tensor)."""
        self.pending.append(loss)
        if len(self.pending) >= self.every:
            self.flush(epoch)

    def flush(self, epoch: int) -> None:
        """Fetch what is pending.

        Raises:
            FloatingPointError: If a loss is NaN or infinite; the message says at which step.
        """
        if not self.pending:
            return
        stacked = torch.stack(self.pending).float()
        if self.accelerator.num_processes > 1:
            stacked = self.accelerator.reduce(stacked, reduction="mean")
        values = stacked.tolist()
        self.pending = []
        for value in values:
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"the loss is {value} at step {len(self.losses)} of epoch {epoch} (steps are counted from 0 over "
                    "the whole run): look for NaN or infinity in the data, lower lr, add warmup, or set max_grad_norm"
                )
            self.losses.append(value)
        if self.bar is not None:
            self.bar.update(len(values))
            self.bar.set_postfix(loss=f"{values[-1]:.3f}", refresh=False)


@contextmanager
def progress_bar(show: bool | None, total: int, description: str) -> Iterator[Any]:
    """A tqdm bar over steps on stderr, or None; ``show=None`` shows it only on a terminal (never in a notebook)."""
    if show is None:
        show = sys.stderr.isatty()
    if not show:
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=description or None, file=sys.stderr, unit="step") as bar:
        yield bar
