"""The folder of a run: half-written beside finished, and only finished ones are ever reused.

A run works in ``seed<k>.partial``. When it is through, ``done.json`` is written last and the folder is renamed to
``seed<k>`` in one step; when a cell failed, to ``seed<k>.failed``. Whatever a kill leaves is a ``.partial`` folder,
which the next start removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ltnb._files import replacing
from ltnb.runner.plan import Task

__all__ = ["finish", "forget", "is_finished", "lock", "mark_failed", "partial_folder", "prepare"]


def partial_folder(task: Task) -> Path:
    """Where the run works until it is through."""
    return Path(task.folder + ".partial")


def is_finished(task: Task) -> bool:
    """Whether a run with the same key stands in its folder, with the record it wrote still whole."""
    folder = Path(task.folder)
    try:
        done = json.loads((folder / "done.json").read_text(encoding="utf-8"))
        return bool(done["key"] == task.key and done["record"] == _record_hash(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def prepare(task: Task) -> Path:
    """An empty working folder; what an earlier, interrupted or failed run left is removed."""
    partial = partial_folder(task)
    for leftover in (partial, _failed(task)):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def finish(task: Task, seconds: float) -> Path:
    """Turn the working folder into the finished one; the folder of a run that is no longer valid makes way.

    Raises:
        ValueError: the lesson left a ``record.json`` that is not a record.
    """
    partial, folder = partial_folder(task), Path(task.folder)
    if (partial / "record.json").exists():
        from ltnb.results import load_record

        load_record(partial)
    done: dict[str, Any] = {
        "schema": 1,
        "key": task.key,
        "lesson": task.lesson,
        "parameters": dict(task.parameters),
        "seconds": round(seconds, 1),
        "record": _record_hash(partial),
    }
    with replacing(partial / "done.json") as path:
        path.write_text(json.dumps(done, indent=1, sort_keys=True), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(partial, folder)
    return folder


def forget(task: Task) -> None:
    """Make a finished run count as not finished, so that it is run again; its files stay until then."""
    (Path(task.folder) / "done.json").unlink(missing_ok=True)


def mark_failed(task: Task) -> Path:
    """Keep the working folder of a failed run, with the notebook as far as it came, for a look."""
    failed = _failed(task)
    shutil.rmtree(failed, ignore_errors=True)
    os.rename(partial_folder(task), failed)
    return failed


@contextlib.contextmanager
def lock(folder: Path, patience: float = 10.0) -> Iterator[int | None]:
    """Hold ``folder`` against a second command until this one and its workers (who inherit the lock) are gone.

    Args:
        folder: made when missing.
        patience: seconds to wait for the workers of a command that was just killed.

    Yields:
        The file descriptor to pass to workers, None where the system has no such locks.

    Raises:
        ValueError: another command still works there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield None
        return
    with open(folder / ".lock", "a+", encoding="utf-8") as file:
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= end:
                    file.seek(0)
                    owner = file.read().strip() or "unknown"
                    message = f"another ltnb command (process {owner}) works in {folder}"
                    raise ValueError(f"{message}: wait for it, or use another --runs-dir") from None
                time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def _failed(task: Task) -> Path:
    return Path(task.folder + ".failed")


def _record_hash(folder: Path) -> str | None:
    """SHA-256 of the run's record, None when the lesson wrote none."""
    path = folder / "record.json"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
