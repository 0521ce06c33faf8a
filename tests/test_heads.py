"""What single heads promise beyond the contract suite: how they are built, frozen, drawn and filled."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from contract.functions import FUNCTIONS
from contract.heads import HEADS_BY_NAME
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import ltnb.heads
from ltnb.heads import (
    MARC,
    CosineClassifier,
    DisAlign,
    KNNHead,
    LanguageGuidedHead,
    LearnableWeightScaling,
    LinearAdapter,
    NearestClassMean,
    TauNormalizedClassifier,
    TokenDecoder,
    reinitialized,
)
from ltnb.training import fit_linear_probe

metrics = pytest.mark.parametrize("metric", ["cosine", "euclidean"])


class Shapes(TorchDispatchMode):
    """Shapes of every tensor that is made inside."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.shapes += [tuple(leaf.shape) for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        return result


def bank(n: int = 60, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Long-tailed features in random order, of very different lengths, and 7 classes (float64)."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(7), np.minimum(rng.geometric(0.4, n - 7) - 1, 6)])
    features = rng.standard_normal((n, 5)) * rng.uniform(0.2, 20, (n, 1)) + labels[:, None]
    order = rng.permutation(n)
    return torch.from_numpy(features[order]), torch.from_numpy(labels[order])


def queries(n: int = 40) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal((n, 5)) * 5 + 2)


# ---- two-stage adjusters ---------------------------------------------------------------------------------------------

ADJUSTERS = {
    "LWS": (LearnableWeightScaling, {"scales"}),
    "MARC": (MARC, {"omega", "beta"}),
    "DisAlign, paper": (DisAlign, {"scale", "bias", "confidence.weight", "confidence.bias"}),
    "DisAlign, released": (
        partial(DisAlign, form="released"),
        {"scale", "bias", "confidence.weight", "confidence.bias"},
    ),
    "tau-normalised": (partial(TauNormalizedClassifier, tau=0.7), set()),
}
adjusters = pytest.mark.parametrize(("build", "own"), ADJUSTERS.values(), ids=ADJUSTERS)


@adjusters
@pytest.mark.parametrize("trainable", [True, False])
def test_adjuster_owns_a_frozen_copy_of_the_classifier(build, own: set[str], trainable: bool):
    linear, x = nn.Linear(5, 7).requires_grad_(trainable), queries().float()
    before = copy.deepcopy(linear.state_dict())
    head = build(linear)
    expected = head(x)
    assert all(parameter.requires_grad is trainable for parameter in linear.parameters())
    assert type(head.linear) is nn.Linear
    assert {name for name, parameter in head.named_parameters() if parameter.requires_grad} == own
    assert set(head.state_dict()) == own | {"linear.weight", "linear.bias", "_extra_state"}
    for name, value in linear.state_dict().items():
        assert torch.equal(value, before[name]) and torch.equal(head.linear.state_dict()[name], value)
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.zero_()
    assert torch.equal(head(x), expected)


@adjusters
def test_adjuster_takes_the_last_layer_of_a_sequential(build, own: set[str]):
    linear, x = nn.Linear(5, 7), queries().float()
    expected = build(linear)(x)
    inner = nn.Sequential(nn.LayerNorm(5), nn.Sequential(nn.ReLU(), linear))
    for module in (nn.Sequential(linear), nn.Sequential(nn.Linear(9, 5), inner, nn.Dropout(), nn.Softmax(dim=1))):
        assert torch.equal(build(module)(x), expected)
    for module in (nn.Sequential(), nn.Sequential(nn.ReLU()), nn.Sequential(linear, nn.LayerNorm(7)), inner[0]):
        with pytest.raises(ValueError, match="^linear must be a trained nn.Linear, or an nn.Sequential .*, got ."):
            build(module)


