"""Packages that are not installed are named with the line that installs them, before anything else is done."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from ltnb import lesson, papers, plots, results
from ltnb._optional import require
from ltnb.plots import _labels

PARAMETERS = {"dataset": "", "backbone": "", "profile": "", "seed": 0, "out": "", "device": "cpu", "precision": "fp32"}
PARTS = {
    "style": (plots.use_style, "matplotlib", "a chart needs matplotlib: pip install matplotlib"),
    "bars": (lambda: plots.group_bars({"a": {"overall": 1}}), "seaborn", "a chart needs seaborn: pip install seaborn"),
    "pictures": (lambda: plots.image_grid([np.zeros((3, 4, 4))], ["a"]), "matplotlib", "pip install matplotlib"),
    "t-SNE": (lambda: plots.tsne_embedding(np.eye(5)), "sklearn", "t-SNE needs scikit-learn: pip install scikit-learn"),
    "summary": (lambda: results.summary([], "a"), "pandas", "a table needs pandas: pip install pandas"),
    "comparison": (
        lambda: results.comparison("a", results.Record("x", {}, seed=0), []), "pandas", "a table needs pandas",
    ),
    "published": (lambda: papers.reported("ballad_table1"), "pandas", "a table needs pandas: pip install pandas"),
    "lesson": (lambda: lesson.start("x", PARAMETERS), "pandas", "a lesson needs pandas: pip install pandas"),
}  # fmt: skip


@pytest.mark.parametrize(("use", "module", "message"), PARTS.values(), ids=PARTS)
def test_every_part_names_what_it_lacks(monkeypatch, use, module, message):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == module else real(name, *rest))
    _labels.fonts.cache_clear()
    with pytest.raises(ModuleNotFoundError, match=message) as error:
        use()
    assert error.value.name == module


def test_nothing_is_imported_to_find_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "not_here", None)
    with pytest.raises(ModuleNotFoundError, match=r"^x needs not_here, no\.such: pip install not_here no\.such$"):
        require(("not_here", "no.such", "xml.sax"), "x")
    require((), "x")
