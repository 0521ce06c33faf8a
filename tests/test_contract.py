"""The contract that every loss, head and checked function in ``registries.py`` has to keep."""

from __future__ import annotations

import copy
import inspect
import io

import numpy as np
import pytest
import torch
from contract.cases import BadInput, FunctionCase, Inputs, ModuleCase
from hypothesis import given, settings
from hypothesis import strategies as st
from registries import FUNCTIONS, HEADS, LOSS_CASES, LOSSES, MODULES
from torch import nn
from torch.nn import functional as F

import ltnb.heads
import ltnb.losses

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA"))]
# the same examples in every run, and nothing written to disk
examples = settings(max_examples=15, deadline=None, derandomize=True, database=None)

modules = pytest.mark.parametrize("case", MODULES, ids=lambda case: case.name)
losses = pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)


def cast(value, dtype: torch.dtype | None = None, device: str | None = None):
    """Floating-point tensors to ``dtype``, all tensors to ``device``; anything else as it is."""
    if not isinstance(value, torch.Tensor):
        return value
    return value.to(device=device, dtype=dtype if value.is_floating_point() else None)


def cast_all(inputs: Inputs, dtype: torch.dtype | None = None, device: str | None = None) -> Inputs:
    return {name: cast(value, dtype, device) for name, value in inputs.items()}


def with_gradients(case: ModuleCase, inputs: Inputs) -> Inputs:
    fresh = {
        name: value.detach().clone() if isinstance(value, torch.Tensor) else value for name, value in inputs.items()
    }
    for name in case.differentiable:
        if isinstance(fresh[name], torch.Tensor):
            fresh[name].requires_grad_()
    return fresh


def as_numpy(values: Inputs) -> Inputs:
    return {k: v.detach().numpy() if isinstance(v, torch.Tensor) else v for k, v in values.items()}


# ---- values and gradients -------------------------------------------------------------------------------------------


@modules
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=str)
def test_equals_the_slow_oracle(case: ModuleCase, dtype: torch.dtype, tolerance: float):
    for seed in range(3):
        inputs = case.inputs(np.random.default_rng(seed))
        module = case.build().to(torch.float64)
        expected = case.oracle(as_numpy(module.state_dict()), **as_numpy(inputs))
        actual = module.to(dtype)(**cast_all(inputs, dtype))
        assert actual.dtype == dtype
        np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


@modules
def test_arguments_have_the_documented_names_and_order(case: ModuleCase):
    inputs = case.inputs(np.random.default_rng(0))
    module = case.build().double()
    parameters = inspect.signature(module.forward).parameters.values()
    assert [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY] == list(inputs)
    assert torch.equal(module(*inputs.values()), module(**inputs))


@modules
def test_gradcheck(case: ModuleCase):
    inputs = with_gradients(case, case.inputs(np.random.default_rng(3)))
    module = case.build().double()
    parameters = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    leaves = [*case.differentiable, *parameters]
    fixed = {name: value for name, value in inputs.items() if name not in case.differentiable}

    def run(*values: torch.Tensor) -> torch.Tensor:
        given_inputs = dict(zip(leaves, values, strict=True))
        state = {name: given_inputs.pop(name) for name in parameters}
        arguments = {name: {**given_inputs, **fixed}[name] for name in inputs}
        return torch.func.functional_call(module, state, tuple(arguments.values()))

    values = [inputs[name] for name in case.differentiable] + list(parameters.values())
    assert torch.autograd.gradcheck(run, values)
    gradients = torch.autograd.grad(run(*values).square().sum(), values)
    for name, gradient in zip(leaves, gradients, strict=True):
        assert bool((gradient != 0).any()) != (name in case.no_effect), name


LIMITS = [pytest.param(f, id=f"{case.name}: {name}") for case in MODULES for name, f in case.limits.items()]


@pytest.mark.parametrize("limit", LIMITS)
def test_limit_case(limit):
    for seed in range(3):
        actual, expected = limit(np.random.default_rng(seed))
        torch.testing.assert_close(actual, expected.to(actual.dtype), rtol=1e-11, atol=1e-11)


SYMMETRIES = [pytest.param(c, f, id=f"{c.name}: {name}") for c in MODULES for name, f in c.symmetries.items()]


