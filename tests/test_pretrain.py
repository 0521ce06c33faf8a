"""Pre-training the shipped models: the loss against NumPy, resume, a text tower that stays as it was taken over."""

import functools
import json
import shutil
from threading import Thread

import numpy as np
import pytest
import torch

from ltnb import clip
from ltnb.clip.mini import build_mini, load_compact, weights_path
from ltnb.clip.precision import resolve_device, resolve_precision
from ltnb.critters import pretrain as module
from ltnb.critters import pretrain_scores
from ltnb.critters.attributes import WORLD_VERSION
from ltnb.critters.captions import stream_batch
from ltnb.critters.datasets import calibration_data
from ltnb.critters.individuals import WORLD
from ltnb.data import shot_groups
from ltnb.results import environment

RUN = {"pairs": 8 * 40, "lr": 1e-3, "batch": 8, "warmup": 2, "stop_after": 4, "log_every": 2}


def weights(path):
    model = build_mini("mini-rn")
    info = load_compact(model, path)
    return model.state_dict(), info


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 0.05)])
def test_loss_is_the_symmetric_contrastive_one(precision, tolerance):
    student = module._Student("mini-rn", 0, None, precision)
    student.model.eval()
    images, captions, _ = stream_batch(5, 0, 6)
    pixels = module._pixels(images, student.image_size)
    with torch.no_grad():
        loss = student.loss(pixels, captions).item()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            v = student.model.encode_image(pixels).float().numpy().astype(np.float64)
            u = student.model.encode_text(student.rows(student.tokenizer(captions))).float().numpy().astype(np.float64)
    v, u = v / np.linalg.norm(v, axis=1, keepdims=True), u / np.linalg.norm(u, axis=1, keepdims=True)
    total = 0.0
    for i in range(6):  # BALLAD Eq. 2 and Eq. 3, averaged
        to_text = np.array([v[i] @ u[j] for j in range(6)]) / 0.07
        to_image = np.array([u[i] @ v[j] for j in range(6)]) / 0.07
        total -= to_text[i] - np.log(np.exp(to_text).sum()) + to_image[i] - np.log(np.exp(to_image).sum())
    assert loss == pytest.approx(total / 12, abs=tolerance)


