"""A Jupyter kernel that is this very interpreter and cannot outlive the process that started it.

Two copies of a run must never write into the same folder. So when the command is killed, even with SIGKILL, its kernels
go with it; the next start finds nobody there. ``python -m ltnb.runner.kernel`` is what such a kernel starts.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbclient import NotebookClient

__all__ = ["notebook_client"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def notebook_client(notebook: Any, private: str, threads: int, **process: Any) -> NotebookClient:
    """A client that executes a notebook with the interpreter that runs this and with this copy of ltnb.

    Kernelspecs, Jupyter settings and IPython start-up files of the machine stay out. ``notebook`` (a nbformat node)
    takes the outputs, ``private`` is a folder for what Jupyter and IPython write themselves, ``threads`` the kernel's
    share of the cores, and ``process`` are options of its process, such as ``cwd``.
    """
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec
    from nbclient import NotebookClient

    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    paths = [str(Path(__file__).parents[2]), *map(os.path.abspath, paths)]
    variables = {name: os.environ.get(name, str(threads)) for name in _THREADS}
    variables |= {"PYTHONPATH": os.pathsep.join(paths), "IPYTHONDIR": os.path.join(private, "ipython")}
    if data := os.environ.get("LTNB_DATA"):
        variables["LTNB_DATA"] = os.path.abspath(os.path.expanduser(data))
    command = [sys.executable, "-m", "ltnb.runner.kernel", "-f", "{connection_file}", "--log-level=ERROR"]

    class Kernel(AsyncKernelManager):
        kernel_spec = KernelSpec(argv=command, display_name="Python 3", language="python", env=variables)

        async def start_kernel(self, **options: Any) -> None:
            self.connection_file = os.path.join(private, "connection.json")
            await super().start_kernel(**{**options, **process})

    options: dict[str, Any] = {"kernel_manager_class": Kernel, "kernel_name": "python3", "shutdown_kernel": "immediate"}
    options |= {"raise_on_iopub_timeout": True, "record_timing": False, "coalesce_streams": True}
    return NotebookClient(notebook, timeout=None, **options)


def main() -> None:
    """The kernel process: ipykernel, bound to the life of the process that started it."""
    if sys.platform == "linux":  # at once; elsewhere ipykernel looks for its parent once a second
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != int(os.environ["JPY_PARENT_PID"]):  # it ended before we asked
            os._exit(1)
    if sys.path[0] in ("", os.getcwd()):  # a lesson puts the working directory back itself
        del sys.path[0]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
