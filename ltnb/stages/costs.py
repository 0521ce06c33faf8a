"""What one training step costs for the ways to use a CLIP that IVLM compares in its Tables 7 and 8."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ltnb._checks import check_integer
from ltnb.heads import MARC
from ltnb.stages.first_stage import DecoderClassifier, Encoded
from ltnb.training import Energy, StepCost, measured_energy, step_cost
from ltnb.tuning import ContextPrompt

Step = tuple[Callable[[], Tensor], list[nn.Module], nn.Module]


def training_costs(
    encoded: Encoded, *, batch_size: int = 32, repeats: int = 5, seed: int = 0
) -> dict[str, tuple[StepCost, Energy]]:
    """Seconds, memory and, where a counter can be read, energy of a step, frozen tower included.

    Args:
        encoded: what `ltnb.stages.encode_layers` gives; its tower stays as it is.
        batch_size: pictures in a step.
        repeats: steps that are timed; one more is run before them.
        seed: of CoOp's context.

    Returns:
        ``linear_probe``, ``decoder``, ``two_stage`` (MARC on a decoder) and ``coop`` (16 words) -> its cost, and the
        energy of all its ``repeats + 1`` steps.

    Raises:
        ValueError: a number is not positive.
    """
    check_integer(batch_size, "batch_size", 1)
    rows = range(min(batch_size, len(encoded.data.train)))
    device = encoded.model.device
    images = torch.stack([encoded.model.preprocess(encoded.data.train[i][0]) for i in rows]).to(device)
    labels = encoded.train.y[: len(rows)].to(device)
    found = {}
    for row, (scores, modules, trained) in _steps(encoded, images, seed).items():
        optimizer = torch.optim.SGD([p for p in trained.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)

        def loss(scores: Callable[[], Tensor] = scores) -> Tensor:
            return F.cross_entropy(scores(), labels)

        with measured_energy(device) as energy:
            cost = step_cost(loss, modules, optimizer, repeats=repeats)
        found[row] = (cost, energy)
    return found


def _steps(encoded: Encoded, images: Tensor, seed: int) -> dict[str, Step]:
    """Row -> (scores of a step, modules in memory, what is trained)."""
    model, n, (_, width) = encoded.model, encoded.num_classes, encoded.token_shape
    model.set_trainable(image=False, text=False)
    tower, scale = model.model.visual, model.logit_scale
    probe = nn.Linear(encoded.train.pooled.shape[1], n).to(model.device)
    net = DecoderClassifier(width, n, seed).to(model.device)
    done, prompt = copy.deepcopy(net).requires_grad_(False), ContextPrompt(model, encoded.data.class_names, seed=seed)
    head = MARC(copy.deepcopy(net.classifier))
    return {
        "linear_probe": (lambda: probe(model.encode_pooled(images)), [tower, probe], probe),
        "decoder": (lambda: net(model.encode_tokens(images)), [tower, net], net),
        "two_stage": (lambda: head(done.represent(model.encode_tokens(images))), [tower, done, head], head),
        "coop": (lambda: scale * model.encode_images(images) @ prompt().T, [model, prompt], prompt),
    }
