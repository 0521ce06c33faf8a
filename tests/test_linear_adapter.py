"""How the linear adapter is initialised."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ltnb.heads import LinearAdapter


@pytest.mark.parametrize("bias", [True, False])
def test_default_initialisation_is_that_of_torch(bias: bool):
    torch.manual_seed(3)
    expected = nn.Linear(16, 16, bias=bias)
    torch.manual_seed(3)
    adapter = LinearAdapter(16, bias=bias)
    assert type(adapter.linear) is nn.Linear
    assert torch.equal(adapter.linear.weight, expected.weight)
    assert bias == (adapter.linear.bias is not None)
    assert not bias or torch.equal(adapter.linear.bias, expected.bias)


@pytest.mark.parametrize("bias", [True, False])
def test_generator_gives_the_same_law_without_the_global_one(bias: bool):
    torch.manual_seed(3)
    expected = nn.Linear(16, 16, bias=bias)
    state = torch.get_rng_state()
    adapter = LinearAdapter(16, bias=bias, generator=torch.Generator().manual_seed(3))
    assert torch.equal(torch.get_rng_state(), state)
    for ours, theirs in zip(adapter.linear.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_defaults_are_those_of_the_paper():
    adapter = LinearAdapter(4)
    assert (adapter.residual, adapter.activation) == (0.2, "relu")
    assert adapter.linear.bias is not None
    assert "residual=0.2" in repr(adapter)