@pytest.mark.parametrize(("case", "symmetry"), SYMMETRIES)
@examples
@given(seed=st.integers(0, 2**32 - 1))
def test_symmetry(case: ModuleCase, symmetry, seed: int):
    rng = np.random.default_rng(seed)
    inputs = case.inputs(rng)
    module = case.build().double()
    changed, effect = symmetry(inputs, rng)
    torch.testing.assert_close(module(**changed), effect(module(**inputs)), rtol=1e-9, atol=1e-9)


# ---- what every loss can do ------------------------------------------------------------------------------------------

with_terms = pytest.mark.parametrize("case", [c for c in LOSSES if c.terms], ids=lambda case: case.name)
with_soft_targets = pytest.mark.parametrize("case", [c for c in LOSSES if c.soft], ids=lambda case: case.name)
with_hard_targets = pytest.mark.parametrize(
    "case", [c for c in LOSSES if not c.soft and c.part in ("ldam", "lade")], ids=lambda case: case.name
)
with_temperature = pytest.mark.parametrize(
    "case",
    [c for c in LOSSES if "temperature" in c.inputs(np.random.default_rng(0))],
    ids=lambda case: case.name,
)


def values_and_gradient(case: ModuleCase, inputs: Inputs, **options) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = with_gradients(case, inputs)
    value = case.build(**options)(**inputs)
    return value.detach(), torch.autograd.grad(value.square().sum(), inputs[case.differentiable[0]])[0]


@with_terms
def test_sum_and_mean_are_those_of_the_terms(case: ModuleCase):
    for seed in range(3):
        inputs = case.inputs(np.random.default_rng(seed))
        terms, total, mean = (case.build(reduction=how)(**inputs) for how in ("none", "sum", "mean"))
        assert terms.ndim == 1 and total.shape == mean.shape == ()
        torch.testing.assert_close(total, terms.sum(), rtol=1e-12, atol=0)
        torch.testing.assert_close(mean, case.mean_of(terms, inputs), rtol=1e-12, atol=0)
        assert torch.equal(mean, case.build()(**inputs))


@with_terms
def test_a_term_belongs_to_its_row(case: ModuleCase):
    """Rows in another order are terms in the same other order."""
    inputs = case.inputs(np.random.default_rng(0))
    images = {name: value for name, value in inputs.items() if not name.startswith(("text", "class", "temp"))}
    if case.part.endswith("distillation"):  # pairs
        images = {name: value for name, value in inputs.items() if name != "temperature"}
    rows = len(next(iter(images.values())))
    order = torch.from_numpy(np.random.default_rng(1).permutation(rows))
    loss = case.build(reduction="none")
    moved = loss(**{**inputs, **{name: value[order] for name, value in images.items()}})[:rows]
    torch.testing.assert_close(moved, loss(**inputs)[:rows][order], rtol=1e-12, atol=1e-14)


@losses
def test_a_reduction_that_does_not_exist_is_named(case: ModuleCase):
    for reduction in ("batchmean", None, True, ""):
        with pytest.raises(ValueError, match="^reduction must be .*, got ."):
            case.build(reduction=reduction)


@with_soft_targets
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [{}, {"label_smoothing": 0.3}], ids=["", "smoothed"])
def test_one_hot_and_hard_targets_agree(case: ModuleCase, reduction: str, smoothing: Inputs):
    options = {"reduction": reduction, **smoothing}
    for seed in range(3):
        hard = case.inputs(np.random.default_rng(seed))
        for dtype in (torch.float64, torch.float32, torch.float16):
            soft = {**hard, case.soft: F.one_hot(hard[case.soft], 5).to(dtype)}
            for one, other in zip(
                values_and_gradient(case, hard, **options), values_and_gradient(case, soft, **options), strict=True
            ):
                torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-15)