@adjusters
def test_adjuster_takes_a_last_layer_that_is_parametrised(build, own: set[str]):
    x = queries().float()
    for normed in (nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm):
        linear = normed(nn.Linear(5, 7)).eval()
        plain = nn.Linear(5, 7)
        plain.load_state_dict({"weight": linear.weight.detach(), "bias": linear.bias.detach()})
        bare = normed(nn.Linear(5, 7, bias=False)).eval()  # a layer without a parameter of its own
        for module in (linear, nn.Sequential(nn.Linear(9, 5), linear, nn.Dropout())):
            assert torch.equal(build(module)(x), build(plain)(x))
        assert torch.equal(build(nn.Sequential(nn.Linear(9, 5), bare)).linear.weight, bare.weight)
        with pytest.raises(ValueError, match="^linear must be .* that ends in LayerNorm"):
            build(nn.Sequential(linear, nn.LayerNorm(7)))


@adjusters
def test_adjuster_takes_sequences_of_features(build, own: set[str]):
    head, x = build(nn.Linear(5, 7)), queries(24).float()
    together = head(x.view(4, 6, 5))
    assert together.shape == (4, 6, 7)
    torch.testing.assert_close(together.flatten(0, 1), head(x))
    for bad in (x[None, None], x.view(4, 6, 5)[:, :0], x.view(4, 6, 5)[..., :4], x.view(4, 6, 5) / 0):
        with pytest.raises(ValueError, match="^features must be .*, got ."):
            head(bad)


@adjusters
def test_steps_move_every_parameter_of_the_adjuster_and_nothing_else(build, own: set[str]):
    head = build(nn.Linear(5, 7))
    before = copy.deepcopy(head.state_dict())
    features = queries().float().requires_grad_()
    for _ in range(2):  # the confidence has no effect, and no gradient, until the scale has moved
        F.cross_entropy(head(features), torch.arange(len(features)) % 7).backward()
        for parameter in head.parameters():
            if parameter.grad is not None:
                parameter.data -= parameter.grad
    assert (features.grad != 0).any()
    moved = {name for name, value in head.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == own


@adjusters
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_adjuster_is_made_where_the_classifier_is_and_in_its_precision(build, own: set[str], dtype: torch.dtype):
    for device in ("cpu", "meta"):
        head = build(nn.Linear(5, 7, device=device, dtype=dtype))
        assert all((p.device.type, p.dtype) == (device, dtype) for p in head.parameters())
        assert head(queries().float().to(device)).dtype == torch.float32


def test_tau_can_be_changed_and_a_weight_of_zeros_stays_zero():
    linear, x = nn.Linear(5, 7), queries().float()
    with torch.no_grad():
        linear.weight[2] = 0
    head = TauNormalizedClassifier(linear, 1.0)
    assert torch.equal(head(x)[:, 2], torch.zeros(len(x)))
    torch.testing.assert_close(head(x), x @ F.normalize(linear.weight, dim=1).T)
    head.tau = 0.0
    torch.testing.assert_close(head(x), x @ linear.weight.T)


@pytest.mark.parametrize("tau", [0.0, 0.5, 2.0])
def test_tau_normalised_weights_have_the_length_to_the_power_of_one_minus_tau(tau: float):
    linear = nn.Linear(5, 7)
    lengths = TauNormalizedClassifier(linear, tau)(torch.eye(5)).norm(dim=0)
    torch.testing.assert_close(lengths, linear.weight.norm(dim=1) ** (1 - tau))


# ---- initial weights -------------------------------------------------------------------------------------------------


def cosine_weights(num_classes: int, dim: int, seed: int) -> torch.Tensor:
    return CosineClassifier(dim, num_classes, seed=seed).weight


def confidence_weights(num_classes: int, dim: int, seed: int) -> torch.Tensor:
    """One row a class, of as many confidence layers as it takes: each has its own seed."""
    linear = nn.Linear(dim, 1)
    return torch.cat([DisAlign(linear, seed=num_classes * seed + i).confidence.weight for i in range(num_classes)])


def classifier_weights(num_classes: int, dim: int, seed: int) -> torch.Tensor:
    return reinitialized(nn.Linear(dim, num_classes), seed).weight


DRAWS = {"CosineClassifier": cosine_weights, "DisAlign": confidence_weights, "reinitialized": classifier_weights}
draws = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


@draws
def test_initial_weights_depend_on_the_seed_alone(draw: Callable[[int, int, int], torch.Tensor]):
    torch.manual_seed(1)
    first = draw(2, 5, 0)
    torch.manual_seed(2)
    assert torch.equal(draw(2, 5, 0), first)
    assert not torch.isclose(draw(2, 5, 1), first).any()


@draws
def test_initial_weights_are_uniform_with_the_bound_of_every_linear_layer(draw):
    """20,000 draws: mean, variance and extremes, each within four standard errors."""
    num_classes, dim = 50, 400
    u = draw(num_classes, dim, 3).detach().flatten().double() * dim**0.5
    n = len(u)
    assert u.abs().max() <= 1 + 1e-6 and u.abs().max() > 1 - 10 / n
    assert abs(u.mean()) < 4 * (1 / 3 / n) ** 0.5
    assert abs(u.square().mean() - 1 / 3) < 4 * (4 / 45 / n) ** 0.5


DRAWN_FROM = {
    "CosineClassifier": partial(CosineClassifier, 8, 3),
    "DisAlign": partial(DisAlign, nn.Linear(8, 3)),
    "reinitialized": partial(reinitialized, nn.Linear(8, 3)),
    "TokenDecoder": partial(TokenDecoder, 8, heads=2),
    "LanguageGuidedHead": partial(LanguageGuidedHead, torch.ones(3, 2, 8)),
}


@pytest.mark.parametrize("build", DRAWN_FROM.values(), ids=DRAWN_FROM)
def test_a_generator_takes_the_place_of_a_seed_and_moves_on(build: Callable[..., nn.Module]):
    def weights(**options) -> torch.Tensor:
        return torch.cat([parameter.flatten() for parameter in build(**options).parameters()])

    state, generator = torch.get_rng_state(), torch.Generator().manual_seed(3)
    first, second = weights(generator=generator), weights(generator=generator)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, weights(generator=torch.Generator().manual_seed(3)))
    assert not torch.equal(first, second)
    assert torch.equal(weights(), weights(seed=0)) and not torch.equal(weights(), weights(seed=1))
    if build.func is not LanguageGuidedHead:  # its two layers have a seed each
        assert torch.equal(first, weights(seed=3))
    with pytest.raises(ValueError, match="^seed must be None where a generator is given, got 3"):
        build(seed=3, generator=generator)
    for bad in (3, "cpu", np.random.default_rng(0)):
        with pytest.raises(ValueError, match="^generator must be a torch.Generator on the CPU or None, got ."):
            build(generator=bad)


