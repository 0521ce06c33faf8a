"""torchvision's missing operators: declared for a mismatched pair, nothing touched for a matching one."""

import json
import subprocess
import sys

import pytest

from ltnb._torchvision import is_mismatched, prepare_torchvision, torchvision_version

PROGRAM = """
import json, torch
from ltnb import _torchvision as ops
report = {"mismatched": ops.is_mismatched(torch.version.cuda or torch.version.hip, ops.torchvision_version())}
real = ops.torchvision_version
ops.torchvision_version = lambda: "0.28.0+cpu"
report["matching"] = ops.prepare_torchvision()
report["untouched"] = not hasattr(torch.ops.torchvision, "qnms") if report["mismatched"] else True
ops.torchvision_version = real
report["first"] = ops.prepare_torchvision()
import torchvision, open_clip
report["second"] = ops.prepare_torchvision()
try:
    torchvision.ops.nms(torch.rand(2, 4), torch.rand(2), 0.5)
    report["nms"] = "ran"
except Exception as error:
    report["nms"] = type(error).__name__
print(json.dumps(report))
"""


@pytest.mark.parametrize(
    ("torch_gpu", "vision", "expected"),
    [
        (None, "0.28.0+cu130", True),
        (None, "0.28.0+rocm6.4", True),
        (None, "0.28.0+cpu", False),
        (None, "0.28.0", False),
        (None, None, False),
        ("13.0", "0.28.0+cu130", False),
        ("13.0", "0.28.0+cpu", False),
    ],
)
def test_only_a_cpu_torch_with_a_gpu_torchvision_is_mismatched(torch_gpu, vision, expected):
    assert is_mismatched(torch_gpu, vision) is expected


def test_declared_before_the_import_and_never_for_a_matching_pair():
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["matching"] == [] and report["untouched"] and report["second"] == []
    assert report["first"] == (["nms", "qnms"] if report["mismatched"] else [])
    assert report["nms"] == ("RuntimeError" if report["mismatched"] else "ran")


def test_version_is_read_without_importing_torchvision():
    version = torchvision_version()
    assert version is not None and version[0].isdigit()
    prepare_torchvision()
    import torchvision

    assert version == torchvision.__version__ == torchvision_version()
