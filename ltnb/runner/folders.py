"""The folder of a run: half-written beside finished, and only finished ones are ever reused.

A run works in ``seed<k>.partial``. When it is through, the folder is moved to ``seed<k>``, where ``done.json`` gets its
name last; when a cell failed, to ``seed<k>.failed``. What a kill leaves has no ``done.json``, and the next start
removes it. Anything else that lies there is not ours and stays untouched.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from ltnb._files import replacing
from ltnb.runner.plan import Task, file_hash

__all__ = ["finish", "finished_folders", "forget", "is_finished", "lock", "mark_failed", "partial_folder", "prepare"]


def partial_folder(task: Task) -> Path:
    """Where the run works until it is through."""
    return Path(task.folder + ".partial")


def is_finished(task: Task) -> bool:
    """Whether a run with the same key stands in its folder, with the record it wrote still whole."""
    folder = Path(task.folder)
    try:
        done = json.loads((folder / "done.json").read_text(encoding="utf-8"))
        return bool(done["key"] == task.key and done["record"] == file_hash(folder / "record.json"))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def finished_folders(folder: Path) -> list[Path]:
    """The folders ``<lesson>/seed<k>`` under ``folder`` in which a finished run stands, lessons and seeds in order.

    A finished run under another name, such as ``seed0_old``, is left out; standard error names all of these in a line.
    """
    found = [path.parent for path in folder.glob("*/*/done.json") if path.parent.suffix != ".partial"]
    ours = [path for path in found if re.fullmatch("seed(0|[1-9][0-9]*)", path.name) and path.parent.name[0] != "."]
    if stray := ", ".join(sorted(str(path.relative_to(folder)) for path in set(found) - set(ours))):
        print(f"left out, as no folder of a run is named so: {stray}", file=sys.stderr)
    return sorted(ours, key=lambda path: (path.parent.name, int(path.name.removeprefix("seed"))))


def prepare(task: Task) -> Path:
    """An empty working folder; what an earlier, interrupted or failed run left is removed."""
    partial = partial_folder(task)
    _remove(partial)
    _remove(Path(task.folder + ".failed"))
    partial.mkdir(parents=True)
    return partial


def finish(task: Task, seconds: float) -> Path:
    """Turn the working folder into the finished one; the folder of a run that is no longer valid makes way.

    Raises ValueError where the lesson left no sound ``record.json``, and OSError where ``done.json`` cannot be written,
    as on a full disk: what stood in the folder is then still there.
    """
    partial, folder = partial_folder(task), Path(task.folder)
    if (partial / "record.json").exists():
        from ltnb.results import load_record

        load_record(partial)
    done: dict[str, Any] = {"schema": 1, "key": task.key, "lesson": task.lesson, "parameters": dict(task.parameters)}
    done |= {"seconds": round(seconds, 1), "record": file_hash(partial / "record.json")}
    with replacing(partial / "done.new") as path:
        path.write_text(json.dumps(done, indent=1, sort_keys=True), encoding="utf-8")
    _move(partial, folder)
    os.replace(folder / "done.new", folder / "done.json")  # half of a moved folder never counts as finished
    return folder


def forget(task: Task) -> None:
    """Make a finished run count as not finished, so that it is run again; its files stay until then."""
    (Path(task.folder) / "done.json").unlink(missing_ok=True)


def mark_failed(task: Task) -> Path:
    """Keep the working folder of a failed run, with the notebook as far as it came, for a look; says where it is."""
    failed = Path(task.folder + ".failed")
    with contextlib.suppress(OSError):
        _move(partial_folder(task), failed)
    return failed if failed.exists() else partial_folder(task)


@contextlib.contextmanager
def lock(folder: Path, patience: float = 10.0) -> Iterator[int | None]:
    """Hold ``folder``, made when missing, against a second command until this one and its kernels are gone.

    Gives the file descriptor that the kernels inherit, or None where there are no such locks (Windows; some of NFS and
    Lustre, which is said on standard error). ``patience`` are the seconds that the kernels of a command that was just
    killed may take to end. Raises ValueError where another command works there, or nothing can be written there.
    """
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
        owner = open(folder / ".lock", "a+b", buffering=0)
    except OSError as error:
        raise ValueError(f"cannot keep runs in {folder}: {error.strerror}") from None
    with owner:
        held = _flock(owner, folder, time.monotonic() + patience)
        with contextlib.suppress(OSError):  # a full disk: the lock holds without our number in it
            owner.truncate(0)
            owner.write(str(os.getpid()).encode())
        yield owner.fileno() if held else None


def _flock(owner: FileIO, folder: Path, end: float) -> bool:
    """Lock an open file; False where that cannot be done."""
    try:
        import fcntl
    except ImportError:
        return False
    while True:
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                says = f"warning: {folder} cannot be locked ({error.strerror}): start no second command there"
                print(says, file=sys.stderr)
                return False
            if time.monotonic() >= end:
                owner.seek(0)
                message = f"another ltnb command (process {owner.read().decode() or 'unknown'}) works in {folder}"
                raise ValueError(f"{message}: wait for it, or use another --runs-dir") from None
        time.sleep(0.1)


def _remove(path: Path) -> None:
    """Remove a folder, or the file or link that stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _move(source: Path, target: Path) -> None:
    """Move a folder, by a copy where the file system cannot rename it; what stands at the target makes way."""
    _remove(target)
    shutil.move(source, target)