def test_builders_leave_the_global_generator_alone():
    linear = nn.Linear(8, 3)
    state = torch.get_rng_state()
    reinitialized(linear)
    CosineClassifier(8, 3)
    DisAlign(linear)
    TokenDecoder(8, heads=2)
    assert torch.equal(torch.get_rng_state(), state)


def test_reinitialized_forgets_the_old_classifier():
    old = nn.Linear(5, 7)
    kept = copy.deepcopy(old.state_dict())
    fresh = reinitialized(old, seed=3)
    assert type(fresh) is nn.Linear
    assert (fresh.in_features, fresh.out_features) == (5, 7)
    for name, value in fresh.state_dict().items():
        assert not torch.isclose(value, kept[name]).any()
        assert torch.equal(old.state_dict()[name], kept[name])
    # nothing of the old weights is left: another classifier of the same size gives the same draw
    other = reinitialized(nn.Linear(5, 7), seed=3)
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("bias", [True, False])
def test_reinitialized_draws_what_torch_draws(bias: bool):
    torch.manual_seed(3)
    expected = nn.Linear(16, 9, bias=bias)
    fresh = reinitialized(nn.Linear(16, 9, bias=bias), seed=3)
    for ours, theirs in zip(fresh.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_reinitialized_trains_where_and_in_what_the_old_one_was():
    old = nn.Linear(5, 7, dtype=torch.float64).requires_grad_(False)
    fresh = reinitialized(old)
    assert fresh.weight.dtype == fresh.bias.dtype == torch.float64
    assert all(parameter.requires_grad for parameter in fresh.parameters())
    assert not any(parameter.requires_grad for parameter in old.parameters())
    assert reinitialized(nn.Linear(5, 7, device="meta")).weight.device.type == "meta"


def test_cosine_classifier_trains_its_weights_which_may_begin_as_texts():
    head, texts = CosineClassifier(5, 7, scale=1.0), queries(7).float()
    assert [(name, parameter.requires_grad) for name, parameter in head.named_parameters()] == [("weight", True)]
    head.weight.data.copy_(texts)
    torch.testing.assert_close(head(texts).diagonal(), torch.ones(7))


# ---- token decoder ---------------------------------------------------------------------------------------------------


def test_decoder_has_the_blocks_that_were_asked_for():
    decoder = TokenDecoder(24, depth=2, heads=6, mlp_ratio=1.5)
    assert len(decoder.blocks) == 2
    for block in decoder.blocks:
        assert block.attn.num_heads == 6
        assert block.attn.qkv.bias is not None
        assert block.mlp.fc1.out_features == 36


def test_decoder_defaults_are_those_of_the_paper():
    """IVLM section 4.3: three blocks, four heads, the released mlp ratio 0.5."""
    decoder = TokenDecoder(16)
    assert len(decoder.blocks) == 3
    assert all(block.attn.num_heads == 4 and block.mlp.fc1.out_features == 8 for block in decoder.blocks)


def test_decoder_weights_depend_on_the_seed_alone():
    def weights(seed: int) -> torch.Tensor:
        return torch.cat([block.attn.qkv.weight.flatten() for block in TokenDecoder(8, heads=2, seed=seed).blocks])

    torch.manual_seed(5)
    first = weights(0)
    torch.manual_seed(6)
    assert torch.equal(weights(0), first)
    assert not torch.isclose(weights(1), first).any()
    assert len(set(weights(0).tolist())) > 500  # the blocks are not copies of each other


def test_decoder_under_autocast_computes_low_and_returns_float32():
    decoder, tokens = TokenDecoder(8, heads=2), torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = decoder(tokens)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, decoder(tokens), rtol=0.05, atol=0.05)
    assert not torch.equal(output, decoder(tokens))


