"""Pre-train the shipped mini-CLIPs on rendered critters: ``python -m ltnb.critters.pretrain`` (``make weights``).

CLIP's symmetric contrastive loss on image-caption pairs that are drawn once and never repeated (Radford et al. 2021;
the loss is BALLAD Eq. 2 + Eq. 3). A run writes ``<name>.safetensors`` and beside it ``<name>.log.json`` with the
settings and the loss curve, to which ``make weights`` adds the zero-shot table; interrupted, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ltnb.clip import towers
from ltnb.clip.mini import (
    VocabularyMap,
    build_mini,
    load_compact,
    register_mini_models,
    save_compact,
    shrink_vocabulary,
    vocabulary_ids,
    weights_path,
)
from ltnb.clip.precision import ComputeType, Precision, arithmetic, resolve_device, resolve_precision
from ltnb.critters.attributes import RARE, WORLD_VERSION
from ltnb.critters.captions import stream_batch, vocabulary_texts
from ltnb.critters.individuals import EASY, WORLD, Difficulty
from ltnb.critters.pretrain_scores import write_zero_shot
from ltnb.results.environment import environment
from ltnb.training.checkpoint import load_checkpoint, save_checkpoint

RECIPES: dict[str, dict[str, Any]] = {
    "mini-rn": {"pairs": 350_000, "lr": 1.0e-3},
    "mini-vit": {"pairs": 450_000, "lr": 5.0e-4, "text_from": "mini-rn"},
    "mini-vit-s": {"pairs": 450_000, "lr": 5.0e-4, "text_from": "mini-rn"},
    "mini-vit-90k": {"model": "mini-vit", "pairs": 90_000, "lr": 5.0e-4, "text_from": "mini-rn"},
}
"""How the shipped weight files are made, in this order. The ResNet learns both towers; the ViT, which learns far more
slowly from random weights, takes over the ResNet's text tower and learns the image tower alone. ``mini-vit-s`` is half
as wide with a quarter of the weights (IVLM Table 4)."""

STREAM_SEED = 990_001
"""Individuals of the pre-training stream; no data set draws from this seed."""
PORTRAITS, EASY_SHARE = 0.1, 0.4
"""Parts of a run: portraits alone until the first, full difficulty from the second on, and a ramp between them. On hard
pictures alone learning barely starts."""

_MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
_STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)


def _pixels(images: Tensor, size: int) -> Tensor:
    """uint8 (B, 3, 64, 64) -> normalised float (B, 3, size, size), resized as in evaluation."""
    x = images.float()
    if x.shape[-1] != size:
        x = F.interpolate(x, size=(size, size), mode="bicubic", antialias=True, align_corners=False).clamp_(0, 255)
    return ((x / 255.0 - _MEAN) / _STD).to(memory_format=torch.channels_last)


def difficulty_at(step: int, steps: int) -> Difficulty:
    """How difficult the pictures of a step are in a run of so many."""
    share = (step / max(steps, 1) - PORTRAITS) / (EASY_SHARE - PORTRAITS)
    return EASY.towards(WORLD, min(1.0, max(0.0, share)))


def _stream(size: int, batch: int, first: int, end: int, steps: int) -> Iterator[tuple[Tensor, list[str]]]:
    """The batches of steps `first` to `end` of a run of `steps`, rendered ahead in a thread.

    What goes wrong in the thread is raised here.
    """
    ready: Queue[tuple[Tensor, list[str]] | Exception] = Queue(maxsize=3)

    def work() -> None:
        try:
            for step in range(first, end):
                images, captions, _ = stream_batch(STREAM_SEED, step * batch, batch, difficulty_at(step, steps))
                ready.put((_pixels(images, size), captions))
        except Exception as error:
            ready.put(error)

    Thread(target=work, daemon=True).start()
    for _ in range(first, end):
        item = ready.get()
        if isinstance(item, Exception):
            raise item
        yield item


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor | float) -> Tensor:
    """CLIP's symmetric loss of a batch of pairs: the mean of both directions, pictures to captions and back.

    Args:
        image: (N, D) floating point, any length; normalised inside.
        text: (N, D), the embedding of each picture's own caption.
        scale: 1 / tau, what cosines are multiplied with.

    Returns:
        A scalar; log N where the model guesses.
    """
    image, text = F.normalize(image.float(), dim=-1), F.normalize(text.float(), dim=-1)
    logits = scale * image @ text.T
    label = torch.arange(len(logits), device=logits.device)
    return 0.5 * (F.cross_entropy(logits, label) + F.cross_entropy(logits.T, label))


class _Student(nn.Module):
    """A mini-CLIP with a small vocabulary, and its contrastive loss."""

    def __init__(self, name: str, seed: int, text_from: Path | None, precision: ComputeType = "fp32") -> None:
        super().__init__()
        self.precision = precision
        register_mini_models()
        import open_clip

        self.tokenizer = open_clip.get_tokenizer(name)
        self.ids = vocabulary_ids(vocabulary_texts(), self.tokenizer)
        self.model: Any = build_mini(name, seed=seed)
        self.rows: VocabularyMap = shrink_vocabulary(self.model, self.ids)
        if text_from is not None:
            self._take_text_tower(text_from)
        self.image_size: int = open_clip.get_model_config(name)["vision_cfg"]["image_size"]

    def _take_text_tower(self, path: Path) -> None:
        source = build_mini("mini-rn")
        load_compact(source, path)
        shrink_vocabulary(source, self.ids)
        tower = {k: v for k, v in source.state_dict().items() if not k.startswith("visual.")}
        self.model.load_state_dict(tower, strict=False)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name.startswith("visual.") or name == "logit_scale")

    def loss(self, pixels: Tensor, captions: list[str]) -> Tensor:
        """Mean of both directions over the batch."""
        device = self.model.logit_scale.device
        with arithmetic(self.precision, device):
            image = self._encode_image(pixels.to(device))
            text = towers.encode_text(self.model, self.rows(self.tokenizer(captions)).to(device))
        return contrastive_loss(image, text, self.model.logit_scale.exp())

    def _encode_image(self, pixels: Tensor) -> Tensor:
        """Embeddings of a batch; of a ViT's last block only the token that is read is computed."""
        visual = self.model.visual
        if towers.reads_class_token(visual):
            return towers.class_token(visual, pixels)["embedding"]()
        return self.model.encode_image(pixels)


