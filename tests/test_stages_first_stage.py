"""The decoder, full fine-tuning, second stages and their costs on a small world and the smallest shipped CLIP."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from ltnb import clip
from ltnb.data import load
from ltnb.data.containers import LongTailData
from ltnb.losses import BalancedSoftmaxLoss
from ltnb.stages import DecoderClassifier, Encoded, FirstStage, encode_layers, finetune, fit_decoder, second_stage
from ltnb.stages.costs import training_costs
from ltnb.training import fit_exactly

RECIPE = {"lr": 0.03, "epochs": 1, "batch_size": 8, "max_grad_norm": 5.0}
COUNTS = (12, 6, 3)


class Part:
    """Pictures of the first classes of another data set, so many of each."""

    fingerprint = None

    def __init__(self, pictures, classes, sizes) -> None:
        rows = [np.flatnonzero(pictures.labels == c)[:n] for c, n in zip(classes, sizes, strict=True)]
        self.pictures, self.rows, self.labels = pictures, np.concatenate(rows), np.repeat(np.arange(len(sizes)), sizes)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int):
        return self.pictures[int(self.rows[index])][0], int(self.labels[index])


@pytest.fixture(scope="module")
def data() -> LongTailData:
    world = load("critters_lt", size="small", seed=1, pool_size=0)
    largest = np.argsort(-world.class_counts)[: len(COUNTS)]
    train, test = Part(world.train, largest, COUNTS), Part(world.test, largest, (4, 4, 4))
    names = [world.class_names[c] for c in largest]
    return LongTailData("three", train, test, test, names, np.array(COUNTS))


@pytest.fixture(scope="module")
def encoded(data: LongTailData) -> Encoded:
    return encode_layers(clip.load("mini-vit-s", device="cpu", precision="fp32"), data)


@pytest.fixture(scope="module")
def first(encoded: Encoded) -> FirstStage:
    return fit_decoder(encoded, F.cross_entropy, seed=1, **RECIPE)


def test_a_decoder_reads_all_tokens_and_only_its_own_weights_change(encoded: Encoded, first: FirstStage):
    assert first.steps == math.ceil(sum(COUNTS) / 8) and first.z["test"].shape == (12, encoded.token_shape[1])
    assert torch.equal(first.scores, first.classifier(first.z["test"]))
    assert not any(parameter.requires_grad for parameter in first.classifier.parameters())
    again = fit_decoder(encoded, F.cross_entropy, seed=1, splits=("test",), **RECIPE)
    assert torch.equal(again.z["test"], first.z["test"]) and set(again.z) == {"test"}
    small = fit_decoder(encoded, F.cross_entropy, seed=1, depth=1, first_tokens=1, splits=("test",), **RECIPE)
    assert small.z["test"].shape == first.z["test"].shape and not torch.equal(small.z["test"], first.z["test"])
    net, tokens = DecoderClassifier(encoded.token_shape[1], 3), torch.stack([encoded.train.tokens[0][0]])
    moved = tokens.clone()
    moved[0, -1] = moved[0, -1].flip(0)
    assert not torch.allclose(net(tokens), net(moved))


def test_pictures_are_encoded_anew_where_tokens_are_not_kept(encoded: Encoded, first: FirstStage):
    anew = encode_layers(encoded.model, encoded.data, max_token_gb=0.0)
    assert isinstance(anew.train.tokens, clip.ImageSource)
    found = fit_decoder(anew, F.cross_entropy, seed=1, **RECIPE)
    assert torch.allclose(found.z["test"], first.z["test"], atol=1e-3)


def test_fine_tuning_changes_the_tower_and_puts_it_back(encoded: Encoded):
    before = {name: value.clone() for name, value in encoded.model.state_dict().items()}
    tuned = finetune(encoded, BalancedSoftmaxLoss(COUNTS), lr=1e-3, epochs=1, batch_size=8, optimizer="adamw")
    assert all(torch.equal(value, before[name]) for name, value in encoded.model.state_dict().items())
    assert not torch.allclose(tuned.z["test"], encoded.test.pooled, atol=1e-4)
    assert not any(parameter.requires_grad for parameter in encoded.model.parameters())


def test_a_tower_is_put_back_after_an_error_too(encoded: Encoded):
    before = {name: value.clone() for name, value in encoded.model.state_dict().items()}
    with pytest.raises(ValueError, match="lr"):
        finetune(encoded, F.cross_entropy, lr=-1.0)
    assert all(torch.equal(value, before[name]) for name, value in encoded.model.state_dict().items())


@pytest.mark.parametrize("row", ["crt", "lws", "disalign", "marc"])
def test_second_stages_start_from_the_first(row: str, encoded: Encoded, first: FirstStage):
    how = {"seed": 1, **RECIPE}
    scores = second_stage(row, first, encoded.train.y, COUNTS, **how)
    assert scores.shape == (12, 3) and not torch.equal(scores, first.scores)
    still = second_stage(row, first, encoded.train.y, COUNTS, **(how | {"lr": 1e-12}))
    assert torch.allclose(still, first.scores, atol=1e-4) == (row != "crt"), "all but cRT begin as the identity"


def test_bad_input_is_named(encoded: Encoded, first: FirstStage):
    for call, name in (
        (lambda: encode_layers(encoded.model, encoded.data, max_token_gb=-1.0), "max_token_gb"),
        (lambda: fit_decoder(encoded, F.cross_entropy, splits=("val",), **RECIPE), "splits"),
        (lambda: fit_decoder(encoded, F.cross_entropy, first_tokens=0, **RECIPE), "first_tokens"),
        (lambda: finetune(encoded, F.cross_entropy, splits=("val",), **RECIPE), "splits"),
        (lambda: second_stage("tau", first, encoded.train.y, COUNTS, **RECIPE), "row"),
        (lambda: training_costs(encoded, batch_size=0), "batch_size"),
    ):
        with pytest.raises(ValueError, match=name):
            call()


def test_reports_and_frozen_features_are_those_of_the_test_pictures(encoded: Encoded):
    right = F.one_hot(encoded.test.y, 3).float()
    assert encoded.report(right).overall == 100.0 and encoded.num_classes == 3
    assert torch.equal(encoded.frozen.train_x, encoded.train.pooled) and list(encoded.frozen.class_counts) == [*COUNTS]


def test_a_decoder_keeps_more_than_a_probe_and_a_second_stage_less_than_a_decoder(encoded: Encoded):
    found = training_costs(encoded, batch_size=4, repeats=1)
    assert set(found) == {"linear_probe", "decoder", "two_stage", "coop"}
    memory = {row: cost.memory_mib for row, (cost, _) in found.items()}
    assert memory["linear_probe"] < memory["two_stage"] < memory["decoder"]
    assert all(cost.seconds > 0 for cost, _ in found.values())


def test_fit_exactly_reaches_the_optimum_and_leaves_the_model():
    torch.manual_seed(0)
    x, y = torch.randn(60, 2, dtype=torch.float64), torch.arange(60) % 3
    model = torch.nn.Linear(2, 3).double()
    before = model.weight.clone()
    found = fit_exactly(model, F.cross_entropy, x, y, weight_decay=0.01).requires_grad_(True)
    assert torch.equal(model.weight, before)
    loss = F.cross_entropy(found(x), y) + 0.01 * sum(p.square().sum() for p in found.parameters())
    gradients = torch.autograd.grad(loss, list(found.parameters()))
    assert max(float(g.abs().max()) for g in gradients) < 1e-4
    with pytest.raises(ValueError, match="model"):
        fit_exactly(torch.nn.ReLU(), F.cross_entropy, x, y)