@with_soft_targets
@pytest.mark.parametrize("smoothing", [{}, {"label_smoothing": 0.3}], ids=["", "smoothed"])
def test_terms_of_mixed_targets_are_mixed_terms(case: ModuleCase, smoothing: Inputs):
    rng = np.random.default_rng(0)
    inputs = case.inputs(rng)
    a, b, share = (
        inputs[case.soft],
        inputs[case.soft].roll(1),
        torch.from_numpy(rng.uniform(size=(len(inputs[case.soft]), 1))),
    )
    mixed = {**inputs, case.soft: share * F.one_hot(a, 5) + (1 - share) * F.one_hot(b, 5)}
    loss = case.build(reduction="none", **smoothing)
    terms = loss(**mixed)
    of_a, of_b = (loss(**{**inputs, case.soft: y}) for y in (a, b))
    torch.testing.assert_close(terms, share[:, 0] * of_a + (1 - share[:, 0]) * of_b, rtol=1e-12, atol=1e-14)
    mean = case.build(**smoothing)(**mixed)
    torch.testing.assert_close(mean, case.mean_of(terms, mixed), rtol=1e-12, atol=0)


@with_soft_targets
def test_smoothing_is_a_share_for_every_class(case: ModuleCase):
    inputs = case.inputs(np.random.default_rng(0))
    shares = 0.7 * F.one_hot(inputs[case.soft], 5).double() + 0.3 / 5
    expected = case.build(reduction="none", label_smoothing=0.0)(**{**inputs, case.soft: shares})
    smoothed = case.build(reduction="none", label_smoothing=0.3)(**inputs)
    torch.testing.assert_close(smoothed, expected, rtol=1e-12, atol=1e-14)
    for value in (-0.1, 1.0, float("nan"), "0.1", True):
        with pytest.raises(ValueError, match="^label_smoothing must be .*, got ."):
            case.build(label_smoothing=value)


@with_soft_targets
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_shares_may_be_of_any_precision(case: ModuleCase, dtype: torch.dtype):
    """Rounded softmaxes are near enough to a sum of 1, and the result has the precision of the logits."""
    inputs = cast_all(case.inputs(np.random.default_rng(0)), torch.float32)
    loss, rows = case.build(), len(inputs[case.soft])
    for seed in range(200):
        shares = torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed)).softmax(dim=1)
        assert loss(**{**inputs, case.soft: shares.to(dtype)}).dtype == torch.float32


@with_hard_targets
def test_soft_targets_are_refused_with_the_reason(case: ModuleCase):
    inputs = case.inputs(np.random.default_rng(0))
    with pytest.raises(
        ValueError, match="^targets must be integers, soft targets are not defined for .*: its .*, got "
    ):
        case.build()(inputs["logits"], F.one_hot(inputs["targets"], 5).double())


@with_temperature
def test_a_logit_scale_is_one_over_a_temperature(case: ModuleCase):
    inputs = case.inputs(np.random.default_rng(0))
    loss, tau = case.build(), inputs.pop("temperature")
    scale = (1 / tau).requires_grad_()
    tau.requires_grad_()
    expected, value = loss(**inputs, temperature=tau), loss(**inputs, logit_scale=scale)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(loss(**inputs, logit_scale=scale.item()), expected, rtol=1e-12, atol=0)
    (of_tau,), (of_scale,) = torch.autograd.grad(expected, tau), torch.autograd.grad(value, scale)
    torch.testing.assert_close(of_scale, -of_tau * tau.detach() ** 2, rtol=1e-11, atol=0)
    with pytest.raises(ValueError, match="^temperature must be given, or logit_scale in its place, got both"):
        loss(**inputs, temperature=0.07, logit_scale=100.0)
    with pytest.raises(ValueError, match="^temperature must be given, or logit_scale in its place, got neither"):
        loss(**inputs)
    for value in (10.5, 100, torch.tensor(100.0)):
        with pytest.raises(
            ValueError, match="^temperature must be .*, got 1.*looks like a logit scale: pass logit_scale="
        ):
            loss(**inputs, temperature=value)
    for value in (0.07, torch.tensor(0.0703)):
        with pytest.raises(ValueError, match="^logit_scale must be .*, got 0.07.*a temperature: pass temperature="):
            loss(**inputs, logit_scale=value)
    for value in (0, -1.0, float("nan"), float("inf"), True, "100", torch.tensor(0.0), torch.tensor([1.0, 2.0])):
        with pytest.raises(ValueError, match="^logit_scale must be .*, got ."):
            loss(**inputs, logit_scale=value)


