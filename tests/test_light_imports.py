"""The core imports with torch and NumPy alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ltnb

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


LAZY = """
import sys
from pathlib import Path

import pytest

import ltnb
import ltnb
print(*sorted({name.split(".")[0] for name in sys.modules} & {"torch", "numpy", "matplotlib"}), "|", *dir(ltnb))
print(ltnb.losses.FocalLoss.__module__, ltnb.metrics.evaluate.__module__, "matplotlib" in sys.modules)
"""


def test_the_package_imports_nothing_and_its_parts_when_they_are_named():
    answer = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True)
    first, second = answer.stdout.splitlines()
    loaded, _, names = first.partition("|")
    assert not loaded.split(), "import ltnb is to load nothing else"
    assert second.split() == ["ltnb.losses.focal", "ltnb.metrics", "False"]
    folder = Path(ltnb.__file__).parent
    parts = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    public = {name for name in parts if not name.startswith("_")} - {"cli"}
    assert public <= set(names.split()) and {"__version__", *public} <= set(dir(ltnb))
    assert all(getattr(ltnb, name).__name__ == f"ltnb.{name}" for name in public)


def test_a_name_that_is_no_part_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'ltnb' has no attribute 'loses'"):
        ltnb.loses  # noqa: B018
