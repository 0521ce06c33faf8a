"""Mutation check: breaks each loss, head and sampler in one small way at a time and shows that the tests notice.

Run: ``python benchmarks/mutation.py [--only lade.py] [--list]`` (not on Windows; three to four minutes, one core). The
mutations stand in ``mutation_list.py``: a piece of source text, which has to occur exactly once, and what takes its
place. Each goes into a copy of the package in a temporary folder, never into the checkout; a fresh process imports that
copy and runs the tests of that loss or head until the first failure. Prints file, mutation and the test that killed it,
then the kill rate; the exit status is 1 if a mutation survives.

The copy as it is has to pass first, and a mutation that only keeps the tests from being collected is an error here
and no kill.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import itertools
import os
import pickle
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401  imported once, for all the forks
import numpy as np  # noqa: F401
import pytest
import sklearn.neighbors  # noqa: F401
import torch
from mutation_list import TARGETS, Target

ROOT = Path(__file__).resolve().parents[1]
QUIET = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]


class Recorder:
    """What a pytest run came to: tests that passed, the first that failed, what could not be collected."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = ""
        self.broken = ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Hook: a test, its set-up or its tear-down has ended."""
        if report.failed and not self.failed:
            self.failed = report.nodeid
        self.passed += report.passed and report.when == "call"

    def pytest_collectreport(self, report: Any) -> None:
        """Hook: a file has been collected."""
        if report.failed:
            self.broken = str(report.longrepr)


def copy_package(folder: Path) -> None:
    """Package, tests and pytest's settings, without weights and byte code."""
    skip = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.npz")
    for name in ("ltnb", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", folder)


def import_once(folder: Path) -> None:
    """Timm, too slow to import for every mutation; torchvision may need its operators declared before."""
    specification = importlib.util.spec_from_file_location("_ops", folder / "ltnb" / "_torchvision.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.prepare_torchvision()
    import timm.models.vision_transformer  # noqa: F401


def run_here(folder: Path, target: Target) -> Recorder:
    """The tests of one target in this process, which has not imported the package yet."""
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)  # for data loader workers
    sys.path[:0] = [str(folder), str(folder / "tests")]
    import registries

    import ltnb

    assert Path(ltnb.__file__).is_relative_to(folder), f"imported {ltnb.__file__}, not the copy"
    # leaves the other cases uncollected: the same choice as -k makes, but before thousands of tests are made of them
    for cases in (registries.MODULES, registries.LOSSES, registries.FUNCTIONS):
        cases[:] = [case for case in cases if any(word.lower() in case.name.lower() for word in target.words)]
    recorder = Recorder()
    files = [f"tests/{name}" for name in target.tests]
    status = pytest.main([*QUIET, "-k", " or ".join(target.words), *files], plugins=[recorder])
    if status not in (0, 1) and not recorder.broken:
        recorder.broken = f"pytest ended with {status!r}"
    loaded = sys.modules["ltnb." + target.file.removesuffix(".py").replace("/", ".")]
    assert Path(loaded.__file__) == folder / "ltnb" / target.file, f"tested {loaded.__file__}"
    return recorder


def run_apart(folder: Path, target: Target) -> Recorder:
    """The same in a fork, with its output thrown away."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            answer: Any = run_here(folder, target)
        except BaseException as error:
            answer = Recorder()
            answer.broken = repr(error)
        os.write(writer, pickle.dumps(vars(answer)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    result = Recorder()
    vars(result).update(pickle.loads(data) if data else {"broken": "the process died"})
    return result


def mutant(target: Target, source: str, old: str, new: str) -> str:
    """The source with the one occurrence of ``old`` replaced."""
    if source.count(old) != 1:
        raise SystemExit(f"{target.file}: {old!r} occurs {source.count(old)} times, not once")
    text = source.replace(old, new)
    compile(text, target.file, "exec")
    return text


def write(path: Path, text: str, stamp: int) -> None:
    """Byte code belongs to a source by its size and time: with a time of its own no mutant is taken for another."""
    path.write_text(text)
    os.utime(path, (stamp, stamp))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="targets whose file name contains this")
    parser.add_argument("--list", action="store_true", help="only show the mutations")
    arguments = parser.parse_args()
    targets = [target for target in TARGETS if arguments.only in target.file]
    if arguments.list:
        for target in targets:
            print(*(f"{target.file:<34}{what}" for what, _, _ in target.mutations), sep="\n")
        return 0

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    torch.set_num_threads(1)
    wall, killed, total = time.perf_counter(), 0, 0
    stamps = itertools.count(int(time.time()) + 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        copy_package(folder)
        import_once(folder)
        assert "ltnb" not in sys.modules
        gc.freeze()  # the forks need not look through torch for garbage
        for target in targets:
            path = folder / "ltnb" / target.file
            sound = run_apart(folder, target)
            if sound.broken or sound.failed or not sound.passed:
                raise SystemExit(f"{target.file}: the tests fail as it is: {sound.failed} {sound.broken}")
            print(f"{target.file}: {sound.passed} tests", flush=True)
            source = path.read_text()
            for what, old, new in target.mutations:
                write(path, mutant(target, source, old, new), next(stamps))
                result = run_apart(folder, target)
                if result.broken:
                    raise SystemExit(f"{target.file}, {what}: no test could be run: {result.broken}")
                killer = result.failed.removeprefix("tests/") if result.failed else "SURVIVED"
                print(f"    {what:<58} {killer}", flush=True)
                killed += bool(result.failed)
                total += 1
            write(path, source, next(stamps))
    used = os.times()
    cpu = used.user + used.system + used.children_user + used.children_system
    print(f"\n{killed} of {total} mutations killed, {100 * killed / total:.1f} %", end="; ")
    print(f"{time.perf_counter() - wall:.0f} s, {cpu:.0f} s of processor time")
    return int(killed < total)


if __name__ == "__main__":
    sys.exit(main())
