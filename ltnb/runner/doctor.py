"""``ltnb doctor``: versions, devices, and what works here; for everything missing, the line that mends it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ltnb import __version__
from ltnb.runner.catalogue import lesson_paths
from ltnb.runner.execution import available_cores

__all__ = ["Finding", "absent_tools", "examine", "print_findings"]

# distributions of the notebooks extra, and the module of each where that has another name
_NOTEBOOKS = (
    "open_clip_torch torchvision timm accelerate scikit-learn matplotlib pandas papermill ipykernel pyyaml rich"
)
_MODULES = {"open_clip_torch": "open_clip", "scikit-learn": "sklearn", "pyyaml": "yaml"}


class Finding(NamedTuple):
    """One line of the report; ``state`` is ``ok``, ``--`` (absent and optional) or ``MISSING`` (quick needs it)."""

    state: str
    what: str
    says: str


def absent_tools() -> list[str]:
    """What lessons and the runner import and this Python does not have, by the names that pip knows."""
    return [name for name in _NOTEBOOKS.split() if importlib.util.find_spec(_MODULES.get(name, name)) is None]


def examine() -> list[Finding]:
    """Look at everything; a part that is broken becomes a finding, never an exception."""
    findings: list[Finding] = []
    for part in (_basics, _open_clip, _weights, _surroundings, _data):
        try:
            findings.extend(part())
        except Exception as error:  # a broken install is what this command is for
            says = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            findings.append(Finding("MISSING", part.__name__.strip("_"), says))
    return findings


def print_findings(findings: list[Finding]) -> int:
    """Print the report; returns 0 when the quick profile can run, else 1."""
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        print(f"{finding.state:>7}  {finding.what:{width}}  {finding.says}")
    broken = [finding.what for finding in findings if finding.state == "MISSING"]
    print(f"\nnot ready, see: {', '.join(broken)}" if broken else "\nready: ltnb reproduce")
    return 1 if broken else 0


def _found(what: str, says: str, remedy: str = "", absent: str = "--") -> Finding:
    """The line of a thing that is there and says something; else of its absence, with what mends it."""
    return Finding("ok" if says else absent, what, says or remedy)


def _basics() -> Iterator[Finding]:
    yield _found("ltnb", __version__)
    yield _found("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    absent = ", ".join(absent_tools())
    shown = [] if absent else [f"{name} {importlib.metadata.version(name)}" for name in _NOTEBOOKS.split()]
    yield _found("notebooks extra", ", ".join(shown), f"{absent}: pip install 'ltnb[notebooks]'", "MISSING")
    import numpy
    import torch

    from ltnb.clip.precision import resolve_device, resolve_precision

    yield _found("torch", f"{torch.__version__}, numpy {numpy.__version__}")
    yield _found("cores", f"{available_cores()} usable, torch takes {torch.get_num_threads()}")
    gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    says = "; ".join(f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus)
    yield _found("GPU", says, "none that torch can use: everything runs on the CPU")
    device = resolve_device("auto")
    precision = resolve_precision("auto", device)
    yield _found("precision", f"device 'auto' is {device.type}, precision 'auto' is {precision}")


def _open_clip() -> Iterator[Finding]:
    from ltnb._torchvision import prepare_torchvision

    prepare_torchvision()
    import open_clip

    yield _found("open_clip", f"imports, {len(open_clip.list_models())} architectures")


def _weights() -> Iterator[Finding]:
    from ltnb.clip.mini import shipped_weights

    for name, path in shipped_weights().items():
        size = f"{path.stat().st_size / 1e6:.1f} MB, shipped" if path.is_file() else ""
        absent = f"{path.name} is not in the package: fetch it with git, or make weights"
        yield _found(f"weights {name}", size, absent, "MISSING")


def _surroundings() -> Iterator[Finding]:
    yield _found("lessons", ", ".join(lesson_paths()), "notebooks/ is empty", "MISSING")
    kernel = Path(sys.prefix, "share", "jupyter", "kernels", "python3", "kernel.json").is_file()
    says = f"python3 is this interpreter ({os.path.relpath(sys.executable)})" if kernel else ""
    absent = "JupyterLab has none of this environment: python -m ipykernel install --sys-prefix"
    yield _found("kernel", says, absent)
    cluster = "".join(f"distributed {found.version}" for found in importlib.metadata.distributions(name="distributed"))
    yield _found("cluster extra", cluster, "only for --scheduler: pip install 'ltnb[cluster]'")


def _data() -> Iterator[Finding]:
    yield _found("data critters", "rendered on the fly, nothing to download")
    from ltnb.data.locate import printable
    from ltnb.data.registry import DATASETS, on_disk

    root = os.environ.get("LTNB_DATA", "")
    if not Path(root).expanduser().is_dir():
        yield _found("LTNB_DATA", "", f"{root} is not a folder")
    if not root:
        yield _found("LTNB_DATA", "", "not set: real data are then given by root=, or downloaded where torchvision can")
    for name in (name for name, home in DATASETS.items() if home.startswith("ltnb.data.")):
        try:
            found, absent = on_disk(name), f"not there: ltnb.data.load({name!r}) says where it looks"
        except ValueError as error:  # a folder that cannot be read
            found, absent = [], str(error)
        yield _found(f"data {name}", printable(found[0]) if found else "", absent)
