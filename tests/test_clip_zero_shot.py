"""Zero-shot weights against loops, and the templates against the paper."""

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
def test_equals_the_mean_of_normalised_prompts(backbone, templates, monkeypatch):
    monkeypatch.setattr("ltnb.clip.zero_shot._CHUNK", 5)
    weights = clip.zero_shot_weights(backbone, NAMES, templates)
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


def test_templates_are_those_of_the_paper():
    assert clip.TEMPLATES["single"] == ("a photo of a {}.",)
    assert len(clip.TEMPLATES["ballad"]) == 7 == len(set(clip.TEMPLATES["ballad"]))
    assert all(template.count("{}") == 1 for templates in clip.TEMPLATES.values() for template in templates)
    assert "itap of a {}." in clip.TEMPLATES["ballad"] and "a photo of the small {}." in clip.TEMPLATES["ballad"]


@pytest.mark.parametrize(
    ("names", "templates", "message"),
    [
        ([], "a {}", "class_names"),
        ("frog", "a {}", "class_names"),
        (["frog"], "a frog", "templates.*'a frog'"),
        (["frog"], ["{} and {}"], "templates"),
        (["frog"], [], "templates"),
    ],
)
def test_bad_input_is_named(backbone, names, templates, message):
    with pytest.raises(ValueError, match=message):
        clip.zero_shot_weights(backbone, names, templates)
    assert torch.is_tensor(clip.zero_shot_weights(backbone, ["frog"], "a {}"))
