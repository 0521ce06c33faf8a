"""ltnb's pass through a CLIP's towers against open_clip's own, forward and as a training step.

Run: ``python benchmarks/towers.py [--models mini-vit ViT-B-16] [--threads 2] [--device cpu] [--repeats 5]``.

Of the last block ltnb computes the token that is read; a text batch is cut to its longest sentence, on a CPU in groups
of similar length. open_clip computes every token, and texts at the full context length. Both get the same batch (random
pictures; CLIP's prompts with names of 0 to 16 words) in the same precision, in turn; the best of several rounds counts.
Without gradients open_clip's last block may take torch's fused path, which ltnb's last block does not. Weights are
random: time does not depend on them. The outputs are compared, too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from ltnb import clip
from ltnb.clip.precision import arithmetic

Run = Callable[[], torch.Tensor]


def seconds(run: Run, train: bool) -> float:
    """Of one pass; with `train` the backward pass too."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    begun = time.perf_counter()
    with torch.set_grad_enabled(train):
        out = run()
        if train:
            out.sum().backward()
        float(out.detach()[0, 0])
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def towers(backbone: clip.Backbone, batch: int) -> dict[str, tuple[Run, Run]]:
    """Tower → (open_clip's pass, ltnb's pass) over one batch."""
    size = backbone.image_size
    images = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0)).to(backbone.device)
    templates = clip.clip_templates()
    texts = [templates[i % 80].format(" ".join(["owl"] * (i % 17))) for i in range(batch)]

    def theirs(encode: Callable[[torch.Tensor], torch.Tensor], x: Callable[[], torch.Tensor]) -> Run:
        def run() -> torch.Tensor:
            with arithmetic(backbone.precision, backbone.device):
                return encode(x()).float()

        return run

    model, tokens = backbone.model, lambda: backbone.tokenizer(texts).to(backbone.device)
    return {
        "images": (theirs(model.encode_image, lambda: images), lambda: backbone.encode_images(images, normalize=False)),
        "texts": (theirs(model.encode_text, tokens), lambda: backbone.encode_texts(texts, normalize=False)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["mini-vit", "ViT-B-16"])
    parser.add_argument("--batch", type=int, default=128, help="of the mini models; larger ones get an eighth on a CPU")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in arguments.models:
        backbone = clip.load(name, "random", device=arguments.device)
        small = name.startswith("mini") or backbone.device.type != "cpu"
        batch = arguments.batch if small else max(1, arguments.batch // 8)
        print(f"{name}, {batch} a batch, {backbone.precision} on {backbone.device}, {arguments.threads} threads")
        backbone.set_trainable(image=True, text=True)
        for tower, pair in towers(backbone, batch).items():
            with torch.no_grad():
                theirs, ours = (run() for run in pair)
            error = float((ours - theirs).abs().max() / theirs.abs().max())
            for train in (False, True):
                rounds = [[seconds(run, train) for run in pair] for _ in range(arguments.repeats + 1)][1:]
                slow, fast = (1000 * min(column) for column in zip(*rounds, strict=True))
                what = "step   " if train else "forward"
                print(
                    f"  {tower:6} {what}  open_clip {slow:7.1f} ms   ltnb {fast:7.1f} ms   {slow / fast:.2f} x", end=""
                )
                print(f"   outputs differ by {error:.1e}" if not train else "", flush=True)


if __name__ == "__main__":
    main()
