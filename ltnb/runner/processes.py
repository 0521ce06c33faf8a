"""Child processes that cannot outlive their parent, and a Jupyter kernel that is this very interpreter.

Two copies of a run must never write into the same folder. So when the command is killed, even with SIGKILL, its workers
and their kernels go with it; the next start finds nobody there.

``python -m ltnb.runner.processes`` is what the private kernelspec starts.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

__all__ = ["die_with_parent", "private_jupyter", "python_path"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int) -> None:
    """End this process when the process ``parent`` ends, however that ends.

    On Linux the kernel sees to it; elsewhere a thread looks once a second.

    Args:
        parent: process id of the parent, as it knew it itself when it started this process.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def python_path() -> str:
    """A ``PYTHONPATH`` under which a child process finds this copy of ltnb from any working directory."""
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return os.pathsep.join([str(Path(__file__).resolve().parents[2]), *map(os.path.abspath, paths)])


def private_jupyter(folder: Path) -> dict[str, str]:
    """Environment variables under which the kernel ``python3`` is the interpreter that runs this.

    Other kernelspecs, Jupyter settings and IPython start-up files of the machine stay out.

    Args:
        folder: an empty or missing folder for the kernelspec and for Jupyter's own files.
    """
    from ipykernel.kernelspec import get_kernel_dict

    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True, exist_ok=True)
    spec = get_kernel_dict()  # starts sys.executable; only the module that it starts is ours
    spec["argv"] = ["ltnb.runner.processes" if word == "ipykernel_launcher" else word for word in spec["argv"]]
    spec["argv"].append("--log-level=ERROR")
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return {
        "JUPYTER_PATH": str(folder),
        "JUPYTER_DATA_DIR": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONPATH": python_path(),
        "IPYTHONDIR": str(folder / "ipython"),
    }


def _kernel() -> None:
    """The kernel process: ipykernel, bound to the life of the process that started it."""
    die_with_parent(int(os.environ["JPY_PARENT_PID"]))
    if sys.path[0] in ("", os.getcwd()):  # a lesson puts the working directory back itself
        del sys.path[0]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    _kernel()
