"""Pre-training the shipped models: the loss against NumPy, resume, a text tower that stays as it was taken over."""

import json

import numpy as np
import pytest
import torch

from ltnb import pretrain as module
from ltnb.clip.mini import build_mini, load_compact, weights_path
from ltnb.clip.precision import resolve_device, resolve_precision
from ltnb.data.critters_captions import stream_batch

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


def test_an_interrupted_run_ends_in_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_EVERY", 2)
    curve = module.pretrain("mini-rn", tmp_path / "whole.safetensors", **RUN)
    stream = module._stream

    def cut(size, batch, first, end, ramp):
        for step, item in enumerate(stream(size, batch, first, end, ramp), start=first):
            if step == 3:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr(module, "_stream", cut)
    with pytest.raises(KeyboardInterrupt):
        module.pretrain("mini-rn", tmp_path / "cut.safetensors", **RUN)
    monkeypatch.setattr(module, "_stream", stream)
    resumed = module.pretrain("mini-rn", tmp_path / "cut.safetensors", **RUN)
    assert [step for step, _ in resumed] == [step for step, _ in curve] == [2, 4]
    np.testing.assert_allclose([loss for _, loss in resumed], [loss for _, loss in curve], rtol=1e-3)
    (whole, _), (cut_weights, info) = weights(tmp_path / "whole.safetensors"), weights(tmp_path / "cut.safetensors")
    assert info.metadata["pairs"] == 32
    assert json.loads((tmp_path / "cut.log.json").read_text())["curve"] == [list(point) for point in resumed]
    assert not (tmp_path / "cut.partial.pt").exists()
    for name, value in whole.items():
        torch.testing.assert_close(cut_weights[name].float(), value.float(), rtol=1e-2, atol=2e-3, msg=name)


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
