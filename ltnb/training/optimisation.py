"""Learning-rate schedule and optimisers."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import nn

from ltnb._checks import check_choice

OptimizerName = Literal["sgd", "adamw"]
ScheduleName = Literal["cosine", "constant"]
Precision = Literal["fp32", "bf16"]

OPTIMIZERS: tuple[OptimizerName, ...] = get_args(OptimizerName)
SCHEDULES: tuple[ScheduleName, ...] = get_args(ScheduleName)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def scheduled_lr(
    step: int, total_steps: int, lr: float, warmup: float = 0.0, schedule: ScheduleName = "cosine"
) -> float:
    """Compute the learning rate of one step: a linear warm-up, then half a cosine down to 0, or a constant.

    With W = int(warmup * T): lr (t+1)/W for t < W, then lr (1 + cos(pi (t-W)/(T-W))) / 2.

    Args:
        step: t, from 0.
        total_steps: T.
        lr: Peak learning rate.
        warmup: Fraction of all steps, in [0, 1).
        schedule: What follows the warm-up.

    Returns:
        The learning rate.

    Raises:
        ValueError: If the schedule is neither of the two.

    Source: SGDR (Loshchilov and Hutter 2017) Eq. 5 without restarts, https://arxiv.org/abs/1608.03983.
    """
    check_choice(schedule, "schedule", SCHEDULES)
    warmup_steps = int(warmup * total_steps)
    if step < warmup_steps:
        return lr * (step + 1) / warmup_steps
    if schedule == "constant":
        return lr
    return 0.5 * lr * (1.0 + math.cos(math.pi * (step - warmup_steps) / (total_steps - warmup_steps)))


def make_optimizer(
    model: nn.Module, name: OptimizerName, lr: float, momentum: float = 0.9, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Make SGD or AdamW over the parameters that require a gradient.

    SGD decays every parameter, as torch's does; AdamW only those of two or more dimensions, so that biases, gains and a
    logit scale are not pulled to 0.

    Args:
        model: Its parameters with ``requires_grad`` are optimised.
        name: ``"sgd"`` or ``"adamw"``.
        lr: Learning rate.
        momentum: Of SGD.
        weight_decay: L2 (SGD) or decoupled (AdamW) decay.

    Returns:
        The optimiser.

    Raises:
        ValueError: If the model has nothing to train, or the name is neither of the two.
    """
    check_choice(name, "name", OPTIMIZERS)
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise ValueError(f"model must have a parameter that requires a gradient, {type(model).__name__} has none")
    fused = all(p.device.type in ("cpu", "cuda") for p in trainable)
    if name == "sgd":
        return torch.optim.SGD(trainable, lr=lr, momentum=momentum, weight_decay=weight_decay, fused=fused)
    groups = [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, fused=fused)
