"""Cost of a step: memory counted from its parts, seconds positive; energy from a counter or not at all."""

import sys
import types
from pathlib import Path

import pytest
import torch
from torch import nn

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


# Energy --------------------------------------------------------------------------------------------------------------


def write_domain(folder, domain, name, energy, top=262_143_328_850):
    """A counter as Linux shows it."""
    (folder / domain).mkdir(parents=True, exist_ok=True)
    for file, text in {"name": name, "energy_uj": energy, "max_energy_range_uj": top}.items():
        (folder / domain / file).write_text(f"{text}\n")


def test_energy_is_what_the_packages_counted(tmp_path):
    write_domain(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    write_domain(tmp_path, "intel-rapl:1", "package-1-die-0", 700, top=1000)
    write_domain(tmp_path, "intel-rapl:2", "psys", 0)  # the whole board
    write_domain(tmp_path, "intel-rapl:0:0", "core", 0)  # a part of a package
    write_domain(tmp_path, "intel-rapl-mmio:0", "package-0", 0)  # the same package once more
    (tmp_path / "intel-rapl").mkdir()
    with measured_energy("cpu", counters=tmp_path) as energy:
        assert energy.kwh is None
        write_domain(tmp_path, "intel-rapl:0", "package-0", 1_000_000 + 7_200_000_000)
        write_domain(tmp_path, "intel-rapl:1", "package-1-die-0", 200, top=1000)  # went round
        for other in ("intel-rapl:2", "intel-rapl:0:0", "intel-rapl-mmio:0"):
            (tmp_path / other / "energy_uj").write_text("999999999\n")
    assert energy.source == "RAPL"
    assert energy.kwh == pytest.approx(0.002 + 500 / 3.6e12, rel=1e-12)  # 7200 J are 2 Wh


def test_a_counter_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    write_domain(tmp_path, "intel-rapl:0", "package-0", 5)
    read = Path.read_text

    def denied(path, *args, **kwargs):  # as for everybody but root on most machines
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", denied)
    with measured_energy(counters=tmp_path) as energy:
        pass
    assert energy.kwh is None
    named = tmp_path / "intel-rapl:0" / "energy_uj"
    assert energy.source == f"not measurable here: no RAPL counter can be read (permission denied: {named})"


@pytest.mark.parametrize("damage", ["no folder", "no package", "not a number", "no range", "gone in between"])
def test_without_a_counter_nothing_is_assumed(tmp_path, damage):
    folder = tmp_path / "powercap"
    if damage != "no folder":
        write_domain(folder, "intel-rapl:0", "psys" if damage == "no package" else "package-0", 5)
    if damage == "not a number":
        (folder / "intel-rapl:0" / "energy_uj").write_text("\n")
    if damage == "no range":
        (folder / "intel-rapl:0" / "max_energy_range_uj").unlink()
    with measured_energy(counters=folder) as energy:
        if damage == "gone in between":
            (folder / "intel-rapl:0" / "energy_uj").unlink()
    assert (energy.kwh, energy.source) == (None, "not measurable here: no RAPL counter can be read")


def test_work_that_fails_fails_with_its_own_error(tmp_path):
    write_domain(tmp_path, "intel-rapl:0", "package-0", 5)
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(RuntimeError, match="work"), measured_energy(counters=folder):
            raise RuntimeError("work")


@pytest.fixture
def gpu(monkeypatch):
    """A GPU that CUDA calls 1, in NVML's words; `spent` joules since the driver was loaded."""
    state = types.SimpleNamespace(spent=100, waited=0)
    nvml = types.ModuleType("pynvml")
    nvml.nvmlInit = lambda: None
    nvml.nvmlDeviceGetHandleByUUID = {"GPU-abc": "board"}.__getitem__
    nvml.nvmlDeviceGetTotalEnergyConsumption = lambda board: {"board": 1000 * state.spent}[board]
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    uuids = {torch.device("cuda:1"): "abc", torch.device("cuda:0"): "old"}
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda d: types.SimpleNamespace(uuid=uuids[d]))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: setattr(state, "waited", state.waited + 1))
    return state


def test_energy_of_a_gpu_is_that_of_its_board_alone(gpu):
    with measured_energy("cuda:1") as energy:
        gpu.spent += 36
    assert (energy.kwh, energy.source, gpu.waited) == (pytest.approx(1e-5), "NVML", 2)


def test_a_device_without_a_counter_says_so(gpu, monkeypatch):
    with measured_energy("cuda:0") as old, measured_energy("mps") as other:
        monkeypatch.setitem(sys.modules, "pynvml", None)
        with measured_energy("cuda:1") as missing:
            pass
    assert (old.kwh, old.source) == (None, "not measurable here: NVML gives no energy for this GPU")
    assert (other.kwh, other.source) == (None, "not measurable here: no energy counter is known for mps")
    assert missing.kwh is None and 'pip install "ltnb[energy]"' in missing.source


def test_this_machine_gives_a_number_or_a_reason():
    with measured_energy() as energy:
        torch.randn(200, 200) @ torch.randn(200, 200)
    assert (energy.kwh is None) == energy.source.startswith("not measurable here")
