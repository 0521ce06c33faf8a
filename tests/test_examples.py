"""Every public part shows how it is called, in lines that run as they stand, and links the paper that it is from."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import types
import warnings
from collections.abc import Callable

import pytest
import torch

from ltnb import data, heads, plots, regime, stages, training

MODULES = ("losses", "heads", "samplers", "metrics", "anchors", "retrieval", "tuning")
OTHERS = [
    *(data.exponential_counts, data.pareto_counts, data.shot_groups),
    *(heads.Head.save_pretrained, training.fit, training.fit_linear_probe),
    *(plots.regime_curves, plots.gain_intervals, plots.gains_by_source, plots.answer_intervals),
    regime.measure_regime,
    *(stages.head_stages, stages.balanced_subset),
]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def public(module: types.ModuleType) -> dict[str, Callable]:
    """Classes and functions that a module defines, or names in ``__all__``."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    named = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    found = {name: getattr(module, name) for name in named}
    return {name: part for name, part in found.items() if inspect.isclass(part) or inspect.isroutine(part)}


def without_example(part: Callable) -> bool:
    return ">>> " not in (inspect.getdoc(part) or "")


def without_link(part: Callable) -> bool:
    """Whether the docstring says where the part is from, and does not say where that is found."""
    source = re.search(r"^Source:.*?(?=\n\n|\Z)", inspect.getdoc(part) or "", flags=re.S | re.M)
    return source is not None and "https://" not in source[0]


def failures(part: Callable, name: str) -> list[str]:
    """What goes wrong when the examples of a part and its methods run, with nothing imported but what they import."""
    output: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("error")  # nobody should copy a line that warns
        for test in doctest.DocTestFinder().find(part, name, globs={}):
            runner.run(test, out=output.append)
    return output


PARTS = {
    f"{module}.{name}": part
    for module in MODULES
    for name, part in public(importlib.import_module(f"ltnb.{module}")).items()
} | {part.__name__: part for part in OTHERS}
every_part = pytest.mark.parametrize("name", PARTS)


@every_part
def test_a_part_has_an_example(name: str):
    assert not without_example(PARTS[name]), "its docstring has no '>>> ' line"


@every_part
def test_its_examples_run(name: str):
    assert not (found := failures(PARTS[name], name)), "".join(found)


@every_part
def test_its_source_has_a_link(name: str):
    assert not without_link(PARTS[name]), "its 'Source:' has no https:// address"


# The checks themselves ------------------------------------------------------------------------------------------------


def test_all_modules_are_read():
    for name in ("losses.create", "heads.names", "samplers.BalancedSampler", "metrics.Report", "metrics.evaluate"):
        assert name in PARTS
    assert {"anchors.select_anchors", "retrieval.top_images", "tuning.ContextPrompt", "fit"} <= set(PARTS)
    assert not [name for name in PARTS if re.search(r"\b_|check_|unit$|dataclass|Any$|Tensor$", name)]


def test_the_checks_find_what_they_look_for():
    def nothing() -> None:
        """Do nothing.

        Source: a paper (Somebody 2020).

        More: https://example.org
        """

    def wrong() -> None:
        """Do nothing.

        >>> 1 + 1
        3
        >>> torch.zeros(1)  # not imported
        tensor([0.])

        Source: a paper, https://example.org.
        """

    assert without_example(nothing) and without_link(nothing)
    assert not without_example(wrong) and not without_link(wrong)
    text = "".join(failures(wrong, "wrong"))
    assert "Got:\n    2" in text and "NameError" in text and not failures(nothing, "nothing")
