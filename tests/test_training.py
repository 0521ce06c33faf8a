"""`ltnb.training.fit` against hand-written loops and formulas."""

import json
import math
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ltnb.samplers import BalancedSampler
from ltnb.training import History, TensorSource, fit, make_optimizer, scheduled_lr

N, D, C = 90, 6, 4


def data(n=N):
    g = torch.Generator().manual_seed(7)
    return torch.randn(n, D, generator=g), torch.randint(0, C, (n,), generator=g)


def net(seed=0, dropout=0.0, batchnorm=False):
    layers = [nn.Linear(D, 8), nn.BatchNorm1d(8) if batchnorm else nn.Identity(), nn.ReLU(), nn.Dropout(dropout)]
    model = nn.Sequential(*layers, nn.Linear(8, C))
    g = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        nn.init.normal_(p, 0.5 if batchnorm and p.ndim == 1 else 0.0, 0.3, generator=g)
    return model


def cross_entropy(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def weights(model):
    return torch.cat([value.double().reshape(-1) for value in model.state_dict().values()])


class Recorder:
    """Objective that notes the batches it saw, and raises at a given step."""

    def __init__(self, fail_at=None):
        self.seen, self.fail_at = [], fail_at

    def __call__(self, model, batch):
        if len(self.seen) == self.fail_at:
            raise KeyboardInterrupt
        self.seen.append(batch[2].tolist())
        return F.cross_entropy(model(batch[0]), batch[1])


def indexed_source():
    return TensorSource(*data(), torch.arange(N))


# ---- the loop equals a hand-written one


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_fit_equals_a_hand_written_loop(name, clip):
    x, y = data()
    recorder, model = Recorder(), net()
    history = fit(
        model, recorder, indexed_source(), lr=0.3, epochs=3, batch_size=32, optimizer=name, weight_decay=0.1,
        warmup=0.25, max_grad_norm=clip,
    )  # fmt: skip
    assert len(recorder.seen) == 9 and [len(b) for b in recorder.seen[:3]] == [32, 32, 26]

    # plain torch, plain formulas; only the order of the samples is taken over
    twin = net()
    params = list(twin.parameters())
    state = [(torch.zeros_like(p), torch.zeros_like(p)) for p in params]
    losses = []
    for t, batch in enumerate(recorder.seen):
        lr = 0.3 * (t + 1) / 2 if t < 2 else 0.3 * 0.5 * (1 + math.cos(math.pi * (t - 2) / 7))
        loss = F.cross_entropy(twin(x[batch]), y[batch])
        losses.append(loss.item())
        grads = torch.autograd.grad(loss, params)
        if clip is not None:
            norm = math.sqrt(sum(float(g.double().pow(2).sum()) for g in grads))
            grads = [g * min(1.0, clip / (norm + 1e-6)) for g in grads]
        with torch.no_grad():
            for p, g, (m, v) in zip(params, grads, state, strict=True):
                if name == "sgd":
                    g = g + 0.1 * p
                    m.mul_(0.9 if t else 0.0).add_(g)
                    p -= lr * m
                else:
                    p *= 1 - lr * (0.1 if p.ndim > 1 else 0.0)
                    m.mul_(0.9).add_(0.1 * g)
                    v.mul_(0.999).add_(0.001 * g * g)
                    p -= lr * (m / (1 - 0.9 ** (t + 1))) / ((v / (1 - 0.999 ** (t + 1))).sqrt() + 1e-8)
    torch.testing.assert_close(weights(model), weights(twin), rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(history.step_loss, losses, rtol=1e-5)
    np.testing.assert_allclose(history.train_loss, np.reshape(losses, (3, 3)).mean(1), rtol=1e-5)


def test_every_epoch_is_another_permutation_that_depends_on_the_seed_alone():
    def orders(seed):
        recorder = Recorder()
        fit(net(), recorder, indexed_source(), lr=0.1, epochs=2, batch_size=50, seed=seed)
        flat = sum(recorder.seen, [])
        return flat[:N], flat[N:]

    torch.manual_seed(1)
    first, second = orders(3)
    torch.manual_seed(2)
    assert orders(3) == (first, second)
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    assert not {tuple(o) for o in orders(4)} & {tuple(first), tuple(second)}


@pytest.mark.parametrize("num_workers", [0, 1])
def test_sampler_is_followed_and_told_the_epoch(tmp_path, num_workers):
    _, y = data()
    sampler = BalancedSampler(y, "class", num_samples=64, seed=5)
    expected = [index for _ in range(3) for index in sampler]  # a plain loop, in this very sampler
    recorder = Recorder()
    how = {"lr": 0.1, "epochs": 3, "batch_size": 20, "sampler": sampler, "num_workers": num_workers}
    fit(net(), recorder, indexed_source(), checkpoint=tmp_path / "c.pt", **how)
    assert sum(recorder.seen, []) == expected
    assert [len(b) for b in recorder.seen] == [20, 20, 20, 4] * 3


def test_a_generator_gives_the_seed_of_a_run():
    runs = []
    for state in (1, 1, 2):
        recorder = Recorder()
        fit(net(), recorder, indexed_source(), lr=0.1, epochs=1, generator=torch.Generator().manual_seed(state))
        runs.append(sum(recorder.seen, []))
    assert runs[0] == runs[1] != runs[2]
    with pytest.raises(ValueError, match="seed must be left out where a generator is given, got 4"):
        fit(net(), Recorder(), indexed_source(), lr=0.1, seed=4, generator=torch.Generator())


def test_choices_of_optimiser_and_schedule_are_checked():
    """Each for itself: an unknown name ran as AdamW, or as a cosine."""
    with pytest.raises(ValueError, match="name must be one of 'sgd', 'adamw', got 'adam'"):
        make_optimizer(net(), "adam", 0.1)
    with pytest.raises(ValueError, match="schedule must be one of 'cosine', 'constant', got 'step'"):
        scheduled_lr(0, 10, 0.1, schedule="step")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_parts_of_a_model_may_learn_at_rates_of_their_own(optimizer):
    """As two optimisers that share a schedule; the longest beginning that fits a name counts."""
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(1))
    y = (x @ torch.arange(4.0)).unsqueeze(1)
    objective = lambda model, batch: (model(batch[0]) - batch[1]).square().mean()  # noqa: E731
    how = {"epochs": 3, "batch_size": 10, "weight_decay": 0.1, "optimizer": optimizer}

    def trained(lr_scale=None, frozen: str = "") -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1))
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not (frozen and name.startswith(frozen)))
        fit(model, objective, TensorSource(x, y), lr=0.01, lr_scale=lr_scale, **how)
        return dict(model.named_parameters())

    plain = trained()
    for same in ({}, {"": 1.0}, {"0": 1.0, "1.bias": 1.0}):
        assert all(torch.equal(value, plain[name]) for name, value in trained(same).items())
    assert torch.equal(trained({"0": 0.0})["1.weight"], trained(frozen="0")["1.weight"])
    mixed = trained({"": 0.0, "1": 1.0, "1.bias": 0.0})
    torch.manual_seed(0)
    begin = dict(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)).named_parameters())
    changed = {name for name in begin if not torch.equal(begin[name], mixed[name])}
    assert changed == {"1.weight"}
    groups = make_optimizer(torch.nn.Linear(2, 2), optimizer, 0.1, lr_scale={"bias": 5}).param_groups
    assert sorted((len(g["params"]), round(g["lr"], 3), g["lr_scale"]) for g in groups) == [
        (1, 0.1, 1.0),
        (1, 0.5, 5.0),
    ]