def _optimizer(model: nn.Module, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), eps=1e-6, fused=True)


def pretrain(
    name: str,
    out: str | Path,
    *,
    pairs: int,
    lr: float,
    batch: int = 128,
    warmup: int = 200,
    weight_decay: float = 0.1,
    seed: int = 0,
    text_from: Path | None = None,
    stop_after: int | None = None,
    log_every: int = 20,
    checkpoint_every: int = 100,
    device: str = "auto",
    precision: Precision = "auto",
) -> list[tuple[int, float]]:
    """Train one model from scratch and write its compact weights.

    Args:
        name: one of `ltnb.clip.mini.MINI_MODELS`.
        out: the file to write.
        pairs: image-caption pairs to see; each is seen once.
        lr: peak of a cosine schedule with linear warm-up; AdamW with betas (0.9, 0.98).
        batch: pairs a step; the loss compares all of them.
        warmup: steps.
        weight_decay: on matrices only.
        seed: of the initialisation.
        text_from: weights of mini-rn whose text tower is taken over and kept as it is, so that the image tower learns
            against texts that mean something from its first step on (locked-image tuning turned round: LiT, Zhai et
            al. 2022, locks the image tower).
        stop_after: end after so many steps without the final decay (for lessons that show the beginning of a run).
        log_every: steps between two points of the loss curve.
        checkpoint_every: steps between two checkpoints, from which an interrupted run goes on.
        device: ``auto``, ``cpu`` or ``cuda[:index]``.
        precision: ``auto`` (bf16 where the device has units for it, else fp32), ``fp32`` or ``bf16``.

    Returns:
        (step, loss) pairs, each a mean over the last `log_every` steps.

    Raises:
        ValueError: ``precision="fp16"``, or an interrupted run with other arguments left its checkpoint here: the
            message names what differs.
    """
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    where = resolve_device(device)
    if precision == "fp16":
        raise ValueError("precision must be 'auto', 'fp32' or 'bf16', got 'fp16': there is no gradient scaling here")
    student = _Student(name, seed, text_from, resolve_precision(precision, where))
    model = student.model.to(where, memory_format=torch.channels_last).train()
    optimizer = _optimizer(model, lr, weight_decay)
    steps = pairs // batch
    end = steps if stop_after is None else min(steps, stop_after)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0))))
    )
    run: dict[str, Any] = {
        "model": name,
        "world_version": WORLD_VERSION,
        "pairs": pairs,
        "batch": batch,
        "lr": lr,
        "warmup": warmup,
        "weight_decay": weight_decay,
        "seed": seed,
        "text_from": None if text_from is None else text_from.stem,
        "stream_seed": STREAM_SEED,
        "portraits": PORTRAITS,
        "easy_share": EASY_SHARE,
        "rare": RARE,
        "device": where.type,
        "precision": student.precision,
    }
    checkpoint = target.with_suffix(".partial.pt")
    settings = {**run, "stop_after": stop_after, "log_every": log_every}
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    first, curve, spent = _resume(checkpoint, settings, parts)
    started, recent = time.perf_counter(), []
    for step, (pixels, captions) in enumerate(_stream(student.image_size, batch, first, end, steps), start=first + 1):
        loss = student.loss(pixels, captions)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        recent.append(loss.detach())
        if step % log_every == 0:
            curve.append((step, round(float(torch.stack(recent).mean()), 4)))
            recent = []
        if step % checkpoint_every == 0:
            seconds = spent + time.perf_counter() - started
            print(
                f"{name}: step {step}/{steps} loss {loss.item():.3f} {step * batch / seconds:.0f} pairs/s", flush=True
            )
            state = {key: part.state_dict() for key, part in parts.items()}
            save_checkpoint(checkpoint, settings, {**state, "step": step, "curve": curve, "seconds": seconds})
    log = {
        **run,
        "pairs": end * batch,
        "steps": end,
        "logit_scale": model.logit_scale.exp().item(),
        "seconds": round(spent + time.perf_counter() - started),
        "date": date.today().isoformat(),
        "commit": environment()["git_commit"],
    }
    shared = text_from is not None and text_from.parent.resolve() == target.parent.resolve()
    save_compact(model.cpu(), student.ids, target, log, with_text=not shared)
    target.with_suffix(".log.json").write_text(json.dumps({**log, "curve": curve}) + "\n")
    checkpoint.unlink(missing_ok=True)
    return curve