@losses
def test_loss_has_no_state(case: ModuleCase):
    """A model that holds its loss loads into one that does not, and checkpoints that held the counts load too."""
    loss = case.build()
    assert not loss.state_dict() and not list(loss.parameters())
    holder = nn.ModuleDict({"head": nn.Linear(2, 2), "loss": loss})
    assert list(holder.state_dict()) == ["head.weight", "head.bias"]
    if hasattr(loss, "class_counts"):
        counts, before = loss.class_counts.clone(), dict(holder.state_dict())
        holder.load_state_dict({**before, "loss.class_counts": counts + 1}, strict=True)
        loss.load_state_dict({"class_counts": counts + 1}, strict=True)
        assert torch.equal(loss.class_counts, counts)
        with pytest.raises(RuntimeError, match="other_counts"):
            loss.load_state_dict({"other_counts": counts}, strict=True)


@losses
def test_prior_goes_where_the_logits_are(case: ModuleCase):
    inputs = cast_all(case.inputs(np.random.default_rng(0)), torch.float32, "meta")
    loss = case.build()
    assert loss(**inputs).device.type == "meta"
    assert all(buffer.device.type == "cpu" for buffer in loss.buffers())


@losses
def test_compiles_into_one_graph(case: ModuleCase):
    """Also with bad values, which a graph cannot look at; the first of them is found when it runs as it is."""
    inputs = cast_all(case.inputs(np.random.default_rng(0)), torch.float32)
    torch._dynamo.reset()
    loss = case.build(check_values=True)
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    outputs = []
    for module in (loss, compiled):
        fresh = with_gradients(case, inputs)
        value = module(**fresh)
        outputs.append((value.detach(), *torch.autograd.grad(value, [fresh[name] for name in case.differentiable])))
    for one, other in zip(*outputs, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-6)


@losses
def test_functional_transforms(case: ModuleCase):
    """``func.grad`` equals autograd, and ``vmap`` over two batches the two calls."""
    first, second = (case.inputs(np.random.default_rng(seed)) for seed in (0, 1))
    loss, name = case.build(check_values=True), case.differentiable[0]
    gradient = torch.func.grad(lambda x: loss(**{**first, name: x}))(first[name])
    fresh = with_gradients(case, first)
    torch.testing.assert_close(gradient, torch.autograd.grad(loss(**fresh), fresh[name])[0], rtol=1e-12, atol=1e-15)
    both = {key: torch.stack([first[key], second[key]]) for key in first}
    values = torch.func.vmap(lambda *batch: loss(*batch))(*both.values())
    torch.testing.assert_close(values, torch.stack([loss(**first), loss(**second)]), rtol=1e-12, atol=1e-14)


# ---- precision, state, devices --------------------------------------------------------------------------------------


@modules
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_computed_in_float32(case: ModuleCase, dtype: torch.dtype):
    inputs = with_gradients(case, cast_all(case.extreme(np.random.default_rng(0)), dtype))
    module = case.build()
    output = module(**inputs)
    assert output.dtype == torch.float32
    assert torch.isfinite(output).all()
    assert torch.equal(output, module(**cast_all(inputs, torch.float32)))
    output.sum().backward()
    for name in case.differentiable:
        if isinstance(inputs[name], torch.Tensor):
            assert torch.isfinite(inputs[name].grad).all()
    lowered = module.to(dtype)
    assert lowered(**inputs).dtype == torch.float32


@losses
def test_loss_ignores_autocast(case: ModuleCase):
    inputs = cast_all(case.inputs(np.random.default_rng(0)), torch.float32)
    loss = case.build()
    expected = loss(**inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(**inputs), expected)


@modules
def test_state_dict_round_trip(case: ModuleCase):
    inputs = cast_all(case.inputs(np.random.default_rng(0)), torch.float32)
    first, second = case.build(), case.build()
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.add_(1)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert torch.equal(first(**inputs), second(**inputs))
    assert torch.equal(first(**inputs), copy.deepcopy(first)(**inputs))


@modules
@pytest.mark.parametrize("device", DEVICES)
def test_moves_between_devices(case: ModuleCase, device: str):
    inputs = cast_all(case.inputs(np.random.default_rng(0)), torch.float32)
    module = case.build()
    expected = module(**inputs)
    actual = module.to(device)(**cast_all(inputs, device=device))
    assert actual.device.type == device
    torch.testing.assert_close(actual.cpu(), expected, rtol=1e-4, atol=1e-5)