@pytest.mark.parametrize(
    ("lr_scale", "message"),
    [
        ({"tower": 2.0}, r"lr_scale must be of parameters .*weight, bias.*'tower'"),
        ({"bias": -1.0}, r"lr_scale\['bias'\]"),
    ],
)
def test_bad_factors_of_the_rate_are_named(lr_scale, message):
    with pytest.raises(ValueError, match=message):
        make_optimizer(torch.nn.Linear(2, 2), "sgd", 0.1, lr_scale=lr_scale)


def test_loader_processes_give_the_same_run():
    here, there = net(), net()
    fit(here, cross_entropy, TensorSource(*data()), lr=0.1, epochs=1)
    fit(there, cross_entropy, TensorSource(*data()), lr=0.1, epochs=1, num_workers=1)
    assert torch.equal(weights(here), weights(there))


def test_callers_random_numbers_are_left_alone_and_do_not_matter():
    results = []
    for s in (1, 2):
        torch.manual_seed(s)
        model = net(dropout=0.5)
        before = torch.get_rng_state()
        fit(model, cross_entropy, TensorSource(*data()), lr=0.1, epochs=2, batch_size=32)
        results.append(weights(model))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*results)
    plain = net()
    fit(plain, cross_entropy, TensorSource(*data()), lr=0.1, epochs=2, batch_size=32)
    assert not torch.equal(weights(plain), results[0])  # dropout really was on


