"""The version of the code that a record names: what changes it, and what does not."""

import json
import shutil
from pathlib import Path

import pytest

from ltnb import _code
from ltnb._code import code_version, package_hashes

ROOT = Path(__file__).parents[1]


def forget() -> None:
    package_hashes.cache_clear()
    _code._package_meanings.cache_clear()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with one lesson and a small package."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ltnb"\n')
    for name in ("losses.py", "weights/mini.safetensors", "runner/plan.py", "cli.py"):
        (tmp_path / "ltnb" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ltnb" / name).write_text(name)
    write(tmp_path, "x = 1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_code, "PACKAGE", tmp_path / "ltnb")
    forget()
    yield tmp_path
    forget()


def write(project: Path, code: str, text: str = "words", output: str = "1") -> None:
    cells = [
        {"cell_type": "markdown", "source": [text]},
        {"cell_type": "code", "source": [code], "outputs": [{"text": output}]},
    ]
    (project / "notebooks" / "09_x.ipynb").write_text(json.dumps({"cells": cells}))


def version(lesson: str = "09_x") -> str:
    forget()
    return code_version(lesson)


def test_records_texts_outputs_and_the_runner_change_nothing(project):
    before = version()
    assert len(before) == 16 and int(before, 16) >= 0
    (project / "figures" / "records").mkdir(parents=True)
    (project / "figures" / "records" / "09_x.json").write_text("{}")
    (project / "README.md").write_text("new")
    (project / "ltnb" / "runner" / "plan.py").write_text("new")
    (project / "ltnb" / "cli.py").write_text("new")
    write(project, "x = 1", "other words", "2")
    assert version() == before


def test_what_a_reader_is_told_changes_nothing(project):
    (project / "ltnb" / "losses.py").write_text("def f(x):\n    return x + 1\n")
    write(project, "y = x")
    before = version()
    told = '"""What it is."""\n# why\ndef f(\n    x,\n):\n    """Docs."""\n    return x + 1  # one more\n'
    (project / "ltnb" / "losses.py").write_text(told)
    (project / "ltnb" / "README.md").write_text("words")
    write(project, "# as it is\ny = (x)")
    assert version() == before
    (project / "ltnb" / "losses.py").write_text(told.replace("+ 1", "+ 2"))
    assert version() != before


@pytest.mark.parametrize("name", ["losses.py", "weights/mini.safetensors", "new.csv"])
def test_any_file_of_the_package_counts(project, name):
    before = version()
    (project / "ltnb" / name).write_text("changed")
    assert version() != before


def test_the_code_of_this_lesson_counts_and_of_others_not(project):
    before = version()
    shutil.copy(project / "notebooks" / "09_x.ipynb", project / "notebooks" / "08_y.ipynb")
    assert version() == before
    write(project, "x = 2")
    assert version() != before
    assert version("none") != before  # the package alone


def test_the_package_here_is_hashed_with_its_weights():
    package_hashes.cache_clear()
    found = package_hashes()
    assert {"metrics.py", "clip/weights/mini-vit.safetensors", "papers/ballad/table5.csv"} <= set(found)
    assert not any(name.startswith("runner/") or "__pycache__" in name for name in found)
