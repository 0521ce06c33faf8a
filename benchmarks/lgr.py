"""VL-LTR's language-guided head: the equations taken literally against `LanguageGuidedHead`.

Run: ``python benchmarks/lgr.py [--classes 100 365 1000 8142] [--threads 2] [--device cpu] [--limit-gib 16]``. One step
is a forward and a backward pass of both branches' loss with a batch of pictures. *frozen*: the pictures' embeddings
need no gradient (cached features); *tuned*: they do, as when the image tower learns. Every form runs in a process of
its own, twice to warm up, then five times: the median time, and the peak of the memory above what the head itself
holds (resident set of the process on a CPU, the allocator's peak on a GPU). The two forms' outputs are compared, too.

The literal form projects every anchor and gathers (B, C, D), in plain autograd. It is left out where its largest
tensors, some ten of them, would not fit into ``--limit-gib``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F  # noqa: N812

from ltnb.heads import LanguageGuidedHead
from ltnb.losses import LanguageGuidedLoss

M, D, B = 64, 512, 128
REPEATS = 5


def literal(head: LanguageGuidedHead, e: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eq. 4-7 line by line."""
    query = head.query(head.query_norm(e))
    keys = head.key(head.key_norm(head.anchors))
    scores = torch.einsum("bd,cmd->bcm", query, keys) / D**0.5
    weights = scores.masked_fill(head.padding_mask, -torch.inf).softmax(dim=2)
    gathered = torch.einsum("bcm,cmd->bcd", weights, head.anchors)
    unit_e, unit_g = F.normalize(e, dim=1), F.normalize(gathered, dim=2)
    return head.mlp(e), torch.einsum("bd,bcd->bc", unit_e, unit_g) / head.temperature


def setting(classes: int, device: str, tuned: bool) -> tuple[LanguageGuidedHead, torch.Tensor, torch.Tensor]:
    """Head, pictures and labels; a third of the sentences is padding, classes differ in how many they have."""
    generator = torch.Generator().manual_seed(0)
    anchors = F.normalize(torch.randn(classes, M, D, generator=generator) + 0.3, dim=2)
    mask = torch.arange(M) >= torch.randint(M // 3, M + 1, (classes, 1), generator=generator)
    e = 10 * torch.randn(B, D, generator=generator)
    y = torch.randint(classes, (B,), generator=generator)
    return LanguageGuidedHead(anchors, mask).to(device), e.to(device).requires_grad_(tuned), y.to(device)


def peak_of(step: Callable[[], None], device: str) -> float:
    """MiB that a step takes at its peak, above what was there before."""
    if device != "cpu":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak begins anew
    step()
    return (resident("VmHWM") - before) / 1024


def resident(key: str) -> int:
    """KiB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key))


def measure(form: str, classes: int, device: str, tuned: bool) -> None:
    """In the child process: print what one form takes."""
    head, e, y = setting(classes, device, tuned)
    run = head if form == "fast" else lambda e: literal(head, e)
    loss = LanguageGuidedLoss()

    def step() -> None:
        head.zero_grad(set_to_none=True)
        e.grad = None
        loss(*run(e), y).backward()

    peak = peak_of(step, device)
    step()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        step()
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    with torch.no_grad():
        sample = run(e)[1][:, :: max(1, classes // 50)].flatten().tolist()
    gradient = head.key.weight.grad.flatten()[::997].tolist()
    print(json.dumps({"seconds": statistics.median(seconds), "mib": peak, "text": sample, "gradient": gradient}))


def child(form: str, classes: int, tuned: bool, args: argparse.Namespace) -> dict:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--child", form, "--classes", str(classes), "--device", args.device]
    command += ["--threads", str(args.threads)] + (["--tuned"] if tuned else [])
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def difference(a: list[float], b: list[float]) -> float:
    """Largest difference over the largest value."""
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) / max(map(abs, b))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=[100, 365, 1000, 8142])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--limit-gib", type=float, default=16.0)
    parser.add_argument("--child", choices=("fast", "literal"), help=argparse.SUPPRESS)
    parser.add_argument("--tuned", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.child:
        measure(args.child, args.classes[0], args.device, args.tuned)
        return
    print(f"M={M}, D={D}, B={B}, {args.device}, {args.threads} threads, float32, torch {torch.__version__}")
    print("C     pictures  literal ms       MiB   fast ms     MiB   faster  less memory  differences (logits, dW_k)")
    for classes in args.classes:
        for tuned in (False, True):
            fast = child("fast", classes, tuned, args)
            line = f"{classes:<5} {'tuned' if tuned else 'frozen':8}"
            ours = f"{1000 * fast['seconds']:9.0f} {fast['mib']:7.0f}"
            if 10 * 4 * classes * D * max(M, B) / 2**30 > args.limit_gib:
                print(f"{line} {'-':>11} {'-':>9} {ours} {'-':>8} {'-':>12}  literal form left out", flush=True)
                continue
            slow = child("literal", classes, tuned, args)
            theirs = f"{1000 * slow['seconds']:11.0f} {slow['mib']:9.0f}"
            ratios = f"{slow['seconds'] / fast['seconds']:7.1f}x {slow['mib'] / fast['mib']:11.1f}x"
            errors = (
                f"{difference(fast['text'], slow['text']):.1e}, {difference(fast['gradient'], slow['gradient']):.1e}"
            )
            print(f"{line} {theirs} {ours} {ratios}  {errors}", flush=True)


if __name__ == "__main__":
    main()
