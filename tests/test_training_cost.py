"""Cost of a step: memory counted from its parts, seconds positive; energy from a counter or not at all."""

import sys
import types

import pytest
import torch
from torch import nn

from ltnb.training import energy as module
from ltnb.training import measured_energy, step_cost
from ltnb.training.cost import MIB

N, D = 300, 200


def linear_step():
    layer, x = nn.Linear(D, D, bias=False), torch.randn(N, D)
    return layer, x, lambda: (layer(x) ** 2).mean()


@pytest.mark.parametrize("name, states", [("SGD", 1), ("Adam", 2)])
def test_memory_is_the_sum_of_its_parts(name, states):
    layer, _, step = linear_step()
    how = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(torch.optim, name)(layer.parameters(), lr=1e-3, **how)
    cost = step_cost(step, [layer], optimizer, repeats=2)
    weights, kept = D * D, 2 * N * D  # weight, gradient, state; the input and the output that is squared
    assert cost.how == "counted" and cost.seconds > 0
    assert cost.memory_mib == pytest.approx(
        4 * (weights * (2 + states) + kept) / MIB, abs=1e-4
    )  # Adam counts its steps


def test_a_frozen_part_adds_its_weights_and_nothing_else():
    layer, _, step = linear_step()
    frozen = nn.Linear(D, D, bias=False).requires_grad_(False)
    plain = step_cost(step, [layer], torch.optim.SGD(layer.parameters(), lr=1e-3), repeats=1)
    both = step_cost(step, [layer, frozen, layer], torch.optim.SGD(layer.parameters(), lr=1e-3), repeats=1)
    assert both.memory_mib - plain.memory_mib == pytest.approx(4 * D * D / MIB)


def test_the_step_trains_and_repeats_are_checked():
    layer, _, step = linear_step()
    before, optimizer = layer.weight.detach().clone(), torch.optim.SGD(layer.parameters(), lr=1e-3)
    step_cost(step, [layer], optimizer, repeats=3)
    assert not torch.equal(layer.weight, before)
    with pytest.raises(ValueError, match="repeats"):
        step_cost(step, [layer], optimizer, repeats=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_allocator_is_asked():
    layer, x = nn.Linear(D, D).cuda(), torch.randn(N, D).cuda()
    cost = step_cost(lambda: layer(x).sum(), [layer], torch.optim.SGD(layer.parameters(), lr=1e-3))
    assert cost.how == "allocated" and cost.memory_mib > 4 * D * D / MIB


class Tracker:
    """Stands in for CodeCarbon's."""

    mode = "intel_rapl"

    def __init__(self, **settings):
        assert settings["save_to_file"] is False
        self._hardware = [types.SimpleNamespace(_mode=self.mode)]
        self.final_emissions_data = None

    def start(self):
        self.running = True

    def stop(self):
        assert self.running
        self.final_emissions_data = types.SimpleNamespace(cpu_energy=0.25, gpu_energy=0.5, energy_consumed=9.0)


@pytest.fixture
def codecarbon(monkeypatch):
    """A machine with a RAPL counter, as CodeCarbon sees it."""
    package, cpu = types.ModuleType("codecarbon"), types.ModuleType("codecarbon.core.cpu")
    package.OfflineEmissionsTracker, cpu.is_rapl_available = Tracker, lambda: True
    for name, stub in {"codecarbon": package, "codecarbon.core": package, "codecarbon.core.cpu": cpu}.items():
        monkeypatch.setitem(sys.modules, name, stub)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    return cpu


def test_energy_is_that_of_the_device_alone(codecarbon, monkeypatch):
    with measured_energy("cpu") as energy:
        assert energy.kwh is None
    assert (energy.kwh, energy.source) == (0.25, "RAPL")
    monkeypatch.setattr(module, "_nvml_reads", lambda index: True)
    with measured_energy("cuda:1") as energy:
        pass
    assert (energy.kwh, energy.source) == (0.5, "NVML")


def test_a_wattage_that_codecarbon_assumes_is_no_measurement(codecarbon, monkeypatch):
    monkeypatch.setattr(Tracker, "mode", "constant")
    with measured_energy("cpu") as energy:
        pass
    assert energy.kwh is None and energy.source.startswith("not measurable here: ")


def test_the_tracker_stops_when_the_work_fails(codecarbon):
    with pytest.raises(RuntimeError, match="work"), measured_energy("cpu"):
        raise RuntimeError("work")


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_without_a_counter_nothing_is_assumed(codecarbon, monkeypatch, device):
    codecarbon.is_rapl_available = lambda: False
    monkeypatch.setattr(module, "_nvml_reads", lambda index: False)
    with measured_energy(device) as energy:
        pass
    assert energy.kwh is None and energy.source.startswith("not measurable here: ")


def test_without_codecarbon_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with measured_energy() as energy:
        pass
    assert energy.kwh is None and "ltnb[energy]" in energy.source


def test_this_machine_gives_a_number_or_a_reason():
    with measured_energy() as energy:
        torch.randn(200, 200) @ torch.randn(200, 200)
    assert (energy.kwh is None) == energy.source.startswith("not measurable here")