def test_the_loss_of_embeddings_is_log_n_for_a_guess_and_known_for_a_perfect_model():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(5, 8, generator=g)
    guess = module.contrastive_loss(x, torch.ones(5, 8), 7.0)  # one caption for all
    from_captions = torch.nn.functional.normalize(x, dim=1).sum(dim=1) / 8**0.5 * 7  # one row of logits, N times
    expected = (np.log(5) + float(from_captions.logsumexp(0) - from_captions.mean())) / 2
    assert guess.item() == pytest.approx(expected, abs=1e-5)
    own = torch.eye(5, 8)
    perfect = module.contrastive_loss(3 * own, own / 2, 10.0).item()  # own cosine 1, others 0; lengths do not matter
    assert perfect == pytest.approx(np.log(1 + 4 * np.exp(-10.0)), abs=1e-6)
    assert module.contrastive_loss(own, torch.ones(5, 8), 10.0).item() == pytest.approx(np.log(5), abs=1e-6)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A run that was stopped at its fourth step; a checkpoint was written after the second. And its learning rates."""
    folder, stream = tmp_path_factory.mktemp("interrupted"), module._stream

    def cut(size, batch, first, end, steps):
        for step, item in enumerate(stream(size, batch, first, end, steps), start=first):
            if step == 3:
                raise KeyboardInterrupt
            yield item

    with pytest.MonkeyPatch.context() as patch:
        seen = spy_rates(patch)
        patch.setattr(module, "_stream", cut)
        with pytest.raises(KeyboardInterrupt):
            module.pretrain("mini-rn", folder / "cut.safetensors", checkpoint_every=2, **RUN)
    return folder / "cut.partial.pt", seen


def spy_rates(patch):
    """(learning rate, steps that AdamW counts) after each step of all runs, as far as they went."""
    seen, make = [], module._optimizer

    def spied(*arguments):
        optimizer = make(*arguments)
        optimizer.register_step_post_hook(
            lambda o, *_: seen.append((o.param_groups[0]["lr"], int(next(iter(o.state.values()))["step"])))
        )
        return optimizer

    patch.setattr(module, "_optimizer", spied)
    return seen


def test_an_interrupted_run_ends_in_the_same_weights(tmp_path, interrupted, monkeypatch):
    rates = spy_rates(monkeypatch)
    curve = module.pretrain("mini-rn", tmp_path / "whole.safetensors", **RUN)
    whole_rates = [rates.pop(0) for _ in range(4)]
    checkpoint, cut_rates = interrupted
    assert cut_rates == whole_rates[:3]
    shutil.copy(checkpoint, tmp_path)
    resumed = module.pretrain("mini-rn", tmp_path / "cut.safetensors", **RUN)
    assert rates == whole_rates[2:]  # schedule and optimiser go on where the checkpoint left them
    assert [count for _, count in whole_rates] == [1, 2, 3, 4] and len({lr for lr, _ in whole_rates}) == 4
    assert [step for step, _ in resumed] == [step for step, _ in curve] == [2, 4]
    np.testing.assert_allclose([loss for _, loss in resumed], [loss for _, loss in curve], rtol=1e-3)
    (whole, _), (cut_weights, info) = weights(tmp_path / "whole.safetensors"), weights(tmp_path / "cut.safetensors")
    assert info.metadata["pairs"] == 32
    assert json.loads((tmp_path / "cut.log.json").read_text())["curve"] == [list(point) for point in resumed]
    assert not (tmp_path / "cut.partial.pt").exists()
    for name, value in whole.items():
        torch.testing.assert_close(cut_weights[name].float(), value.float(), rtol=1e-2, atol=2e-3, msg=name)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lr": 5e-2}, r"lr 0\.001 \(now 0\.05\)"),
        ({"seed": 77}, r"seed 0 \(now 77\)"),
        ({"pairs": 6400}, r"pairs 320 \(now 6400\)"),
        ({"stop_after": 1}, r"stop_after 4 \(now 1\)"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, interrupted, change, named):
    shutil.copy(interrupted[0], tmp_path / "a.partial.pt")
    with pytest.raises(ValueError, match=rf"a\.partial\.pt was written with other settings: {named}; delete the file"):
        module.pretrain("mini-rn", tmp_path / "a.safetensors", **(RUN | change))
    assert not (tmp_path / "a.log.json").exists()


def test_what_goes_wrong_in_the_render_thread_is_raised(monkeypatch):
    def broken(*_):
        raise MemoryError("the renderer broke")

    monkeypatch.setattr(module, "stream_batch", broken)
    caught = []

    def consume():
        try:
            next(module._stream(64, 8, 0, 4, 1))
        except MemoryError as error:
            caught.append(str(error))

    thread = Thread(target=consume, daemon=True)  # it would wait for ever
    thread.start()
    thread.join(timeout=20)
    assert caught == ["the renderer broke"]


def test_pictures_go_from_portraits_to_the_world():
    """Portraits alone, a ramp, and the world to the end, whatever the length of the run."""
    for steps in (100, 2734):
        share = [module.difficulty_at(step, steps).companion / WORLD.companion for step in range(steps)]
        first, full = (int(np.ceil(part * steps)) for part in (module.PORTRAITS, module.EASY_SHARE))
        assert 0 < first < full < 0.8 * steps
        assert max(share[:first]) == 0
        assert share[full:] == pytest.approx([1.0] * (steps - full))
        assert (np.diff(share[first:full]) > 0).all()
        assert share[(first + full) // 2] == pytest.approx(0.5, abs=0.03)


def test_every_step_gets_its_own_pictures(monkeypatch):
    """Also where a run goes on in the middle: batches and difficulties are those of the whole run."""
    asked = []

    def batch(seed, start, size, difficulty):
        asked.append((seed, start, size, difficulty))
        return stream_batch(seed, start, 2)

    monkeypatch.setattr(module, "stream_batch", batch)
    assert len(list(module._stream(64, 8, 3, 6, 10))) == 3
    assert asked == [(module.STREAM_SEED, 8 * step, 8, module.difficulty_at(step, 10)) for step in (3, 4, 5)]


@pytest.fixture(scope="session")
def calibration():
    """World and seed -> its data with a few pictures of a class, made once for all weight files."""
    return functools.cache(functools.partial(calibration_data, test_per_class=5))


@pytest.mark.parametrize("name", list(module.RECIPES))
def test_shipped_logs_hold_the_zero_shot_table(name, calibration, monkeypatch):
    path = weights_path(name)
    log = json.loads(path.with_suffix(".log.json").read_text())
    table = log["zero_shot"]
    assert log["steps"] == log["pairs"] // log["batch"] and log["curve"][-1][0] <= log["steps"]
    assert log["world_version"] == WORLD_VERSION, "the shipped weights are of another world"
    for row, world in pretrain_scores.WORLDS.items():
        groups = shot_groups(calibration(world, table["seed"]).group_counts)
        classes = {group: int(mask.sum()) for group, mask in groups.items()}
        mean = sum(n * table[row][group] for group, n in classes.items()) / sum(classes.values())
        assert table[row]["overall"] == pytest.approx(mean, abs=0.02)  # the test sets are balanced
    low = 15 if name == "mini-vit-90k" else 40  # a fifth of the pairs; nothing is promised for it but that it learned
    assert low <= table["telling"]["overall"] <= 72 and table["latin"]["overall"] < 3 * 100 / 96  # three times chance
    monkeypatch.setattr(pretrain_scores, "WORLDS", {"telling": "calibration"})
    monkeypatch.setattr(pretrain_scores, "calibration_data", lambda world, seed, **_: calibration(world, seed))
    again = pretrain_scores.zero_shot_table(clip.load(log["model"], path, precision="fp32"))
    assert again["telling"]["overall"] == pytest.approx(table["telling"]["overall"], abs=3)
    assert again["template"] == table["template"] and again["precision"] == table["precision"]


def test_the_table_is_written_into_the_log_of_a_run(tmp_path, monkeypatch):
    run = module.pretrain
    monkeypatch.setattr(module, "pretrain", lambda name, out, **_: run(name, out, **RUN | {"stop_after": 1}))
    monkeypatch.setattr(pretrain_scores, "calibration_data", lambda *a, **_: calibration_data(*a, test_per_class=1))
    monkeypatch.setattr("sys.argv", ["pretrain", "mini-rn", "--out", str(tmp_path)])
    module.main()
    log = json.loads((tmp_path / "mini-rn.log.json").read_text())
    assert set(log["zero_shot"]) >= {"telling", "latin", "template", "precision"} and log["steps"] == 1
    assert {"overall", "many", "medium", "few"} == set(log["zero_shot"]["latin"])
    assert log["commit"] == environment()["git_commit"]
    assert log["lr"] == RUN["lr"] and log["precision"] in ("fp32", "bf16")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mini-rn.log.json", "mini-rn.safetensors"]


def test_a_text_tower_that_is_taken_over_stays_as_it_was():
    source, _ = weights(weights_path("mini-rn"))
    student = module._Student("mini-vit", 1, weights_path("mini-rn"))
    state = student.model.state_dict()
    for name in ("text_projection", "ln_final.weight", "positional_embedding"):
        torch.testing.assert_close(state[name], source[name])
    trained = {name for name, p in student.model.named_parameters() if p.requires_grad}
    assert trained and all(name.startswith("visual.") or name == "logit_scale" for name in trained)


def test_precision_follows_the_device(tmp_path):
    """A CPU without bf16 units must not emulate them: that took ten times as long as float32."""
    module.pretrain("mini-rn", tmp_path / "a.safetensors", **{**RUN, "stop_after": 1})
    expected = resolve_precision("auto", resolve_device("auto"))
    assert json.loads((tmp_path / "a.log.json").read_text())["precision"] == expected
    with pytest.raises(ValueError, match="precision"):
        module.pretrain("mini-rn", tmp_path / "a.safetensors", precision="fp16", **RUN)


def test_unknown_model_is_named(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["pretrain", "maxi-vit"])
    with pytest.raises(SystemExit):
        module.main()
    assert "maxi-vit" in capsys.readouterr().err
