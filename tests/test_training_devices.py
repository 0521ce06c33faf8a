"""`fit` under several processes, on a GPU, and beside another user of accelerate."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from test_training import Recorder, cross_entropy, data, indexed_source, net

from ltnb.training import TensorSource, fit


def environment():
    root = str(Path(__file__).parents[1])
    return os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}


def test_two_processes_equal_one(tmp_path):
    script = """
import torch
from accelerate import debug_launcher
from ltnb.training import TensorSource, fit
from ltnb.samplers import BalancedSampler
g = torch.Generator().manual_seed(7)
x, y = torch.randn(96, 6, generator=g), torch.randint(0, 4, (96,), generator=g)

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(6, 4)
        with torch.no_grad():
            self.layer.weight.copy_(torch.linspace(-1, 1, 24).reshape(4, 6))
            self.layer.bias.zero_()
    def encode(self, x):  # the objective calls a method that a DDP wrapper would not have
        return self.layer(x)

def main(name):
    model = Net()
    history = fit(model, lambda m, b: torch.nn.functional.cross_entropy(m.encode(b[0]), b[1]), TensorSource(x, y),
        lr=0.2, epochs=3, batch_size=32, sampler=BalancedSampler(y, "class"), max_grad_norm=0.5,
        validate=lambda m: float(m.layer.weight[0, 0]), checkpoint=name + ".pt")
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    torch.save((model.state_dict(), history.step_loss, history.best_epoch), f"{name}{rank}.out")

if __name__ == "__main__":
    debug_launcher(main, args=("two",), num_processes=2)
    main("one")
"""
    (tmp_path / "script.py").write_text(script)
    subprocess.run([sys.executable, "script.py"], check=True, env=environment(), timeout=240, cwd=tmp_path)
    (a, losses, best), (b, *_), (c, other, best_of_two) = (
        torch.load(tmp_path / f"{name}.out") for name in ("one0", "two1", "two0")
    )
    assert best == best_of_two
    for name in a:
        assert torch.equal(b[name], c[name])
        torch.testing.assert_close(a[name], c[name], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(losses, other, rtol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_gpu_run_agrees_with_the_cpu(precision, tmp_path):
    x, y = data()
    cpu, gpu = net(batchnorm=True), net(batchnorm=True).cuda()
    a = fit(cpu, cross_entropy, TensorSource(x, y), lr=0.05, epochs=4, batch_size=30)
    for source in (TensorSource(x, y), TensorSource(x.cuda(), y.cuda())):
        gpu = net(batchnorm=True).cuda()
        b = fit(gpu, cross_entropy, source, lr=0.05, epochs=4, batch_size=30, precision=precision)
        np.testing.assert_allclose(a.step_loss, b.step_loss, rtol=1e-3 if precision == "fp32" else 0.1)
    with pytest.raises(FloatingPointError, match="at step 5 "):
        count = iter(range(100))
        fit(gpu, lambda m, b: cross_entropy(m, b) * (math.nan if next(count) == 5 else 1), source, lr=0.1, batch_size=9)


@pytest.fixture
def fresh_accelerate_state():
    """Accelerate keeps one state per process: clear it before and after."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def test_precision_chosen_in_accelerate_is_refused(fresh_accelerate_state):
    Accelerator(mixed_precision="bf16", cpu=True)
    with pytest.raises(ValueError, match="mixed_precision must be off in accelerate.*got bf16"):
        fit(net(), cross_entropy, TensorSource(*data()), lr=0.1, epochs=1)


def test_an_accelerator_that_is_there_already_is_shared(fresh_accelerate_state):
    mine = Accelerator(cpu=True)
    fit(net(), cross_entropy, TensorSource(*data()), lr=0.1, epochs=1, precision="bf16")
    assert mine.mixed_precision == "no" and mine.device.type == "cpu" and mine.sync_gradients
    with pytest.raises(KeyboardInterrupt):
        fit(net(), Recorder(fail_at=1), indexed_source(), lr=0.1, epochs=2)
    assert not mine.gradient_state.in_dataloader  # nothing of an interrupted run stays behind
