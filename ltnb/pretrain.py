"""Pre-train a mini-CLIP on the stream of rendered critters: ``python -m ltnb.pretrain mini-vit`` (``make weights`` runs both).

CLIP's symmetric contrastive loss on image-caption pairs that are drawn once and never repeated (Radford et al. 2021; the loss is BALLAD Eq. 2 + Eq. 3).
The run writes ``ltnb/clip/weights/<name>.safetensors`` and beside it ``<name>.log.json`` with the loss curve; it can be interrupted and resumed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from queue import Queue
from threading import Thread

import torch
import torch.nn.functional as F  # noqa: N812
from torch.nn.attention import SDPBackend, sdpa_kernel

from ltnb.clip.mini import (
    MINI_MODELS,
    build_mini,
    git_commit,
    register_mini_models,
    save_compact,
    shrink_vocabulary,
    vocabulary_ids,
    weights_path,
)
from ltnb.clip.text_tower import encode_text
from ltnb.data.critters_captions import stream_batch, vocabulary_texts
from ltnb.data.critters_world import RARE, WORLD_VERSION

STREAM_SEED = 990_001
"""Individuals of the pre-training stream; no data set draws from this seed."""
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)


def _pixels(images: torch.Tensor, size: int) -> torch.Tensor:
    """uint8 (B, 3, 64, 64) -> normalised float (B, 3, size, size); the antialiased bicubic of the evaluation preprocessing."""
    x = images.float()
    if x.shape[-1] != size:
        x = F.interpolate(x, size=(size, size), mode="bicubic", antialias=True, align_corners=False).clamp_(0, 255)
    return ((x / 255.0 - MEAN) / STD).to(memory_format=torch.channels_last)


def _stream(size: int, batch: int, first: int, steps: int) -> Iterator[tuple[torch.Tensor, list[str]]]:
    """The batches of steps `first` to `steps`, rendered one ahead in a thread."""
    ready: Queue[tuple[torch.Tensor, list[str]]] = Queue(maxsize=3)

    def work() -> None:
        for step in range(first, steps):
            images, captions, _ = stream_batch(STREAM_SEED, step * batch, batch)
            ready.put((_pixels(images, size), captions))

    Thread(target=work, daemon=True).start()
    for _ in range(first, steps):
        yield ready.get()


def pretrain(
    name: str,
    *,
    pairs: int = 600_000,
    batch: int = 128,
    lr: float = 1.0e-3,
    warmup: int = 200,
    weight_decay: float = 0.1,
    seed: int = 0,
    out: Path | None = None,
    stop_after: int | None = None,
    log_every: int = 20,
) -> list[tuple[int, float]]:
    """Train one model from scratch and write its compact weights.

    Args:
        name: ``mini-vit`` or ``mini-rn``.
        pairs: image-caption pairs to see; each is seen once.
        batch: pairs a step; the contrastive loss compares all of them.
        lr: peak of a cosine schedule with linear warm-up, AdamW with betas (0.9, 0.98).
        warmup: steps.
        weight_decay: on matrices only.
        seed: of the initialisation.
        out: the file to write; default: where :func:`ltnb.clip.load` looks.
        stop_after: end after so many steps without the final decay (for lessons that show the beginning of a run).
        log_every: steps between two points of the loss curve.

    Returns:
        (step, loss) pairs, each a mean over the last `log_every` steps.
    """
    register_mini_models()
    import open_clip

    target = weights_path(name) if out is None else Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build_mini(name, seed=seed)
    tokenizer = open_clip.get_tokenizer(name)
    ids = vocabulary_ids(vocabulary_texts(), tokenizer)
    rows = shrink_vocabulary(model, ids)
    model.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}], lr=lr, betas=(0.9, 0.98), eps=1e-6, fused=True)
    steps = pairs // batch

    def rate(step: int) -> float:
        return min((step + 1) / warmup, 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0))))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    checkpoint, first, curve, spent = target.with_suffix(".partial.pt"), 0, [], 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        first, curve, spent = state["step"], state["curve"], state["seconds"]
        print(f"{name}: resuming at step {first} of {steps}", flush=True)
    end = steps if stop_after is None else min(steps, stop_after)
    started, recent = time.perf_counter(), []
    size = model.visual.image_size[0] if isinstance(model.visual.image_size, tuple) else model.visual.image_size
    for step, (pixels, captions) in enumerate(_stream(size, batch, first, end), start=first):
        with torch.autocast(device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):  # short sequences: twice as fast on a CPU
            image = model.encode_image(pixels.to(device))
            text = encode_text(model, rows(tokenizer(captions)).to(device))
        image, text = F.normalize(image.float(), dim=-1), F.normalize(text.float(), dim=-1)
        logits = model.logit_scale.exp() * image @ text.T
        label = torch.arange(len(logits), device=device)
        loss = 0.5 * (F.cross_entropy(logits, label) + F.cross_entropy(logits.T, label))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        recent.append(loss.detach())
        if (step + 1) % log_every == 0:
            curve.append((step + 1, float(torch.stack(recent).mean())))
            recent = []
        if (step + 1) % 200 == 0:
            seconds = spent + time.perf_counter() - started
            print(f"{name}: step {step + 1}/{steps} loss {loss.item():.3f} {(step + 1) * batch / seconds:.0f} pairs/s", flush=True)
            _save(checkpoint, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "step": step + 1, "curve": curve, "seconds": seconds})
    seconds = spent + time.perf_counter() - started
    log = {
        "model": name, "world_version": WORLD_VERSION, "pairs": end * batch, "batch": batch, "steps": end, "lr": lr, "warmup": warmup,
        "weight_decay": weight_decay, "seed": seed, "stream_seed": STREAM_SEED, "date": date.today().isoformat(), "commit": git_commit(),
        "device": device.type, "seconds": round(seconds), "rare": RARE, "logit_scale": model.logit_scale.exp().item(),
    }  # fmt: skip
    save_compact(model.cpu(), ids, target, log)
    target.with_suffix(".log.json").write_text(json.dumps({**log, "curve": curve}, indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)
    return curve


def _save(path: Path, state: dict) -> None:
    part = path.with_suffix(".tmp")
    torch.save(state, part)
    os.replace(part, path)


def main() -> None:
    """Command line: which models, how many pairs."""
    parser = argparse.ArgumentParser(prog="python -m ltnb.pretrain", description="Pre-train the shipped mini-CLIPs on rendered critters.")
    parser.add_argument("models", nargs="*", default=list(MINI_MODELS), help=f"which of {', '.join(MINI_MODELS)} (default: all)")
    parser.add_argument("--pairs", type=int, default=600_000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1.0e-3)
    parser.add_argument("--out", type=Path, default=None, help="folder for the weights (default: inside the package)")
    arguments = parser.parse_args()
    for name in arguments.models:
        out = None if arguments.out is None else arguments.out / f"{name}.safetensors"
        pretrain(name, pairs=arguments.pairs, batch=arguments.batch, lr=arguments.lr, out=out)


if __name__ == "__main__":
    main()