@pytest.mark.parametrize("depth", [1, 3])
def test_the_class_token_alone_is_token_0_of_all(depth: int):
    """The short cut through the last block against the whole of it, with all gradients, in float64."""
    decoder = TokenDecoder(12, depth=depth, heads=3, seed=1).double()
    tokens = torch.randn(4, 6, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    towards = torch.randn(4, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    inputs = [tokens, *decoder.parameters()]
    outputs, gradients = [], []
    for z in (decoder(tokens)[:, 0], decoder(tokens, class_token_only=True)):
        outputs.append(z)
        gradients.append(torch.autograd.grad((z * towards).sum(), inputs))
    assert outputs[1].shape == (4, 12)
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-12, atol=1e-13)
    for fast, whole in zip(*gradients[::-1], strict=True):
        torch.testing.assert_close(fast, whole, rtol=1e-10, atol=1e-13)


def test_the_class_token_alone_in_other_precisions():
    decoder, tokens = TokenDecoder(8, heads=2), torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    expected = decoder(tokens)[:, 0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = decoder(tokens, class_token_only=True)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, expected, rtol=0.05, atol=0.05)
    half = decoder.half()(tokens, class_token_only=True)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, expected, rtol=0.01, atol=0.01)


def unusual(change: Callable[[nn.Module], None]) -> TokenDecoder:
    decoder = TokenDecoder(12, depth=2, heads=3, seed=1)
    change(decoder.blocks[-1])
    return decoder