# ---- schedule


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.37])
def test_schedule_is_the_formula(warmup):
    total, lr = 50, 0.2
    w = int(warmup * total)
    rates = [scheduled_lr(t, total, lr, warmup) for t in range(total)]
    np.testing.assert_allclose(rates[:w], lr * np.arange(1, w + 1) / max(w, 1))
    t = np.arange(total - w)
    np.testing.assert_allclose(rates[w:], lr / 2 * (1 + np.cos(np.pi * t / (total - w))))
    assert rates[w] == lr and 0 < rates[-1] < 0.01 * lr
    assert scheduled_lr(40, total, lr, warmup, "constant") == lr


def test_fit_uses_the_schedule_over_the_steps_it_takes():
    # SGD without momentum on the loss w moves w by the learning rate
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    moved = []

    def objective(model, batch):
        moved.append(-model.weight.item())
        return model.weight.sum()

    source = TensorSource(torch.zeros(40, 1))
    history = fit(model, objective, source, lr=1.0, epochs=5, batch_size=10, momentum=0.0, warmup=0.2, max_steps=11)
    rates = [scheduled_lr(t, 11, 1.0, 0.2) for t in range(11)]
    np.testing.assert_allclose(np.diff([*moved, -model.weight.item()]), rates, atol=1e-6)
    assert history.lr == [rates[0], rates[4], rates[8]]
    assert len(history.train_loss) == 3 and len(history.step_loss) == 11


# ---- precision, modes, what is trained


def test_fp32_then_bf16_then_fp32_in_one_process():
    seen, results = [], []

    def objective(model, batch):
        logits = model(batch[0])
        seen.append(logits.dtype)
        return F.cross_entropy(logits.float(), batch[1])

    for precision in ("fp32", "bf16", "fp32"):
        model = net()
        fit(model, objective, TensorSource(*data()), lr=0.1, epochs=3, batch_size=30, precision=precision)
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        results.append(weights(model))
    assert seen == [torch.float32] * 9 + [torch.bfloat16] * 9 + [torch.float32] * 9
    assert torch.equal(results[0], results[2]) and not torch.equal(results[0], results[1])
    torch.testing.assert_close(results[0], results[1], atol=0.02, rtol=0.02)


def test_frozen_parts_stay_in_evaluation_mode():
    model = nn.Sequential(net(batchnorm=True, dropout=0.5), nn.BatchNorm1d(C), nn.Linear(C, C))
    model[0].requires_grad_(False)
    modes = []

    def objective(model, batch):
        modes.append([m.training for m in (model[0], model[0][1], model[0][3], model[1], model[2])])
        return cross_entropy(model, batch)

    before = {k: v.clone() for k, v in model.state_dict().items()}
    fit(model, objective, TensorSource(*data()), lr=0.1, epochs=1, validate=lambda m: float(m.training))
    assert modes == [[False, False, False, True, True]]
    after = model.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed == {k for k in before if not k.startswith("0.")}
    assert not any(m.training for m in model.modules())


# ---- best epoch


def test_best_epoch_is_put_back_and_the_first_of_equals_wins():
    snapshots, scores = [], [0.1, 0.7, 0.3, 0.7]

    def validate(model):
        assert not torch.is_grad_enabled() and not model.training
        snapshots.append(weights(model).clone())
        return scores[len(snapshots) - 1]

    model = net(batchnorm=True)
    history = fit(model, cross_entropy, TensorSource(*data()), lr=0.1, epochs=4, batch_size=40, validate=validate)
    assert history.best_epoch == 1 and history.val_score == scores
    assert torch.equal(weights(model), snapshots[1]) and not torch.equal(snapshots[1], snapshots[3])