@modules
def test_every_tensor_is_a_parameter_or_a_buffer(case: ModuleCase):
    for module in case.build().modules():
        assert not [name for name, value in vars(module).items() if isinstance(value, torch.Tensor)]


@modules
def test_values_off_the_cpu_are_read_only_on_request(case: ModuleCase):
    """The meta device has no values: reading one raises, as it would wait on a GPU."""
    inputs = cast_all(case.inputs(np.random.default_rng(0)), torch.float32, "meta")
    expected = case.build()(**cast_all(case.inputs(np.random.default_rng(0)), torch.float32))
    output = case.build().to("meta")(**inputs)
    assert output.shape == expected.shape
    assert output.dtype == torch.float32
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        case.build(check_values=True).to("meta")(**inputs)


@modules
def test_call_leaves_inputs_and_generators_alone(case: ModuleCase):
    inputs = case.inputs(np.random.default_rng(0))
    before = copy.deepcopy(inputs)
    module = case.build().double()
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    module(**inputs)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    for name, value in inputs.items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(before[name]))


# ---- bad input ------------------------------------------------------------------------------------------------------


def _module_call(case: ModuleCase) -> FunctionCase:
    inputs = case.inputs(np.random.default_rng(0))
    return FunctionCase(case.name, case.build().double(), inputs, case.bad_calls)


BAD_INPUT = [
    pytest.param(case, bad, id=f"{case.name}: {bad.argument} {bad.why}")
    for case in [*map(_module_call, MODULES), *FUNCTIONS]
    for bad in case.bad
]


@pytest.mark.parametrize(("case", "bad"), BAD_INPUT)
def test_bad_input_is_named(case: FunctionCase, bad: BadInput):
    case.call(**case.good)
    broken = {**case.good, bad.argument: bad.change(case.good[bad.argument])}
    with pytest.raises(ValueError, match=rf"^{bad.named or bad.argument}\b.*, got ."):
        case.call(**broken)


BAD_BUILDS = [pytest.param(c, o, a, id=f"{c.name}: {o}") for c in MODULES for o, a in c.bad_builds]


@pytest.mark.parametrize(("case", "options", "argument"), BAD_BUILDS)
def test_bad_constructor_argument_is_named(case: ModuleCase, options: Inputs, argument: str):
    with pytest.raises(ValueError, match=rf"^{argument} must be .*, got ."):
        case.build(**options)


@losses
def test_tables_of_bad_input_cover_every_argument(case: ModuleCase):
    assert {bad.argument for bad in case.bad_calls} == set(case.inputs(np.random.default_rng(0)))


# ---- the registry ---------------------------------------------------------------------------------------------------

REGISTERED = [
    pytest.param(part, cases, id=f"{package.__name__}: {name}")
    for package, cases in ((ltnb.losses, LOSSES), (ltnb.heads, HEADS))
    for name, part in package._PARTS.items()
]


@pytest.mark.parametrize(("part", "cases"), REGISTERED)
def test_every_registered_part_has_a_case(part: type[nn.Module], cases: list[ModuleCase]):
    functions = [case.call for case in FUNCTIONS]
    assert part in functions or any(isinstance(case.build(), part) for case in cases)


def test_every_loss_is_registered_and_every_case_is_of_a_registered_one():
    public = {value for value in map(vars(ltnb.losses).get, ltnb.losses.__all__) if inspect.isclass(value)}
    assert public - {ltnb.losses.Loss} == set(ltnb.losses._PARTS.values())
    assert {case.part for case in LOSS_CASES} <= set(ltnb.losses.names())


@pytest.mark.parametrize("package", [ltnb.losses, ltnb.heads], ids=lambda package: package.__name__)
def test_registry_names_its_parts(package):
    assert package.names() == sorted(package._PARTS)
    for name in package.names():
        assert name == name.lower() and name.isidentifier()
        with pytest.raises(ValueError, match=rf"^name must be .*{name}.*, got '{name}s'; did you mean '{name}'"):
            package.create(name + "s")
    assert type(ltnb.losses.create("ldam", [3, 1], scale=2.0)) is ltnb.losses.LDAMLoss


def test_modules_are_modules():
    assert all(isinstance(case.build(), nn.Module) for case in MODULES)
    assert len({case.name for case in MODULES}) == len(MODULES)