class Gain(nn.Module):
    """Stands for a layer scale or a norm."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.linspace(0.3, 3, x.shape[-1])


UNUSUAL = {
    "layer scale": lambda block: setattr(block, "ls1", Gain()),
    "second layer scale": lambda block: setattr(block, "ls2", Gain()),
    "drop path": lambda block: setattr(block, "drop_path1", Gain()),
    "norm of queries": lambda block: setattr(block.attn, "q_norm", Gain()),
    "norm of keys": lambda block: setattr(block.attn, "k_norm", Gain()),
    "norm of heads": lambda block: setattr(block.attn, "norm", Gain()),
    "no bias": lambda block: setattr(block.attn.qkv, "bias", None),
}


@pytest.mark.parametrize("change", UNUSUAL.values(), ids=UNUSUAL)
def test_blocks_that_the_short_cut_does_not_know_are_computed_whole(change):
    decoder, tokens = unusual(change), torch.randn(4, 6, 12)
    torch.testing.assert_close(decoder(tokens, class_token_only=True), decoder(tokens)[:, 0])


@pytest.mark.parametrize("name", ["attn_drop", "proj_drop"])
def test_drop_out_acts_on_the_class_token_in_training_alone(name: str):
    decoder, tokens = unusual(lambda block: setattr(block.attn, name, nn.Dropout(0.5))), torch.randn(4, 6, 12)
    first, second = (decoder.eval()(tokens, class_token_only=True) for _ in range(2))
    assert torch.equal(first, second)
    torch.manual_seed(0)
    dropped = decoder.train()(tokens, class_token_only=True)
    torch.manual_seed(0)
    assert torch.equal(dropped, decoder(tokens)[:, 0])
    assert not torch.allclose(dropped, first)


# ---- nearest class mean ----------------------------------------------------------------------------------------------


@metrics
def test_class_means_equal_a_loop(metric: str):
    features, labels = bank()
    expected = np.zeros((7, 5))
    for c in range(7):
        rows = [row.numpy() for row, y in zip(features, labels, strict=True) if y == c]
        rows = [row / np.sqrt((row**2).sum()) for row in rows] if metric == "cosine" else rows
        for row in rows:
            expected[c] += row / len(rows)
    for num_classes in (None, 7):
        head = NearestClassMean(features, labels.int(), num_classes, metric)
        np.testing.assert_allclose(head.means.numpy(), expected, rtol=1e-12, atol=1e-13)


def test_euclidean_class_means_are_those_of_sklearn():
    features, labels = bank()
    theirs = NearestCentroid().fit(features.numpy(), labels.numpy())
    head = NearestClassMean(features, labels, metric="euclidean")
    np.testing.assert_allclose(head.means.numpy(), theirs.centroids_, rtol=1e-12)
    x = queries(200)
    assert np.array_equal(head(x).argmax(dim=1).numpy(), theirs.predict(x.numpy()))


@metrics
def test_class_means_are_a_buffer_in_full_precision(metric: str):
    features, labels = bank()
    learnable = features.half().requires_grad_()
    head = NearestClassMean(learnable, labels, metric=metric)
    assert dict(head.named_parameters()) == {} and set(head.state_dict()) == {"means", "_extra_state"}
    assert head.means.dtype == torch.float32 and not head.means.requires_grad
    expected = NearestClassMean(features.half().float(), labels, metric=metric)
    assert torch.equal(head.means, expected.means)


def test_euclidean_distances_keep_their_digits_far_from_the_origin():
    """Means 1 apart at 10,000: |x|^2 - 2 x.m + |m|^2 in float32 has an error of 8, more than the distance."""
    means = torch.tensor([[1e4, 0.0], [1e4 + 1, 0.0], [1e4, 2.0]]).repeat(1, 20)
    scores = NearestClassMean(means, torch.arange(3), metric="euclidean")(means)
    expected = -torch.tensor([[0.0, 1, 4], [1, 0, 5], [4, 5, 0]]) * 20
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=0)


# ---- k nearest neighbours --------------------------------------------------------------------------------------------


@metrics
@pytest.mark.parametrize("k", [1, 2, 7, 60])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_neighbours_are_those_of_sklearn(metric: str, k: int, dtype: torch.dtype):
    features, labels = bank()
    theirs = KNeighborsClassifier(k, metric=metric, algorithm="brute").fit(features.numpy(), labels.numpy())
    shares = KNNHead(features.to(dtype), labels, k, metric)(queries().to(dtype))
    assert shares.shape == (40, 7) and shares.dtype == dtype
    np.testing.assert_allclose(shares.numpy(), theirs.predict_proba(queries().numpy()), rtol=1e-6, atol=1e-7)


@metrics
def test_all_features_as_neighbours_give_the_class_frequencies(metric: str):
    features, labels = bank()
    shares = KNNHead(features, labels, len(features), metric)(queries())
    expected = torch.bincount(labels).double() / len(labels)
    torch.testing.assert_close(shares, expected.expand(40, 7), rtol=1e-12, atol=0)


@metrics
def test_nearest_neighbour_of_a_feature_is_itself(metric: str):
    features, labels = bank()
    assert torch.equal(KNNHead(features, labels, 1, metric)(features), F.one_hot(labels).double())


@metrics
def test_of_equally_near_features_the_first_count(metric: str):
    """Each of four directions 50 times, in turn; class = turn. The three nearest stand in the first three turns."""
    features = torch.eye(4).repeat(50, 1)
    labels = torch.arange(50).repeat_interleave(4)
    shares = KNNHead(features, labels, 3, metric)(torch.eye(4) * 2)
    expected = torch.zeros(4, 50)
    expected[:, :3] = 1 / 3
    torch.testing.assert_close(shares, expected)
    # four at distance 0, and of the others, all equally far from the query, the first two
    shares = KNNHead(torch.cat([torch.eye(4)[:3]] * 2 + [torch.eye(4)[3:]] * 4), torch.arange(10), 6, metric)(
        torch.eye(4)[3:]
    )
    assert shares.nonzero()[:, 1].tolist() == [0, 1, 6, 7, 8, 9]


@metrics
def test_chunks_change_nothing_and_bound_what_is_compared_at_a_time(metric: str):
    features, labels = bank()
    whole = KNNHead(features, labels, 5, metric)(queries())
    for chunk in (1, 7, 40, 10**6):
        head = KNNHead(features, labels, 5, metric, chunk=chunk)
        with Shapes() as seen:
            assert torch.equal(head(queries()), whole)
        compared = [shape[0] for shape in seen.shapes if shape[1:] == (60,) and shape[0] != 5]  # not the bank, turned
        assert max(compared) == min(chunk, 40)


@metrics
@pytest.mark.parametrize("kind", [KNNHead, NearestClassMean])
def test_memory_does_not_grow_with_the_product_of_sizes(metric: str, kind: type[KNNHead] | type[NearestClassMean]):
    """20,000 queries against 20,000 features: all distances at a time would take 1.6 GB. Shapes only, no values."""
    n = 20_000
    head = kind(torch.randn(40, 16), torch.arange(40), metric=metric, num_classes=40).to("meta")
    if kind is KNNHead:
        head.bank, head.labels = torch.empty(n, 16, device="meta"), torch.empty(n, dtype=torch.long, device="meta")
    with Shapes() as seen:
        head(torch.empty(n, 16, device="meta"))
    assert max(map(math.prod, seen.shapes)) <= 2**24


def test_memory_of_class_means_and_probe_is_that_of_the_features():
    x, y = torch.randn(4000, 8), torch.arange(4000) % 500
    for make in (NearestClassMean, partial(fit_linear_probe, num_classes=500, epochs=1)):
        for features in (x, x.half()):
            with Shapes() as seen:
                make(features, y)
            assert max(map(math.prod, seen.shapes)) <= 128 * 500  # logits of a batch; N x C would be 2 million


def test_cosine_neighbours_do_not_depend_on_lengths():
    features, labels = bank()
    factors = torch.from_numpy(10.0 ** np.random.default_rng(2).uniform(-100, 100, (60, 1)))
    expected = KNNHead(features, labels, 5)(queries())
    assert torch.equal(KNNHead(features * factors, labels, 5)(queries() * factors[:40]), expected)


def test_euclidean_neighbours_keep_their_digits_far_from_the_origin():
    features = torch.tensor([[1e4, 0.0], [1e4 + 1, 0.0], [1e4, 2.0]]).repeat(1, 20)
    assert torch.equal(KNNHead(features, torch.arange(3), 1, "euclidean")(features + 0.1), torch.eye(3))


def test_classes_without_neighbours_have_a_share_of_zero():
    shares = KNNHead(torch.eye(3), torch.tensor([4, 1, 1]), 2, num_classes=6)(torch.eye(3)[1:2])
    assert shares.shape == (1, 6)
    assert KNNHead(torch.eye(3), torch.tensor([4, 1, 1]), 2)(torch.eye(3)).shape == (3, 5)
    expected = torch.tensor([[0, 0.5, 0, 0, 0.5, 0]])
    assert torch.equal(shares, expected)


@metrics
def test_bank_travels_with_the_state(metric: str):
    features, labels = bank()
    head = KNNHead(features.float(), labels.int(), 5, metric)
    assert dict(head.named_parameters()) == {} and set(head.state_dict()) == {"bank", "labels", "_extra_state"}
    expected = head(queries().float())
    if metric == "cosine":
        torch.testing.assert_close(head.bank.norm(dim=1), torch.ones(60))
    else:
        assert torch.equal(head.bank, features.float())
    file = io.BytesIO()
    torch.save(head.state_dict(), file)
    file.seek(0)
    # another bank of the same size: only the state can bring the old answers back
    other = KNNHead(features.float().flip(0) + 1, labels.roll(1), 5, metric, num_classes=7)
    assert not torch.equal(other(queries().float()), expected)
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert torch.equal(other(queries().float()), expected)


@metrics
def test_bank_is_a_copy(metric: str):
    features, labels = bank()
    head = KNNHead(features, labels, 5, metric)
    expected = head(queries())
    features.zero_()
    labels.zero_()
    assert torch.equal(head(queries()), expected)


@metrics
def test_neighbours_in_half_precision_are_compared_in_float32(metric: str):
    features, labels = bank()
    learnable = features.half().requires_grad_()
    head = KNNHead(learnable, labels, 5, metric)
    assert head.bank.dtype == torch.float32 and not head.bank.requires_grad
    large = queries().half().sign() * 1e4
    shares = head(large.requires_grad_())
    assert shares.dtype == torch.float32 and not shares.requires_grad
    assert torch.equal(shares, KNNHead(features.half().float(), labels, 5, metric)(large.float()))
    assert head.double()(queries()).dtype == torch.float64
    assert head.to(torch.bfloat16)(large).dtype == torch.float32
    assert torch.equal(head.labels, labels)  # integers stay exact


@metrics
def test_neighbours_move_between_devices(metric: str):
    head = KNNHead(*bank(), 5, metric)
    shares = head.to("meta")(queries().to("meta"))
    assert (shares.shape, shares.device.type, shares.dtype) == ((40, 7), "meta", torch.float64)


# ---- autocast --------------------------------------------------------------------------------------------------------

AUTOCAST = {
    **{name: lambda build=build: build(nn.Linear(5, 7)) for name, (build, _) in ADJUSTERS.items()},
    "CosineClassifier": lambda: CosineClassifier(5, 7),
    "LinearAdapter": lambda: LinearAdapter(5),
    **{
        f"{kind.__name__}, {metric}": lambda kind=kind, metric=metric: kind(*bank(), metric=metric).float()
        for kind in (NearestClassMean, KNNHead)
        for metric in ("cosine", "euclidean")
    },
}


@pytest.mark.parametrize("build", AUTOCAST.values(), ids=AUTOCAST)
def test_heads_return_float32_under_autocast(build: Callable[[], nn.Module]):
    head, x = build(), queries(300).float()
    expected = head(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = head(x)
    assert output.dtype == torch.float32
    if isinstance(head, CosineClassifier | NearestClassMean | KNNHead):  # what compares must not lose digits
        assert torch.equal(output, expected)


# ---- the registry ----------------------------------------------------------------------------------------------------


def test_every_name_has_a_case_in_the_contract_suite():
    functions = [case.call for case in FUNCTIONS]
    without = {name for name in ltnb.heads.names() if not HEADS_BY_NAME.get(name)}
    assert without == {"knn"} and KNNHead in functions  # it has no gradient, which most of that suite is about
    for name, cases in HEADS_BY_NAME.items():
        assert all(isinstance(case.build(), ltnb.heads._PARTS[name]) for case in cases), name
