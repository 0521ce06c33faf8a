"""What single losses promise beyond the contract suite."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import partial

import numpy as np
import pytest
import torch
from contract import oracles
from torch.nn import functional as F

from ltnb.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    ClassWiseContrastiveLoss,
    EffectiveNumberLoss,
    FocalLoss,
    GeneralizedReweightLoss,
    ImageTextCrossEntropy,
    LADELoss,
    LDAMLoss,
    LogitAdjustedLoss,
    logit_adjust,
    pc_softmax,
)

COUNTS = [320, 45, 7, 90, 3]


def logits_and_targets(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal((8, 5)) * 3), torch.from_numpy(rng.integers(5, size=8))


# ---- image and text --------------------------------------------------------------------------------------------------


def test_contrastive_loss_worked_out_by_hand():
    """Two images, one text: the image side is zero, the text side averages over both images or picks one."""
    v = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    u = torch.tensor([[5.0, 0.0]], dtype=torch.float64)
    one = torch.tensor([4])
    log_sum = math.log(math.exp(1) + 1)
    both = ClassWiseContrastiveLoss()(v, u, torch.tensor([4, 4]), one, 1.0)
    assert both.item() == pytest.approx(log_sum - 0.5, abs=1e-15)
    smoothed = ClassWiseContrastiveLoss(0.5)(v, u, torch.tensor([4, 4]), one, 1.0)
    assert smoothed.item() == pytest.approx(log_sum - 0.5, abs=1e-15)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_temperature_can_be_learned(shape: tuple[int, ...]):
    torch.manual_seed(0)
    log_scale = torch.full(shape, math.log(1 / 0.07)).requires_grad_()
    v, u, y = torch.randn(4, 3), torch.randn(4, 3), torch.arange(4)
    for loss in (ClassWiseContrastiveLoss()(v, u, y, y, 1 / log_scale.exp()), ImageTextCrossEntropy()(v, u, y, 0.07)):
        assert loss.shape == ()
    ClassWiseContrastiveLoss()(v, u, y, y, 1 / log_scale.exp()).backward()
    assert log_scale.grad is not None
    assert log_scale.grad.shape == shape
    assert (log_scale.grad != 0).all()


def test_number_and_tensor_temperatures_agree():
    torch.manual_seed(0)
    v, u, y = torch.randn(4, 3).double(), torch.randn(5, 3).double(), torch.tensor([4, 0, 2, 2])
    loss = ImageTextCrossEntropy()
    assert loss(v, u, y, 0.5) == loss(v, u, y.int(), torch.tensor(0.5))


def test_mixed_precision_inputs_meet_in_the_wider_one():
    v, u, y = torch.eye(3).half(), torch.eye(3), torch.arange(3)
    loss = ImageTextCrossEntropy()
    assert loss(v, u, y, 0.1).dtype == torch.float32
    assert loss(v, u.bfloat16(), y, 0.1).dtype == torch.float32
    assert loss(v, u.double(), y, 0.1).dtype == torch.float64


def test_an_embedding_of_zeros_has_finite_loss_and_gradient():
    v = torch.tensor([[0.0, 0.0], [3.0, 4.0]]).requires_grad_()
    loss = ImageTextCrossEntropy()(v, torch.eye(2), torch.tensor([0, 1]), 1.0)
    loss.backward()
    expected = (math.log(2) - 0.8 + math.log(math.exp(0.6) + math.exp(0.8))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert torch.isfinite(v.grad).all()
    assert v.grad.abs().max() < 10


def test_rows_without_partner_give_nan_where_values_are_not_read():
    loss = ClassWiseContrastiveLoss()
    assert loss._one_way(torch.zeros(2, 2), torch.tensor([[True, False], [False, False]])).isnan()


def test_shares_are_refused_where_labels_name_pairs():
    v, y = torch.randn(4, 3), torch.arange(4)
    with pytest.raises(ValueError, match="^image_labels must be .*soft targets are not defined here, got tensor"):
        ClassWiseContrastiveLoss()(v, v, torch.eye(4), y, 0.1)


def test_values_are_read_on_the_cpu_but_not_inside_a_transform():
    loss, z, y = FocalLoss(), torch.full((2, 3), math.nan), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="^logits must be finite"):
        loss(z, y)
    assert torch.func.vmap(lambda x: loss(x, y))(z[None]).isnan().all()
    assert torch.func.grad(lambda x: loss(x, y))(z).isnan().all()
    with pytest.raises(ValueError, match="^logits must be of shape"):
        torch.func.grad(lambda x: loss(x[0], y))(z)
    with pytest.raises(ValueError, match="^logits must be finite"):  # and outside of it they are read again
        loss(z, y)


# ---- classification --------------------------------------------------------------------------------------------------

DEFAULTS = [
    (ClassBalancedLoss, {"normalize": "weights"}),
    (EffectiveNumberLoss, {"beta": 0.9999}),
    (FocalLoss, {"gamma": 2.0}),
    (GeneralizedReweightLoss, {"exponent": 1.2}),
    (LADELoss, {"estimator_weight": 0.1, "remine_lambda": 0.1, "variant": "original"}),
    (LDAMLoss, {"max_margin": 0.5, "scale": 30.0}),
    (LogitAdjustedLoss, {"tau": 1.0}),
    (logit_adjust, {"tau": 1.0}),
    (ClassWiseContrastiveLoss, {"label_smoothing": 0.0}),
]


@pytest.mark.parametrize(("callable_", "defaults"), DEFAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_defaults_are_those_of_the_design(callable_: Callable, defaults: dict):
    parameters = inspect.signature(callable_).parameters.values()
    shared = {"reduction": "mean", "label_smoothing": 0.0, "check_values": False}
    found = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert found == {**defaults, **{name: value for name, value in shared.items() if name in found}}
    assert ("reduction" in found) == inspect.isclass(callable_) and "check_values" in found


WITH_COUNTS = {
    "class-balanced": ClassBalancedLoss,
    "effective number": EffectiveNumberLoss,
    "generalised re-weighting": GeneralizedReweightLoss,
    "LDAM": LDAMLoss,
    "Balanced Softmax": BalancedSoftmaxLoss,
    "logit-adjusted": LogitAdjustedLoss,
    "LADE, original": LADELoss,
    "LADE, ivlm": partial(LADELoss, variant="ivlm"),
}
with_counts = pytest.mark.parametrize("build", WITH_COUNTS.values(), ids=WITH_COUNTS)


@with_counts
def test_counts_survive_half_precision_exactly(build: Callable[..., torch.nn.Module]):
    """A million leaves float16, and 2049 is no float16: the buffer has to stay integer in ``.half()``."""
    z, y = logits_and_targets()
    expected = build([10**6, 2049, 257, 30, 1])(z.float(), y)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        lowered = build([10**6, 2049, 257, 30, 1]).to(dtype)
        assert [buffer.dtype for buffer in lowered.buffers()] == [torch.int64]
        assert torch.equal(lowered(z.float(), y), expected)


@with_counts
def test_counts_come_as_list_array_or_tensor_and_are_copied(build: Callable[..., torch.nn.Module]):
    z, y = logits_and_targets()
    expected = build(COUNTS)(z, y)
    for counts in (tuple(COUNTS), np.array(COUNTS, dtype=np.int32), torch.tensor(COUNTS), torch.tensor(COUNTS).short()):
        loss = build(counts)
        if not isinstance(counts, tuple):
            counts[:] = 1
        assert torch.equal(loss(z, y), expected)


def effective_weights(counts: list[int], beta: float) -> list[float]:
    """(1 - beta) / (1 - beta^n) in decimals of 60 digits, free of the rounding that is tested."""
    with localcontext() as context:
        context.prec = 60
        b = Decimal(beta)  # exactly the float
        return [float((1 - b) / (1 - b**n)) for n in counts]


@pytest.mark.parametrize("counts", [[10**6, 50_000, 1000, 2, 1], [3, 2, 5, 7, 10**6]], ids=str)
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9999, 0.9999999, 1 - 1e-12, 1 - 2**-53])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-12)], ids=str)
def test_effective_number_at_extreme_counts(counts: list[int], beta: float, dtype: torch.dtype, tolerance: float):
    """In float32 beta^n is 1 or 0 for most of these: the weights would be infinite or all the same."""
    z, y = logits_and_targets()
    z = z.to(dtype)
    weights = torch.tensor(effective_weights(counts, beta), dtype=torch.float64)[y]
    terms = F.cross_entropy(z.double(), y, reduction="none")
    loss = EffectiveNumberLoss(counts, beta)
    assert loss(z, y).item() == pytest.approx((weights * terms).sum().item() / weights.sum().item(), rel=tolerance)
    z.requires_grad_()
    loss.half()(z, y).backward()
    assert torch.isfinite(z.grad).all()


def test_generalised_weights_of_a_large_exponent_do_not_overflow():
    """(10^6)^200 is no float; the rarest class in the batch takes everything."""
    z, y = logits_and_targets()
    loss = GeneralizedReweightLoss([10**6, 1000, 100, 10, 1], exponent=200.0)
    rarest = y == y.max()
    assert loss(z, y).item() == pytest.approx(F.cross_entropy(z[rarest], y[rarest]).item(), rel=1e-12)
    assert torch.isfinite(loss(z.float(), y))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_loss_and_gradient_where_the_softmax_saturates(gamma: float):
    """Two classes, gap g: 1 - p = 1 / (1 + e^g) and -log p = log(1 + e^-g); from g = 37 on p rounds to 1."""
    z, y = torch.tensor([[20.0, 0.0]], dtype=torch.float64), torch.tensor([0])
    expected = (1 / (1 + math.exp(20))) ** gamma * math.log1p(math.exp(-20))
    assert FocalLoss(gamma)(z, y).item() == pytest.approx(expected, rel=1e-6, abs=0)  # of a log-softmax near 0
    for gap in (40.0, 1e4):
        z = torch.tensor([[gap, 0.0]], dtype=torch.float64, requires_grad=True)
        loss = FocalLoss(gamma)(z, y)
        loss.backward()
        assert 0 <= loss.item() < 1e-17
        assert torch.isfinite(z.grad).all() and z.grad.abs().max() < 1e-17


EQUAL = {"class_counts": [40] * 5}
LIKE_TORCH = {
    "class-balanced": partial(ClassBalancedLoss, **EQUAL),
    "class-balanced, batch": partial(ClassBalancedLoss, normalize="batch", **EQUAL),
    "effective number": partial(EffectiveNumberLoss, **EQUAL),
    "generalised re-weighting": partial(GeneralizedReweightLoss, **EQUAL),
    "focal, gamma 0": partial(FocalLoss, 0.0),
    "Balanced Softmax": partial(BalancedSoftmaxLoss, **EQUAL),
    "logit-adjusted": partial(LogitAdjustedLoss, tau=2.0, **EQUAL),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("build", LIKE_TORCH.values(), ids=LIKE_TORCH)
def test_equal_counts_are_torchs_cross_entropy(build: Callable[..., torch.nn.Module], smoothing: float, reduction: str):
    z, y = logits_and_targets()
    soft = z.roll(1, 0).softmax(dim=1)
    for targets in (y, soft):
        expected = F.cross_entropy(z, targets, reduction=reduction, label_smoothing=smoothing)
        value = build(reduction=reduction, label_smoothing=smoothing)(z, targets)
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights_are_those_of_torch(smoothing: float, reduction: str):
    """torch divides by the weights of hard targets, and spreads the smoothing with the weights of all classes."""
    z, y = logits_and_targets()
    weights = torch.tensor([sum(COUNTS) / (5 * n) for n in COUNTS], dtype=torch.float64)
    expected = F.cross_entropy(z, y, weights, reduction=reduction, label_smoothing=smoothing)
    value = ClassBalancedLoss(COUNTS, reduction=reduction, label_smoothing=smoothing)(z, y)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-14)
    if reduction != "mean":
        other = GeneralizedReweightLoss(COUNTS, 1.0, reduction=reduction, label_smoothing=smoothing)(z, y)
        torch.testing.assert_close(other, expected / weights.mean(), rtol=1e-12, atol=1e-14)


def test_focal_loss_of_shares_worked_out_by_hand():
    """p = (3/4, 1/4), half of the target on each: (1/4)^2 log(4/3) / 2 + (3/4)^2 log(4) / 2."""
    z = torch.tensor([[math.log(3.0), 0.0]], dtype=torch.float64)
    value = FocalLoss(2.0)(z, torch.tensor([[0.5, 0.5]]))
    assert value.item() == pytest.approx((math.log(4 / 3) / 16 + 9 * math.log(4) / 16) / 2, rel=1e-14)


def test_terms_of_both_towers_stand_behind_each_other():
    """Contrastive: those of the images, each among the texts, then those of the texts."""
    v, u = torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0]], torch.eye(3, dtype=torch.float64)
    terms = ClassWiseContrastiveLoss(reduction="none")(v, u, torch.tensor([0, 1, 2, 0]), torch.arange(3), 1.0)
    image = math.log(math.e + 2) - 1
    texts = [math.log(2 * math.e + 2) - 1, math.log(math.e + 3) - 1, math.log(math.e + 3) - 1]
    torch.testing.assert_close(terms, torch.tensor([image] * 4 + texts, dtype=torch.float64), rtol=1e-14, atol=0)


def test_a_loss_prints_its_settings_and_what_is_not_the_default():
    assert str(LDAMLoss(COUNTS)) == "LDAMLoss(5 classes, max_margin=0.5, scale=30)"
    loss = ClassBalancedLoss(COUNTS, reduction="sum", label_smoothing=0.1)
    assert str(loss) == "ClassBalancedLoss(5 classes, normalize='weights', reduction='sum', label_smoothing=0.1)"
    assert str(FocalLoss()) == "FocalLoss(gamma=2)"
    assert str(BalancedSoftmaxLoss(COUNTS)) == "BalancedSoftmaxLoss(5 classes)"
    assert str(ImageTextCrossEntropy(label_smoothing=0.1)) == "ImageTextCrossEntropy(label_smoothing=0.1)"
    assert str(ClassWiseContrastiveLoss(0.1)) == "ClassWiseContrastiveLoss(label_smoothing=0.1)"


# ---- post-hoc adjustment ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-5)], ids=str)
def test_adjusted_logits_equal_the_slow_oracle(dtype: torch.dtype, tolerance: float):
    for seed, counts in ((0, COUNTS), (1, np.array(COUNTS)), (2, torch.tensor(COUNTS))):
        z, _ = logits_and_targets(seed)
        for tau in (0.0, 0.5, 1.0, 2.5):
            expected = oracles.logit_adjust(z.numpy(), class_counts=COUNTS, tau=tau)
            adjusted = logit_adjust(z.to(dtype), counts, tau)
            assert adjusted.dtype == dtype
            np.testing.assert_allclose(adjusted.numpy(), expected, rtol=tolerance, atol=tolerance)
        p = pc_softmax(z.to(dtype), counts)
        assert p.dtype == dtype
        np.testing.assert_allclose(p.numpy(), oracles.pc_softmax(z.numpy(), class_counts=COUNTS), rtol=tolerance * 10)


def test_adjustment_of_equal_counts_is_one_constant():
    z, _ = logits_and_targets()
    torch.testing.assert_close(logit_adjust(z, [40] * 5, 2.0), z + 2 * math.log(5), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(pc_softmax(z, [40] * 5), z.softmax(dim=1), rtol=1e-13, atol=0)


def test_adjustment_with_tau_zero_changes_nothing_and_shares_nothing():
    z, _ = logits_and_targets()
    adjusted = logit_adjust(z, COUNTS, 0.0)
    assert torch.equal(adjusted, z)
    adjusted.zero_()
    assert (z != 0).all()


def test_adjustment_sees_ratios_of_counts_and_passes_shifts_on():
    z, _ = logits_and_targets()
    shift = torch.arange(8.0, dtype=torch.float64)[:, None] * 100
    torch.testing.assert_close(logit_adjust(z, [3 * n for n in COUNTS]), logit_adjust(z, COUNTS), rtol=0, atol=1e-13)
    torch.testing.assert_close(logit_adjust(z + shift, COUNTS), logit_adjust(z, COUNTS) + shift, rtol=0, atol=1e-11)
    torch.testing.assert_close(pc_softmax(z + shift, COUNTS), pc_softmax(z, COUNTS), rtol=1e-10, atol=0)


def test_pc_softmax_is_a_distribution_that_ranks_as_the_adjusted_logits():
    z, _ = logits_and_targets()
    p = pc_softmax(z, COUNTS)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(8, dtype=torch.float64), rtol=1e-14, atol=0)
    assert torch.equal(p.argsort(dim=1), logit_adjust(z, COUNTS).argsort(dim=1))
    # equal logits are a classifier that knows nothing but the prior: balanced, its odds are those of 1 / n_c
    inverse = 1 / torch.tensor(COUNTS, dtype=torch.float64)
    torch.testing.assert_close(pc_softmax(torch.zeros(1, 5).double(), COUNTS)[0], inverse / inverse.sum())


@pytest.mark.parametrize("tau", [0.3, 1.0])
def test_adjustment_takes_off_what_the_loss_puts_on(tau: float):
    z, y = logits_and_targets()
    loss = LogitAdjustedLoss(COUNTS, tau)(logit_adjust(z, COUNTS, tau), y)
    torch.testing.assert_close(loss, F.cross_entropy(z, y), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("adjust", [logit_adjust, pc_softmax])
def test_adjustment_of_half_precision_is_computed_in_float32(adjust: Callable, dtype: torch.dtype):
    z = (logits_and_targets()[0].sign() * 1e4).to(dtype).requires_grad_()
    counts = [10**6, 2049, 257, 30, 1]
    output = adjust(z, counts)
    assert output.dtype == torch.float32
    assert torch.isfinite(output).all()
    assert torch.equal(output, adjust(z.float(), counts))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(adjust(z, counts), output)
    output.square().sum().backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("adjust", [logit_adjust, pc_softmax])
def test_adjustment_follows_the_logits_and_reads_values_only_on_request(adjust: Callable):
    z, _ = logits_and_targets()
    assert torch.autograd.gradcheck(lambda x: adjust(x, COUNTS), z.clone().requires_grad_())
    for counts in (COUNTS, torch.tensor(COUNTS)):
        output = adjust(z.float().to("meta"), counts)
        assert (output.device.type, output.dtype, output.shape) == ("meta", torch.float32, z.shape)
        with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
            adjust(z.to("meta"), counts, check_values=True)
    if torch.cuda.is_available():
        torch.testing.assert_close(adjust(z.cuda(), COUNTS).cpu(), adjust(z, COUNTS))


@pytest.mark.parametrize("adjust", [logit_adjust, pc_softmax])
@pytest.mark.parametrize("counts", [COUNTS, np.array(COUNTS), torch.tensor(COUNTS)], ids=["list", "array", "tensor"])
def test_adjustment_compiles_into_one_graph_and_transforms(adjust: Callable, counts):
    z = logits_and_targets()[0]
    torch._dynamo.reset()
    compiled = torch.compile(lambda x: adjust(x, counts, check_values=True), backend="eager", fullgraph=True)
    expected = adjust(z, counts)
    torch.testing.assert_close(compiled(z), expected, rtol=1e-12, atol=1e-14)
    each = torch.func.vmap(lambda row: adjust(row[None], counts)[0])(z)
    torch.testing.assert_close(each, expected, rtol=1e-12, atol=1e-14)
    gradient = torch.func.grad(lambda x: adjust(x, counts).square().sum())(z)
    leaf = z.clone().requires_grad_()
    torch.testing.assert_close(gradient, torch.autograd.grad(adjust(leaf, counts).square().sum(), leaf)[0])
