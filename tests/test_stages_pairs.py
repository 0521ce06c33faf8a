"""Towers that learn in a first stage, and the sentences that are read after it."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from ltnb import clip, data
from ltnb.anchors import score_sentences, select_anchors
from ltnb.critters.attributes import RARE
from ltnb.critters.concepts import concepts, names_as_concepts
from ltnb.data.corpus import sentence_bank
from ltnb.losses import ClassWiseContrastiveLoss
from ltnb.stages import AnchorRecipe, Recipe, TowerRecipe, chosen_neighbours, tune_pair, tune_tower, weights

CONTRAST = ClassWiseContrastiveLoss()


@pytest.fixture(scope="module")
def backbone():
    return clip.load("mini-vit", precision="fp32", device="cpu")


@pytest.fixture(scope="module")
def world():
    return data.load("critters_lt", size="small", n_max=8, imbalance=4, test_per_class=2, val_per_class=2, pool_size=0)


@pytest.fixture(scope="module")
def bank(world):
    prompts = clip.prompt_sentences(world.class_names, ["a photo of a {}."])
    return sentence_bank([lines[:2] for lines in world.corpus], prompts)


@pytest.fixture(scope="module")
def old(backbone, world, bank):
    return clip.embed(backbone, world, bank.lines)


@pytest.fixture(scope="module")
def tuned(backbone, world, bank, old):
    def loss(images, texts, y, old_images, old_texts, tau):
        assert images.shape == old_images.shape
        assert not old_texts.requires_grad
        return CONTRAST(images, texts, y, y, tau)

    return tune_pair(backbone, world, bank, old, loss, TowerRecipe(3e-4, passes=0.5, batch_size=16))


def test_a_pair_learns_and_the_backbone_leaves_as_it_came(backbone, world, bank, old, tuned):
    steps = TowerRecipe(3e-4, passes=0.5, batch_size=16).steps(len(world.train))
    assert len(tuned.history.step_loss) == steps == round(len(world.train) / 32)
    assert tuned.tau != 0.07
    assert not torch.allclose(tuned.train.x, old.train.x, atol=1e-3)
    assert torch.allclose(clip.embed_sentences(backbone, bank.lines[:3]), old.texts[:3], atol=1e-5)
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    with weights(backbone, tuned.state):
        assert torch.allclose(clip.embed_sentences(backbone, bank.lines[:3]), tuned.texts[:3], atol=1e-4)
    assert torch.allclose(clip.embed_sentences(backbone, bank.lines[:3]), old.texts[:3], atol=1e-5)


def test_the_teacher_must_have_seen_the_same(backbone, world, bank, old):
    with pytest.raises(ValueError, match="old must be embeddings of"):
        tune_pair(backbone, world, bank.take(bank.prompt), old, CONTRAST, TowerRecipe(1e-4, 1))


def test_an_image_tower_learns_with_a_head(backbone, world, old):
    head = nn.Linear(backbone.embed_dim, len(world.class_names))
    begun = head.weight.detach().clone()
    seen = tune_tower(backbone, world, head, F.cross_entropy, TowerRecipe(3e-4, passes=0.5, batch_size=16))
    assert not torch.equal(head.weight, begun)
    assert not head.weight.requires_grad
    assert not torch.allclose(seen.test.x, old.test.x, atol=1e-3)
    assert len(seen.texts) == 0


@pytest.mark.parametrize("wrong", [{"lr": 0.0}, {"passes": 0.0}, {"batch_size": 0}, {"seed": -1}])
def test_bad_recipes_of_towers(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TowerRecipe(**{"lr": 1e-3, "passes": 1.0} | wrong)


def test_anchors_are_those_of_the_selection(tuned, bank):
    recipe = AnchorRecipe(per_class=2, images=4)
    anchors, mask, chosen = recipe.choose(tuned)
    scores = score_sentences(tuned.texts, bank.y, tuned.train.x, tuned.train.y, tuned.tau)
    assert recipe.scores(tuned).shape == scores.shape
    every = dataclasses.replace(recipe, images=1000)
    expected = select_anchors(F.normalize(tuned.texts, dim=1), bank.y, scores, 2)
    for found, by_hand in zip(every.choose(tuned), expected, strict=True):
        torch.testing.assert_close(found, by_hand)
    assert anchors.shape == (int(bank.y.max()) + 1, 2, tuned.texts.shape[1])
    assert torch.equal(chosen < 0, mask)
    _, _, prompts = recipe.choose(tuned, "prompts_only")
    assert bank.prompt[prompts[prompts >= 0]].all()
    _, _, articles = recipe.choose(tuned, "wiki_only")
    assert not bank.prompt[articles[articles >= 0]].any()
    _, _, first = recipe.choose(tuned, "cut_off")
    assert first[0, 0] == int((bank.y == 0).nonzero()[0])
    _, mask, turns = recipe.choose(tuned, "half_and_half")
    full = ~mask.any(dim=1)
    assert (bank.prompt[turns[full]].sum(dim=1) == 1).all(), "one of each"
    with pytest.raises(ValueError, match="selection"):
        recipe.choose(tuned, "best")
    with pytest.raises(ValueError, match="split"):
        AnchorRecipe(split="test")


def test_validation_chooses_the_number_of_neighbours():
    bank = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.9, 0.0], [0.0, 1.0]]), torch.tensor([0, 0, 0, 1])
    val = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([1, 0])
    assert chosen_neighbours(bank, val, 2).k == 1, "with three neighbours the lone picture of class 1 is outvoted"


def test_concepts_are_shown_by_their_pictures(world):
    known = data.truth(world)
    found = concepts(known, least=2)
    assert {concept.kind for concept in found} <= {"frequent word", "rare word", "frequent pair", "rare pair"}
    rare = next(concept for concept in found if concept.kind == "rare word")
    assert rare.text in RARE.values()
    for concept in found:
        words = concept.text.split()
        assert concept.shown.sum() >= len(words)
        if len(words) == 2:
            singles = [each.shown for each in found if each.text == words[1]]
            assert (singles[0] | ~concept.shown).all(), "a striped fish is a fish"
    named = names_as_concepts(world.class_names, world.test.labels)
    assert [concept.shown.sum() for concept in named] == [2] * len(world.class_names)


def test_a_recipe_lets_one_watch_each_pass():
    x, y = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    recipe = Recipe(0.1, epochs=3, batch_size=8, optimizer="adamw", weight_decay=0.0, least_draws=1)
    heads, seen = [nn.Linear(3, 2) for _ in range(2)], []
    heads[1].load_state_dict(heads[0].state_dict())
    for head, watch in zip(heads, (None, lambda head: seen.append(head.weight.detach().clone())), strict=True):
        objective = lambda head, batch: F.cross_entropy(head(batch[0]), batch[1])  # noqa: E731
        recipe.train(head, objective, x, y, strategy="instance", seed=0, watch=watch)
    assert len(seen) == 3
    assert torch.equal(seen[-1], heads[1].weight), "what is kept is the last pass, not the best"
    assert torch.equal(heads[0].weight, heads[1].weight), "watching changes nothing"
