"""What a user's mypy knows of the package: a tensor is a tensor, and a wrong word for a choice is an error."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SET_UP = """
from typing import cast
import torch
import ltnb
from ltnb.clip import Backbone, zero_shot_weights
backbone = cast(Backbone, None)
counts, x = [9, 3, 1], torch.randn(4, 8)
z, y, bank = torch.randn(4, 3), torch.tensor([0, 1, 2, 0]), torch.randn(3, 2, 8)
linear = torch.nn.Linear(8, 3)
mask = torch.zeros(3, 2, dtype=torch.bool)
groups = ltnb.data.longtail.shot_groups(counts)
"""
REVEALED = {
    # losses
    "ltnb.losses.BalancedSoftmaxLoss(counts)(z, y)": "Tensor",
    "ltnb.losses.FocalLoss()(z, y)": "Tensor",
    "ltnb.losses.LDAMLoss(counts)(z, y)": "Tensor",
    "ltnb.losses.LADELoss(counts)(z, y)": "Tensor",
    "ltnb.losses.FeatureDistillationLoss()(x, x)": "Tensor",
    "ltnb.losses.logit_adjust(z, counts)": "Tensor",
    # heads
    "ltnb.heads.LinearAdapter(8)(x)": "Tensor",
    "ltnb.heads.CosineClassifier(8, 3)(x)": "Tensor",
    "ltnb.heads.LanguageGuidedHead(bank, mask)(x)": "tuple[Tensor, Tensor]",
    "ltnb.heads.LanguageGuidedHead(bank, mask).predict_proba(x)": "Tensor",
    "ltnb.heads.LearnableWeightScaling(linear)(x)": "Tensor",
    "ltnb.heads.MARC(linear)(x)": "Tensor",
    "ltnb.heads.DisAlign(linear)(x)": "Tensor",
    "ltnb.heads.TauNormalizedClassifier(linear, 0.5)(x)": "Tensor",
    "ltnb.heads.TokenDecoder(8)(x)": "Tensor",
    # samplers, metrics, retrieval, training
    "next(iter(ltnb.samplers.BalancedSampler(y, 'class')))": "int",
    "ltnb.samplers.sampling_probabilities(counts, 'class')": "ndarray",
    "ltnb.metrics.evaluate(y, y, counts).overall": "float",
    "ltnb.retrieval.top_images(x, x, 2)": "Tensor",
    "ltnb.training.fit_linear_probe(x, y, 3)": "tuple[Linear, History]",
    # CLIP
    "backbone.encode_images(x)": "Tensor",
    "backbone.encode_texts(['a'])": "Tensor",
    "ltnb.tuning.ContextPrompt(backbone, ['a', 'b'])()": "Tensor",
    "ltnb.__version__": "str",
}
REFUSED = {
    "ltnb.samplers.BalancedSampler(y, 'classes')": "arg-type",
    "ltnb.losses.lada": "attr-defined",
    "ltnb.loses": "attr-defined",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy says of each line, without its place; the cache is that of ``make lint``."""
    script = tmp_path_factory.mktemp("user") / "script.py"
    lines = [*(f"reveal_type({line})" for line in REVEALED), *REFUSED]
    script.write_text(SET_UP.lstrip() + "\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(script)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not done.stderr, done.stderr
    first = SET_UP.lstrip().count("\n") + 1
    found = [""] * len(lines)
    for number, text in re.findall(r"^.*script\.py:(\d+): (.*)$", done.stdout, flags=re.M):
        assert int(number) >= first, text
        found[int(number) - first] += text + "\n"
    return found


@pytest.mark.parametrize("line", REVEALED)
def test_type_of_a_result(line: str, answers: list[str]):
    answer = answers[list(REVEALED).index(line)]
    (revealed,) = re.findall(r'Revealed type is "(.*)"', answer) or [answer]
    short = re.sub(r"(?:\w+\.)+(\w+)", r"\1", revealed)
    assert re.sub(r"(?<=ndarray)\[.*\]", "", short) == REVEALED[line], revealed


@pytest.mark.parametrize("line", REFUSED)
def test_a_mistake_is_refused(line: str, answers: list[str]):
    assert f"[{REFUSED[line]}]" in answers[len(REVEALED) + list(REFUSED).index(line)]


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "ltnb" / "py.typed").is_file()
