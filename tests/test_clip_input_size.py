"""Another input size: positions are what open_clip makes of them, and only towers that can take it do."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import clip_tiny
import pytest
import torch
from clip_tiny import TINY, TINY_RESNET, TINY_TIMM, Pictures

from ltnb import clip
from ltnb.clip import extract_features


@pytest.fixture(scope="module", autouse=True)
def tiny_architectures(tmp_path_factory):
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield


@pytest.mark.parametrize("pixels", [16, 48, 64])
def test_positions_of_a_vit_are_interpolated_as_open_clip_does(pixels):
    from open_clip.model import resize_pos_embed

    small, large = (clip.load(TINY, "random", precision="fp32", image_size=size) for size in (None, pixels))
    state = {"visual.positional_embedding": small.model.visual.positional_embedding.detach().clone()}
    wanted = SimpleNamespace(visual=SimpleNamespace(grid_size=(pixels // 16, pixels // 16)))
    resize_pos_embed(state, wanted)
    assert torch.equal(large.model.visual.positional_embedding, state["visual.positional_embedding"])
    assert large.image_size == large.facts()["image_size"] == pixels
    picture = torch.randint(256, (1, 3, 80, 80), dtype=torch.uint8)
    assert large.preprocess(picture).shape == (1, 3, pixels, pixels)
    assert large.encode_tokens(large.preprocess(picture)).shape[1] == 1 + (pixels // 16) ** 2


def test_positions_of_a_resnet_grow_with_its_feature_map():
    small, large = (clip.load(TINY_RESNET, "random", precision="fp32", image_size=size) for size in (None, 128))
    assert large.image_size == 128
    pictures = large.preprocess(torch.randint(256, (2, 3, 128, 128), dtype=torch.uint8))
    assert large.encode_tokens(pictures).shape[1] == 1 + 4**2
    assert torch.isfinite(large.encode_images(pictures)).all()
    table, grown = (m.model.visual.attnpool.positional_embedding for m in (small, large))
    assert torch.equal(grown[0], table[0])
    torch.testing.assert_close(grown[1:].mean(dim=0), table[1:].mean(dim=0), rtol=0, atol=0.2)


def test_the_same_size_changes_nothing():
    plain, same = (clip.load(TINY, "random", precision="fp32", image_size=size) for size in (None, 32))
    assert plain.weights_hash == same.weights_hash


def test_a_table_of_equal_positions_stays_so_and_training_settings_are_kept():
    model = clip.load(TINY, "random", precision="fp32")
    model.model.visual.positional_embedding.data[1:] = 0.5
    model.set_trainable(image=False, text=False)
    model.set_image_size(64)
    table = model.model.visual.positional_embedding
    torch.testing.assert_close(table[1:], torch.full_like(table[1:], 0.5))
    assert not table.requires_grad
    assert "visual.positional_embedding" in model.tower_parameters("image")


def test_features_of_another_size_are_not_taken_from_the_cache(tmp_path):
    model = clip.load(TINY, "random", precision="fp32")
    first = extract_features(model, Pictures(), cache_dir=tmp_path)
    larger = copy.deepcopy(model)
    larger.set_image_size(64)
    assert not torch.allclose(first.x, extract_features(larger, Pictures(), cache_dir=tmp_path).x)


def test_what_does_not_fit_is_named():
    for bad in (40, 8, 0, 2.0, True):
        with pytest.raises(ValueError, match=r"^image_size must be .*, got ."):
            clip.load(TINY, "random", precision="fp32", image_size=bad)
    with pytest.raises(ValueError, match="image tower of class VisionTransformer or ModifiedResNet, got TimmModel"):
        clip.load(TINY_TIMM, "random", precision="fp32", image_size=64)
