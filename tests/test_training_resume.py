"""A training run that is killed goes on where it stopped; a checkpoint that does not fit or is damaged says so."""

import pytest
import torch
from test_training import Recorder, cross_entropy, data, indexed_source, net, weights

from ltnb.heads import LinearAdapter
from ltnb.samplers import BalancedSampler
from ltnb.training import TensorSource, fit


def run(path, fail_at=None, **changes):
    """A run with everything that has a state: momentum, dropout, BatchNorm, a sampler, validation, max_steps."""
    _, y = data()
    model = net(batchnorm=True, dropout=0.3)
    recorder = Recorder(fail_at)
    arguments = {
        "lr": 0.1, "epochs": 5, "batch_size": 32, "optimizer": "adamw", "weight_decay": 0.05, "warmup": 0.1,
        "max_grad_norm": 1.0, "max_steps": 14, "seed": 3, "sampler": BalancedSampler(y, "sqrt", seed=1),
    }  # fmt: skip

    def validate(model):
        return -abs(float(weights(model)[3]) - 0.05)

    history = fit(model, recorder, indexed_source(), validate=validate, checkpoint=path, **(arguments | changes))
    return model, history, recorder.seen


@pytest.mark.parametrize("fail_at", [0, 2, 3, 7, 13])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_resumed_run_equals_an_uninterrupted_one_to_the_bit(tmp_path, fail_at, optimizer):
    whole, expected, seen = run(None, optimizer=optimizer)
    path = tmp_path / "deep" / "phase.pt"
    with pytest.raises(KeyboardInterrupt):
        run(path, fail_at=fail_at, optimizer=optimizer)
    finished = fail_at // 3
    assert path.exists() == (finished > 0)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == (["phase.pt"] if finished else [])
    model, history, rest = run(path, optimizer=optimizer)
    assert rest == seen[3 * finished :]
    assert torch.equal(weights(model), weights(whole))
    for name in ("step_loss", "train_loss", "val_score", "lr", "best_epoch"):
        assert getattr(history, name) == getattr(expected, name), name

    again, same, nothing = run(path, optimizer=optimizer)  # a finished run is read back, not trained again
    assert nothing == [] and same == history and torch.equal(weights(again), weights(whole))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"lr": 0.2}, r"lr 0\.1 \(now 0\.2\)"),
        ({"epochs": 6}, "epochs 5"),
        ({"optimizer": "sgd"}, "optimizer 'adamw'"),
        ({"max_grad_norm": None}, "max_grad_norm"),
        ({"sampler": None}, "data"),
        ({"sampler": BalancedSampler(data()[1], "sqrt", seed=2)}, "data"),
    ],
)
def test_checkpoint_of_other_settings_is_refused(tmp_path, changes, named):
    path = tmp_path / "c.pt"
    run(path, max_steps=3)
    with pytest.raises(ValueError, match="other settings") as error:
        run(path, **({"max_steps": 3} | changes))
    assert error.match(named) and str(path) in str(error.value)


def test_checkpoint_of_other_data_or_weights_is_refused(tmp_path):
    path, (x, y) = tmp_path / "c.pt", data()
    fit(net(), cross_entropy, TensorSource(x, y), lr=0.1, epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match="data"):
        fit(net(), cross_entropy, TensorSource(x + 1, y), lr=0.1, epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match="initial_weights"):
        fit(net(seed=1), cross_entropy, TensorSource(x, y), lr=0.1, epochs=1, checkpoint=path)


def test_checkpoint_of_a_module_with_other_settings_is_refused(tmp_path):
    """Same weights, same data, another residual share: the first line of the model that differs is named."""
    path, source = tmp_path / "c.pt", TensorSource(*data())

    def adapt(residual):
        adapter = LinearAdapter(source.tensors[0].shape[1], residual=residual)
        torch.nn.init.eye_(adapter.linear.weight)
        torch.nn.init.zeros_(adapter.linear.bias)
        return fit(adapter, cross_entropy, source, lr=0.1, epochs=1, checkpoint=path)

    first = adapt(0.2)
    assert adapt(0.2) == first
    with pytest.raises(ValueError, match=r"model \"residual=0\.2, .* \(now \"residual=0\.9, ") as error:
        adapt(0.9)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "text"])
def test_damaged_checkpoint_is_reported_and_training_starts_again(tmp_path, damage):
    whole, expected, _ = run(None)
    path = tmp_path / "c.pt"
    with pytest.raises(KeyboardInterrupt):
        run(path, fail_at=7)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        position = content.index(weights_bytes())
        content[position] ^= 0xFF
    path.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "text": b"no"}.get(damage, content))
    with pytest.warns(RuntimeWarning, match="damaged or not a checkpoint.*starts again") as caught:
        model, history, seen = run(path)
    assert str(path) in str(caught[0].message)
    assert len(seen) == 14 and history.step_loss == expected.step_loss
    assert torch.equal(weights(model), weights(whole))


def weights_bytes():
    """Bytes of the first layer after two epochs of `run`, as they lie in its checkpoint."""
    model = net(batchnorm=True, dropout=0.3)
    recorder = Recorder()
    _, y = data()
    seen = []

    def validate(model):
        seen.append(model[0].weight.detach().clone())
        return 0.0

    fit(
        model, recorder, indexed_source(), lr=0.1, epochs=5, batch_size=32, optimizer="adamw", weight_decay=0.05,
        warmup=0.1, max_grad_norm=1.0, max_steps=14, seed=3, sampler=BalancedSampler(y, "sqrt", seed=1),
        validate=validate,
    )  # fmt: skip
    return seen[1].numpy().tobytes()
