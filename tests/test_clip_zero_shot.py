"""Zero-shot weights against loops, and the templates against the paper."""

import re

import clip_tiny
import numpy as np
import pytest
import torch

from ltnb import clip

NAMES = ["frog", "marsh owl", "{}"]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield clip.load(clip_tiny.TINY, "random", precision="fp32", device="cpu")


@pytest.mark.parametrize("templates", ["a {}", clip.TEMPLATES["single"], clip.TEMPLATES["ballad"]])
def test_equals_the_mean_of_normalised_prompts(backbone, templates):
    weights = clip.zero_shot_weights(backbone, NAMES, templates, batch_size=5)
    prompts = (templates,) if isinstance(templates, str) else templates
    assert weights.shape == (3, 24) and not weights.requires_grad
    for c, name in enumerate(NAMES):
        rows = []
        for template in prompts:
            before, after = template.split("{}")
            tokens = backbone.tokenizer([before + name + after])
            row = backbone.model.encode_text(tokens)[0].detach().numpy().astype(np.float64)
            rows.append(row / np.sqrt((row**2).sum()))
        mean = np.mean(rows, axis=0)
        np.testing.assert_allclose(weights[c].numpy(), mean / np.sqrt((mean**2).sum()), atol=1e-5)


def test_the_mode_of_the_model_is_left_alone(backbone):
    backbone.train()
    clip.zero_shot_weights(backbone, ["frog"], "a {}")
    assert backbone.training
    backbone.eval()


def test_every_template_has_one_place_for_the_name():
    assert all(template.count("{}") == 1 for templates in clip.TEMPLATES.values() for template in templates)


def test_templates_are_those_of_the_paper(shared_data):
    """The seven of appendix C, each on a line of its own, and the one that the main text adopts."""
    paper = shared_data.parent / "papers" / "ballad_arxiv.txt"
    if not paper.is_file():
        pytest.skip(f"the papers' texts are not present: no {paper}")
    text = paper.read_text(encoding="utf-8")
    listed = re.findall(r"^• (.*\{CLASS\}.*)$", text, flags=re.M)
    assert len(listed) == 7 and {line.replace("{CLASS}", "{}") for line in listed} == set(clip.TEMPLATES["ballad"])
    assert len(clip.TEMPLATES["ballad"]) == 7 and clip.TEMPLATES["single"] == ("a photo of a {}.",)
    assert "a single template a photo of a {CLASS}" in " ".join(text.split())


@pytest.mark.parametrize(
    ("names", "templates", "message"),
    [
        ([], "a {}", "class_names"),
        ("frog", "a {}", "class_names"),
        (["frog"], "a frog", "templates.*'a frog'"),
        (["frog"], ["{} and {}"], "templates"),
        (["frog"], [], "templates"),
        (None, "a {}", "class_names must be a non-empty list of str, got None"),
        ([1], "a {}", "class_names must be a non-empty list of str"),
        (["frog"], None, "templates must be a non-empty list of str, got None"),
        (["frog"], [3], "templates must be a non-empty list of str"),
    ],
)
def test_bad_input_is_named(backbone, names, templates, message):
    with pytest.raises(ValueError, match=message):
        clip.zero_shot_weights(backbone, names, templates)
    assert torch.is_tensor(clip.zero_shot_weights(backbone, np.array(["frog"]), "a {}"))


@pytest.mark.parametrize("bad", [0, -1, 2.0])
def test_a_bad_batch_size_is_named(backbone, bad):
    with pytest.raises(ValueError, match="batch_size must be"):
        clip.zero_shot_weights(backbone, ["frog"], "a {}", batch_size=bad)
