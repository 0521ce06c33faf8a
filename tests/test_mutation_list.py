"""The list of ``benchmarks/mutation.py`` fits the sources as they are, and leaves no loss or head out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.mutation_list import TARGETS, Target

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.file)
def test_each_mutation_can_be_made(target: Target):
    source = (ROOT / "ltnb" / target.file).read_text()
    mutants = {source}
    for what, old, new in target.mutations:
        assert source.count(old) == 1, f"{what}: {old!r} occurs {source.count(old)} times"
        mutant = source.replace(old, new)
        compile(mutant, target.file, "exec")
        mutants.add(mutant)
    assert len(mutants) == len(target.mutations) + 1, "two mutations are the same"
    assert len({what for what, _, _ in target.mutations}) == len(target.mutations)
    assert all((ROOT / "tests" / name).is_file() for name in target.tests)


def test_every_loss_and_head_is_broken_in_several_ways():
    files = {
        f"{folder}/{path.name}" for folder in ("losses", "heads") for path in (ROOT / "ltnb" / folder).glob("[!_]*.py")
    }
    assert files <= {target.file for target in TARGETS}
    assert all(len(target.mutations) >= 5 for target in TARGETS)
    assert sum(len(target.mutations) for target in TARGETS) >= 60