def test_without_validation_the_last_state_stays():
    history = fit(net(), cross_entropy, TensorSource(*data()), lr=0.1, epochs=2)
    assert history.best_epoch is None and history.val_score == []
    assert history.seconds > 0 and history.samples_per_second > 0
    assert History(**json.loads(json.dumps(history.to_dict()))) == history


# ---- bad input


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_before_it_reaches_the_weights(bad):
    model, count = net(), [0]
    good = []

    def objective(model, batch):
        count[0] += 1
        good.append(weights(model).clone())
        return cross_entropy(model, batch) * (bad if count[0] == 6 else 1.0)

    with pytest.raises(FloatingPointError, match=r"the loss is (nan|inf) at step 5 of epoch 1"):
        fit(model, objective, TensorSource(*data()), lr=0.1, epochs=3, batch_size=25)
    assert torch.equal(weights(model), good[-1]) and torch.isfinite(weights(model)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": -1.0}, "lr must be"),
        ({"lr": float("nan")}, "lr must be"),
        ({"epochs": 0}, "epochs must be"),
        ({"batch_size": 1.5}, "batch_size must be"),
        ({"warmup": 1.0}, "warmup must be"),
        ({"max_steps": 0}, "max_steps must be"),
        ({"max_grad_norm": 0.0}, "max_grad_norm must be"),
        ({"optimizer": "adam"}, "optimizer must be"),
        ({"schedule": "step"}, "schedule must be"),
        ({"precision": "fp16"}, "precision must be"),
        ({"seed": -1}, "seed must be"),
        ({"sampler": iter([1])}, "sampler must be"),
        ({"sampler": []}, "sampler must be"),
        ({"sampler": [0, N]}, "sampler must be"),
        ({"validate": lambda m: float("nan")}, "validate must be"),
        ({"validate": lambda m: None}, "validate must be a function that returns a number, got None after epoch 0"),
        (
            {"validate": lambda m: torch.zeros(2)},
            "validate must be a function that returns a number, got tensor of shape",
        ),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        fit(net(), cross_entropy, TensorSource(*data()), **({"lr": 0.1, "epochs": 1} | changes))


@pytest.mark.parametrize("source", [[1, 2, 3], None, torch.utils.data.TensorDataset(*data()), iter([1])])
def test_a_source_without_collated_batches_is_named(source):
    with pytest.raises(ValueError, match=r"source must be an object with len\(\) and __getitems__\(indices\)"):
        fit(net(), cross_entropy, source, lr=0.1, epochs=1)


def test_bad_model_and_objective():
    source = TensorSource(*data())
    with pytest.raises(ValueError, match="model must have a parameter"):
        fit(net().requires_grad_(False), cross_entropy, source, lr=0.1)
    with pytest.raises(ValueError, match="objective must be a function that returns a scalar"):
        fit(net(), lambda m, b: m(b[0]), source, lr=0.1)
    with pytest.raises(ValueError, match="objective must be a function of the trainable parameters"):
        fit(net(), lambda m, b: b[0].sum(), source, lr=0.1)


def test_bad_tensor_sources():
    x, y = data()
    for tensors in ((), (x, y[:5]), (x[:0], y[:0]), (x, [1, 2]), (torch.tensor(1.0),)):
        with pytest.raises(ValueError, match="tensors"):
            TensorSource(*tensors)


# ---- what is printed, and how fast


def test_progress_bar_only_where_asked_for(capfd):
    fit(net(), cross_entropy, TensorSource(*data()), lr=0.1, epochs=1)
    assert capfd.readouterr() == ("", "")
    fit(net(), cross_entropy, TensorSource(*data()), lr=0.1, epochs=2, batch_size=30, progress=True, description="Ph")
    err = capfd.readouterr().err
    assert "Ph" in err and "6/6" in err


def test_loop_adds_little_to_a_step():
    """The loop alone, with next to nothing to compute: 100,000 samples a second of processor time in batches of 512."""
    source = TensorSource(torch.zeros(51200, 4), torch.zeros(51200, dtype=torch.int64))
    rates, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)  # a second thread that waits counts as processor time
    try:
        for _ in range(3):
            start = time.process_time()
            fit(nn.Linear(4, 2), cross_entropy, source, lr=0.1, epochs=1)
            rates.append(len(source) / (time.process_time() - start))
    finally:
        torch.set_num_threads(threads)
    assert max(rates) > 100_000
