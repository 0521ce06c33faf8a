"""``ltnb doctor``: versions, devices, and what works here; for everything missing, the line that mends it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ltnb import __version__
from ltnb.runner.execution import available_cores

__all__ = ["Finding", "examine", "print_findings"]

_NOTEBOOKS = {  # distribution: the module it brings
    "open_clip_torch": "open_clip",
    "torchvision": "torchvision",
    "timm": "timm",
    "accelerate": "accelerate",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "pandas": "pandas",
    "papermill": "papermill",
    "ipykernel": "ipykernel",
}


class Finding(NamedTuple):
    """One line of the report; ``state`` is ``ok``, ``--`` (absent and optional) or ``MISSING`` (quick needs it)."""

    state: str
    what: str
    says: str


def examine() -> list[Finding]:
    """Look at everything; a part that is broken becomes a finding, never an exception."""
    findings: list[Finding] = []
    for part in (_basics, _notebook_tools, _open_clip, _weights, _lessons, _kernel, _cluster, _data):
        findings.extend(_guarded(part))
    return findings


def print_findings(findings: list[Finding]) -> int:
    """Print the report; returns 0 when the quick profile can run, else 1."""
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        print(f"{finding.state:>7}  {finding.what:{width}}  {finding.says}")
    broken = [finding.what for finding in findings if finding.state == "MISSING"]
    print(f"\nnot ready, see: {', '.join(broken)}" if broken else "\nready: ltnb reproduce")
    return 1 if broken else 0


def _guarded(part: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from part()
    except Exception as error:  # a broken install is what this command is for
        name = part.__name__.strip("_").replace("_", " ")
        yield Finding("MISSING", name, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def _basics() -> Iterator[Finding]:
    yield Finding("ok", "ltnb", __version__)
    yield Finding("ok", "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    import numpy
    import torch

    yield Finding("ok", "torch", f"{torch.__version__}, numpy {numpy.__version__}")
    yield Finding("ok", "cores", f"{available_cores()} usable, torch takes {torch.get_num_threads()}")
    from ltnb.clip.precision import resolve_device, resolve_precision

    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            gpu = torch.cuda.get_device_properties(i)
            yield Finding("ok", f"GPU {i}", f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB")
    else:
        yield Finding("--", "GPU", "none that torch can use: everything runs on the CPU")
    device = resolve_device("auto")
    yield Finding(
        "ok", "precision", f"device 'auto' is {device.type}, precision 'auto' is {resolve_precision('auto', device)}"
    )


def _notebook_tools() -> Iterator[Finding]:
    absent = [name for name, module in _NOTEBOOKS.items() if importlib.util.find_spec(module) is None]
    if absent:
        yield Finding("MISSING", "notebooks extra", f"{', '.join(absent)}: pip install 'ltnb[notebooks]'")
        return
    shown = ("open_clip_torch", "torchvision", "timm", "accelerate", "papermill")
    yield Finding("ok", "notebooks extra", ", ".join(f"{name} {importlib.metadata.version(name)}" for name in shown))


def _open_clip() -> Iterator[Finding]:
    from ltnb._torchvision import prepare_torchvision

    prepare_torchvision()
    import open_clip

    yield Finding("ok", "open_clip", f"imports, {len(open_clip.list_models())} architectures")


def _weights() -> Iterator[Finding]:
    from ltnb.clip.mini import shipped_weights

    for name, path in shipped_weights().items():
        if path.is_file():
            yield Finding("ok", f"weights {name}", f"{path.stat().st_size / 1e6:.1f} MB, shipped")
        else:
            yield Finding(
                "MISSING", f"weights {name}", f"{path.name} is not in the package: fetch it with git, or make weights"
            )


def _lessons() -> Iterator[Finding]:
    from ltnb.runner.catalog import lesson_paths

    lessons = lesson_paths()
    says = ", ".join(lessons) if lessons else "notebooks/ is empty"
    yield Finding("ok" if lessons else "MISSING", "lessons", says)


def _kernel() -> Iterator[Finding]:
    spec = Path(sys.prefix) / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    if importlib.util.find_spec("ipykernel") is None:
        yield Finding("MISSING", "kernel", "ipykernel: pip install 'ltnb[notebooks]'")
    elif spec.is_file():
        yield Finding("ok", "kernel", f"python3 is this interpreter ({os.path.relpath(sys.executable)})")
    else:
        yield Finding(
            "--", "kernel", "JupyterLab has no kernel of this environment: python -m ipykernel install --sys-prefix"
        )


def _cluster() -> Iterator[Finding]:
    if importlib.util.find_spec("distributed") is None:
        yield Finding("--", "cluster extra", "only for --scheduler: pip install 'ltnb[cluster]'")
    else:
        yield Finding("ok", "cluster extra", f"distributed {importlib.metadata.version('distributed')}")


def _data() -> Iterator[Finding]:
    yield Finding("ok", "data critters", "rendered on the fly, nothing to download")
    from ltnb.data.locate import printable
    from ltnb.data.registry import DATASETS, on_disk

    root = os.environ.get("LTNB_DATA", "")
    if not root:
        yield Finding(
            "--", "LTNB_DATA", "not set: real data sets are then given by root=, or downloaded where torchvision can"
        )
    elif not Path(root).expanduser().is_dir():
        yield Finding("--", "LTNB_DATA", f"{root} is not a folder")
    for name in (name for name, home in DATASETS.items() if home.startswith("ltnb.data.")):
        try:
            found = on_disk(name)
            says = printable(found[0]) if found else f"not there: ltnb.data.load({name!r}) says where it looks"
        except ValueError as error:  # a folder that cannot be read
            found, says = [], str(error)
        yield Finding("ok" if found else "--", f"data {name}", says)