def _resume(checkpoint: Path, settings: dict[str, Any], parts: dict[str, Any]) -> tuple[int, list, float]:
    """Step, curve and seconds of an interrupted run, whose state is put back; zeros when there is none."""
    state = load_checkpoint(checkpoint, settings)
    if state is None:
        return 0, [], 0.0
    for key, part in parts.items():
        part.load_state_dict(state[key])
    return state["step"], state["curve"], state["seconds"]


def main() -> None:
    """Command line: which of the shipped models to make again."""
    parser = argparse.ArgumentParser(
        prog="python -m ltnb.critters.pretrain", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("models", nargs="*", help=f"which weight files: {', '.join(RECIPES)} (default: all)")
    parser.add_argument("--pairs", type=int, default=None, help="image-caption pairs (default: the recipe's)")
    parser.add_argument("--out", type=Path, default=None, help="folder for the weights (default: inside the package)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.models if name not in RECIPES]
    if unknown:
        parser.error(f"unknown model {unknown[0]!r}: one of {', '.join(RECIPES)}")
    for name in [n for n in RECIPES if n in (arguments.models or RECIPES)]:
        recipe = dict(RECIPES[name])
        model = recipe.pop("model", name)
        folder = arguments.out or weights_path(name).parent
        if "text_from" in recipe:
            recipe["text_from"] = folder / f"{recipe['text_from']}.safetensors"
        recipe["pairs"] = arguments.pairs or recipe["pairs"]
        pretrain(model, folder / f"{name}.safetensors", **recipe)
        write_zero_shot(folder / f"{name}.safetensors")


if __name__ == "__main__":
    main()
