"""The list of ``benchmarks/mutation.py`` fits the sources, and leaves no loss or head out.

A variable that gets another name makes some entries stale, which is no fault of the loss: the script names them and
does not pass. Here the list may not rot unseen: nine of ten entries of the whole list have to fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from benchmarks.mutation_list import TARGETS, Target

ROOT = Path(__file__).resolve().parents[1]


def stale(targets: Iterable[Target], root: Path) -> list[str]:
    """Entries whose text does not occur exactly once in its file."""
    found = []
    for target in targets:
        source = (root / target.file).read_text()
        found += [f"{target.file}: {old!r}" for _, old, _ in target.mutations if source.count(old) != 1]
    return found


def test_nearly_all_mutations_can_be_made():
    old = stale(TARGETS, ROOT / "ltnb")
    assert len(old) <= sum(len(target.mutations) for target in TARGETS) / 10, "\n".join(old)


def test_a_stale_mutation_is_found(tmp_path: Path):
    (tmp_path / "a.py").write_text("x = 1\ny = x + 1\n")
    target = Target("a.py", (), (), (("fits", "y = x", "y = 2 * x"), ("gone", "z = x", "z"), ("twice", "1", "2")))
    assert stale([target], tmp_path) == ["a.py: 'z = x'", "a.py: '1'"]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.file)
def test_mutations_are_programs_and_differ(target: Target):
    source = (ROOT / "ltnb" / target.file).read_text()
    fitting = [(old, new) for _, old, new in target.mutations if source.count(old) == 1]
    mutants = {source.replace(old, new) for old, new in fitting}
    for mutant in mutants:
        compile(mutant, target.file, "exec")
    assert len(mutants - {source}) == len(fitting), "two mutations are the same"
    assert len({what for what, _, _ in target.mutations}) == len(target.mutations)
    assert all((ROOT / "tests" / name).is_file() for name in target.tests)


def test_every_loss_and_head_is_broken_in_several_ways():
    files = {
        f"{folder}/{path.name}" for folder in ("losses", "heads") for path in (ROOT / "ltnb" / folder).glob("[!_]*.py")
    }
    assert files <= {target.file for target in TARGETS}
    assert all(len(target.mutations) >= 5 for target in TARGETS)
    assert sum(len(target.mutations) for target in TARGETS) >= 60
