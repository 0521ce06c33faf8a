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
from registries import FUNCTIONS, LOSSES, MODULES
from torch import nn

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


def test_modules_are_modules():
    assert all(isinstance(case.build(), nn.Module) for case in MODULES)
    assert len({case.name for case in MODULES}) == len(MODULES)
