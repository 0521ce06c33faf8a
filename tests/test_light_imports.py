"""The core imports with torch and NumPy alone."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "PIL accelerate cv2 datasets hypothesis matplotlib nbformat open_clip pandas papermill safetensors scipy seaborn "
    "sklearn timm torchvision tqdm transformers yaml"
).split()
SCRIPT = """
import sys, time
import numpy, torch, torch.utils.data
before, start = set(sys.modules), time.process_time()
import ltnb.heads, ltnb.losses, ltnb.metrics, ltnb.samplers
seconds = time.process_time() - start
print(seconds, *{name.split(".")[0] for name in set(sys.modules) - before})
"""


def test_core_needs_torch_and_numpy_only():
    answer = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    seconds, *roots = answer.stdout.split()
    assert not set(roots) & set(HEAVY)
    assert float(seconds) < 1
