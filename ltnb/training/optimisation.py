"""Learning-rate schedule and optimisers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import nn

from ltnb._checks import check_choice, check_number, fail

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
    model: nn.Module,
    name: OptimizerName,
    lr: float,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    lr_scale: Mapping[str, float] | None = None,
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
        lr_scale: Beginning of a parameter's name -> factor on its learning rate; the longest that fits counts, and a
            parameter that none fits has factor 1. Groups of the optimiser hold it as ``"lr_scale"``.

    Returns:
        The optimiser.

    Raises:
        ValueError: If the model has nothing to train, the name is neither of the two, a factor is negative, or no
            parameter to train has a name that begins so.
    """
    check_choice(name, "name", OPTIMIZERS)
    trainable = {key: p for key, p in model.named_parameters() if p.requires_grad}
    if not trainable:
        raise ValueError(f"model must have a parameter that requires a gradient, {type(model).__name__} has none")
    scales = {prefix: check_number(scale, f"lr_scale[{prefix!r}]", 0.0) for prefix, scale in (lr_scale or {}).items()}
    for prefix in scales:
        if not any(key.startswith(prefix) for key in trainable):
            fail("lr_scale", f"of parameters that are trained ({', '.join(list(trainable)[:8])}, ...)", repr(prefix))
    by_kind: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for key, p in trainable.items():
        longest = max((prefix for prefix in scales if key.startswith(prefix)), key=len, default=None)
        decays = name == "sgd" or p.ndim >= 2
        by_kind.setdefault((1.0 if longest is None else scales[longest], decays), []).append(p)
    groups = [
        {"params": part, "lr": lr * scale, "lr_scale": scale, "weight_decay": weight_decay if decays else 0.0}
        for (scale, decays), part in sorted(by_kind.items(), key=lambda item: (item[0][0], not item[0][1]))
    ]
    fused = all(p.device.type in ("cpu", "cuda") for p in trainable.values())
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, fused=fused)
    return torch.optim.AdamW(groups, lr=lr, fused=fused)
