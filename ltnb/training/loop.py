"""`fit`: the loop itself."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ltnb._checks import describe, fail
from ltnb._seeds import chosen_seed
from ltnb.training.checkpoint import fingerprint, learned_state, load_checkpoint, load_learned_state, save_checkpoint
from ltnb.training.history import History, LossLog, progress_bar
from ltnb.training.optimisation import OptimizerName, Precision, ScheduleName, make_optimizer
from ltnb.training.randomness import kept_default_generators, mixed_seed, seed_default_generators
from ltnb.training.settings import Settings
from ltnb.training.sources import EpochBatches, make_loader

Objective = Callable[[nn.Module, Any], Tensor]
FETCH_EVERY = 64  # steps between two looks at the losses on a device where a look waits


def fit(
    model: nn.Module,
    objective: Objective,
    source: Any,
    *,
    lr: float,
    epochs: int = 10,
    batch_size: int = 512,
    sampler: Any = None,
    optimizer: OptimizerName = "sgd",
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    lr_scale: Mapping[str, float] | None = None,
    warmup: float = 0.0,
    schedule: ScheduleName = "cosine",
    max_grad_norm: float | None = None,
    precision: Precision = "fp32",
    validate: Callable[[nn.Module], float] | None = None,
    max_steps: int | None = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
    num_workers: int = 0,
    checkpoint: str | Path | None = None,
    progress: bool | None = None,
    description: str = "",
) -> History:
    """Train the parameters of a model that require a gradient.

    One process trains where the model lies (CPU or GPU). Under `accelerate launch` or `notebook_launcher` every process
    takes an equal part of each batch on its own device, so that steps and learning rates do not depend on their number;
    ``batch_size`` must then be a multiple of it, and a short last batch is filled up from the epoch's first samples.

    Parts of the model without a trainable parameter run in evaluation mode (a frozen BatchNorm keeps its statistics).
    The model is left in evaluation mode. Random numbers that a step draws from torch's default generators (dropout)
    are seeded by (seed, epoch), and the caller's generators are put back afterwards.

    Args:
        model: The module to train.
        objective: ``objective(model, batch)`` gives the scalar loss; ``batch`` is what ``source`` gave, on the
            model's device.
        source: Has ``len()`` and ``__getitems__(list of int)``, which returns one collated batch (a tuple of tensors).
        lr: Peak learning rate.
        epochs: Passes over the sampler.
        batch_size: Samples a step, over all processes; the last batch of an epoch may be smaller.
        sampler: Yields ``len(sampler)`` indices an epoch; None is a permutation drawn from (seed, epoch).
            ``set_epoch(epoch)`` is called on the sampler, the source and the objective where they have it.
        optimizer: ``"sgd"`` or ``"adamw"``, see `make_optimizer`.
        momentum: Of SGD.
        weight_decay: See `make_optimizer`.
        lr_scale: Beginning of a parameter's name -> factor on its learning rate, see `make_optimizer`.
        warmup: Fraction of all steps with a linearly rising rate, in [0, 1), see `scheduled_lr`.
        schedule: ``"cosine"`` or ``"constant"``, laid over the steps that are really taken.
        max_grad_norm: Clip the global gradient norm to this.
        precision: ``"bf16"`` runs the objective under ``torch.autocast``; parameters and optimiser stay float32.
        validate: ``validate(model)``, called after each epoch without gradients and in evaluation mode; higher is
            better, and the best epoch's state is put back at the end (the earlier of two equal ones).
        max_steps: Stop after so many steps in all.
        seed: Of the permutations and of the default generators.
        generator: Gives the seed in place of ``seed``. A run resumes where the generator gives what it gave before;
            processes that train together need generators in the same state.
        num_workers: Loader processes; 0 loads in this one.
        checkpoint: File that is replaced after each epoch, and from which the same run resumes with the same results to
            the bit, as far as sampler, source and objective depend on nothing but the epoch. It knows these arguments,
            the data, the initial weights and ``repr(model)`` (where a module shows its settings in ``extra_repr``); it
            cannot know what ``objective`` and ``validate`` compute: the caller must give the same ones.
        progress: Bar on stderr; None shows it only on a terminal.
        description: Text before the bar.

    Returns:
        The history of the run.

    Raises:
        ValueError: If a number is out of range or a choice unknown, the model has nothing to train, the source is empty
            or gives no batches, the sampler has no length or other indices than promised, the objective gives no scalar
            or nothing to differentiate, ``validate`` gives no number, or the checkpoint belongs to other settings.
        FloatingPointError: If the loss is not finite; the message says at which step.

    Example:
        >>> import torch
        >>> from ltnb.losses import BalancedSoftmaxLoss
        >>> from ltnb.training import TensorSource, fit
        >>> features, labels = torch.eye(3).repeat(20, 1), torch.arange(3).repeat(20)
        >>> model, loss = torch.nn.Linear(3, 3), BalancedSoftmaxLoss([20, 20, 20])
        >>> objective = lambda model, batch: loss(model(batch[0]), batch[1])
        >>> history = fit(model, objective, TensorSource(features, labels), lr=0.5, epochs=5, batch_size=20)
        >>> len(history.step_loss), history.train_loss[-1] < history.train_loss[0]
        (15, True)
    """
    seed = chosen_seed(seed, generator)
    settings = Settings(
        lr=lr,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        momentum=momentum,
        weight_decay=weight_decay,
        warmup=warmup,
        schedule=schedule,
        max_grad_norm=max_grad_norm,
        precision=precision,
        max_steps=max_steps,
        seed=seed,
    )
    accelerator = _accelerator()
    if accelerator.num_processes > 1:
        model.to(accelerator.device)
    optimiser = make_optimizer(model, optimizer, lr, momentum, weight_decay, lr_scale)
    trainable = [p for group in optimiser.param_groups for p in group["params"]]
    device = trainable[0].device
    batches = EpochBatches(source, sampler, settings.batch_size, settings.seed)
    loader = make_loader(accelerator, source, batches, device, num_workers)
    total_steps = min(epochs * len(batches), max_steps or sys.maxsize)
    step_loss = accelerator.prepare_model(_Step(model, objective, precision, device), device_placement=False)

    history, step_seconds = History(), 0.0
    best_state: dict[str, Tensor] = {}
    identity: dict[str, Any] = {}
    if checkpoint is not None:
        identity = asdict(settings) | {"validate": validate is not None, "data": batches.identity()}
        identity |= {
            "lr_scale": dict(lr_scale or {}),
            "model": repr(model),
            "initial_weights": fingerprint(model.state_dict().values()),
        }
        identity |= {"trainable": [name for name, p in model.named_parameters() if p.requires_grad]}
        stored = load_checkpoint(checkpoint, identity)
        if stored is not None:
            load_learned_state(model, stored["state"])
            optimiser.load_state_dict(stored["optimizer"])
            history, best_state = History(**stored["history"]), stored["best_state"]
            step_seconds = stored["step_seconds"]

    show = progress if accelerator.is_main_process else False
    with progress_bar(show, total_steps, description) as bar, kept_default_generators(device):
        log = LossLog(history.step_loss, accelerator, bar, every=1 if device.type == "cpu" else FETCH_EVERY)
        for epoch in range(len(history.train_loss), epochs):
            done = len(history.step_loss)
            if done == total_steps:
                break
            history.lr.append(settings.lr_at(done, total_steps))
            seed_default_generators(device, seed, epoch, accelerator.process_index)
            loader.generator.manual_seed(mixed_seed(seed, epoch, accelerator.process_index))
            loader.iteration, batches.limit = epoch, total_steps - done
            batches.set_epoch(epoch)
            if hasattr(objective, "set_epoch"):
                objective.set_epoch(epoch)
            _set_training(model)
            started = time.perf_counter()
            try:
                for step, batch in enumerate(loader, start=done):
                    for group in optimiser.param_groups:
                        group["lr"] = group["lr_scale"] * settings.lr_at(step, total_steps)
                    loss = step_loss(batch)
                    log.add(loss.detach(), epoch)
                    optimiser.zero_grad(set_to_none=True)
                    accelerator.backward(loss)
                    if max_grad_norm is not None:
                        accelerator.clip_grad_norm_(trainable, max_grad_norm)
                    optimiser.step()
                log.flush(epoch)
            finally:
                loader.end()  # accelerate keeps a list of loaders in use; an exception must not leave this one there
            step_seconds += time.perf_counter() - started
            history.train_loss.append(math.fsum(history.step_loss[done:]) / (len(history.step_loss) - done))
            model.eval()
            if validate is not None:
                history.val_score.append(_score(accelerator, validate, model, epoch))
                if history.best_epoch is None or history.val_score[-1] > history.val_score[history.best_epoch]:
                    history.best_epoch, best_state = epoch, learned_state(model)
            history.seconds += time.perf_counter() - started
            history.samples_per_second = batches.samples(len(history.step_loss)) / step_seconds
            if checkpoint is not None and accelerator.is_main_process:
                content = {
                    "state": learned_state(model),
                    "optimizer": optimiser.state_dict(),
                    "best_state": best_state,
                    "history": history.to_dict(),
                    "step_seconds": step_seconds,
                }
                save_checkpoint(checkpoint, identity, content)
    if best_state:
        load_learned_state(model, best_state)
    model.eval()
    accelerator.wait_for_everyone()
    return history


def _accelerator() -> Any:
    """The Accelerator of this call. Its state is shared by the whole process, so precision is never left to it."""
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise ImportError('training needs accelerate: pip install "ltnb[notebooks]"') from error
    accelerator = Accelerator()
    if accelerator.mixed_precision != "no":
        requirement = "off in accelerate, because fit takes it from its own argument `precision`"
        fail("mixed_precision", requirement, accelerator.mixed_precision)
    if accelerator.distributed_type.value in ("DEEPSPEED", "FSDP", "MEGATRON_LM", "XLA"):
        fail("accelerate's distributed type", "one process or data-parallel", accelerator.distributed_type.value)
    return accelerator


class _Step(nn.Module):
    """Model and objective as one module, so that DDP sees a forward pass whatever methods the objective calls."""

    def __init__(self, model: nn.Module, objective: Objective, precision: str, device: torch.device) -> None:
        super().__init__()
        self.model = model
        self.objective = [objective]  # in a list: an objective that is a module is no part of the model
        self.autocast_device = device.type if precision == "bf16" else None

    def forward(self, batch: Any) -> Tensor:
        context: AbstractContextManager[Any] = nullcontext()
        if self.autocast_device is not None:
            context = torch.autocast(self.autocast_device, dtype=torch.bfloat16)
        with context:
            loss = self.objective[0](self.model, batch)
        if not isinstance(loss, Tensor) or loss.ndim != 0:
            fail("objective", "a function that returns a scalar tensor", loss)
        if not loss.requires_grad:
            fail("objective", "a function of the trainable parameters", "a loss without a gradient")
        return loss


def _set_training(module: nn.Module, inherited: bool = True) -> None:
    """Training mode for what is trained; evaluation mode for parts whose parameters are all frozen."""
    parameters = list(module.parameters())
    module.training = any(p.requires_grad for p in parameters) if parameters else inherited
    for child in module.children():
        _set_training(child, module.training)


def _score(accelerator: Any, validate: Callable[[nn.Module], float], model: nn.Module, epoch: int) -> float:
    with torch.no_grad():
        value = validate(model)
    try:
        score = float(value)
    except (TypeError, ValueError, RuntimeError):
        fail("validate", "a function that returns a number", f"{describe(value)} after epoch {epoch}")
    if math.isnan(score):
        fail("validate", "a function that returns a number", f"NaN after epoch {epoch}")
    if accelerator.num_processes > 1:  # the same decision everywhere, even if the last bits differ
        from accelerate.utils import broadcast_object_list

        score = broadcast_object_list([score])[0]
    return score
