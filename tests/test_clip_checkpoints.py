"""Checkpoints as training scripts write them: made by the very tools that wrap and prefix, then loaded."""

import argparse
import copy
from pathlib import PosixPath

import clip_tiny
import numpy as np
import pytest
import torch
from torch import nn

from ltnb import clip


@pytest.fixture(scope="module", autouse=True)
def tiny_architectures(tmp_path_factory):
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield


def tiny(pretrained, name=clip_tiny.TINY, **options):
    gelu = None if pretrained == "random" or name != clip_tiny.TINY else False
    return clip.load(name, pretrained, precision="fp32", device="cpu", quick_gelu=gelu, **options)


@pytest.fixture(scope="module")
def tuned():
    """What a script has after training."""
    return tiny("random", seed=5)


@pytest.fixture(scope="module")
def averaged(tuned):
    """An exponential moving average of its weights."""
    return {name: value * 0.5 for name, value in tuned.model.state_dict().items()}


def save(folder, content):
    torch.save(content, folder / "w.pt")
    return folder / "w.pt"


class Classifier(nn.Module):
    """A user's module around a CLIP."""

    def __init__(self, name, model):
        super().__init__()
        self.add_module(name, model)


def trained(model):
    """State of an optimiser that has made a step."""
    optimizer = torch.optim.AdamW([p for n, p in model.named_parameters() if "ln_" in n])
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return optimizer.state_dict()


def compiled_inside(model):
    model = copy.deepcopy(model)
    model.visual = torch.compile(model.visual)
    return model.state_dict()


def checkpointed_inside(model):
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    model = copy.deepcopy(model)
    model.transformer.resblocks[0] = checkpoint_wrapper(model.transformer.resblocks[0])
    names = model.transformer.resblocks.state_dict().keys()  # this wrapper takes its own prefix off again
    assert not any("_checkpoint_wrapped" in name for name in names)
    return {f"transformer.resblocks.0._checkpoint_wrapped_module.{n[24:]}" if n.startswith("transformer.resblocks.0.")
            else n: v for n, v in model.state_dict().items()}  # fmt: skip


def prefixed(prefix, state):
    return {f"{prefix}{name}": value for name, value in state.items()}


WRITERS = {
    "plain": lambda m: m.state_dict(),
    **{
        key: lambda m, key=key: {"epoch": 3, "optimizer": trained(copy.deepcopy(m)), key: m.state_dict(), "best": 0.7}
        for key in ("model", "model_state_dict", "state_dict", "net", "ema", "model_ema", "module", "anything")
    },
    "DataParallel": lambda m: nn.DataParallel(m).state_dict(),
    "DataParallel in a dictionary": lambda m: {"epoch": 3, "state_dict": nn.DataParallel(m).state_dict()},
    "compiled": lambda m: torch.compile(m).state_dict(),
    "compiled DataParallel": lambda m: {"model": nn.DataParallel(torch.compile(m)).state_dict()},
    "one tower compiled": compiled_inside,
    "activation checkpointing": checkpointed_inside,
    "a user's module": lambda m: Classifier("clip", m).state_dict(),
    "Lightning": lambda m: {
        "epoch": 1,
        "global_step": 20,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": Classifier("model", m).state_dict(),
        "optimizer_states": [trained(copy.deepcopy(m))],
        "lr_schedulers": [{"last_epoch": 3}],
        "hyper_parameters": {"lr": 1e-3, "name": "clip"},
    },
    "Lightning around a user's module": lambda m: {
        "state_dict": Classifier("model", Classifier("clip", torch.compile(m))).state_dict()
    },
    "deep": lambda m: {"a": {"b": {"c": prefixed("x.y.", m.state_dict())}}},
    "argparse settings and NumPy's numbers beside": lambda m: {
        "model": m.state_dict(),
        "args": argparse.Namespace(lr=1e-3, betas=(0.9, 0.98)),
        "best_acc1": np.float64(0.5),
        "worst": np.float32(0.25),
        "epoch": np.int64(3),
    },
    "states of random numbers, arrays and paths beside": lambda m: {
        "model": m.state_dict(),
        "rng": {"torch": torch.get_rng_state(), "numpy": np.random.get_state()},
        "curve": np.zeros((2, 3), np.float32),
        "names": np.asarray(["owl", "newt"]),
        "out": PosixPath("runs/1"),
    },
    "parameters, not tensors": lambda m: {"model": dict(m.named_parameters())},
}

if not hasattr(torch.serialization, "safe_globals"):  # torch 2.4 cannot be told that such settings are harmless
    del WRITERS["argparse settings and NumPy's numbers beside"]


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_every_usual_layout_loads(tuned, tmp_path, writer, recwarn):
    loaded = tiny(save(tmp_path, writer(tuned.model)))
    assert loaded.weights_hash == tuned.weights_hash
    assert not [w for w in recwarn.list if issubclass(w.category, UserWarning)]


@pytest.mark.parametrize("writer", ["DataParallel", "compiled", "a user's module"])
def test_layouts_of_one_level_load_from_safetensors(tuned, tmp_path, writer):
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in WRITERS[writer](tuned.model).items()}, tmp_path / "w.safetensors")
    assert tiny(tmp_path / "w.safetensors").weights_hash == tuned.weights_hash


@pytest.mark.parametrize("name", ["mini-vit", clip_tiny.TINY_RESNET, clip_tiny.TINY_CUSTOM])
def test_other_architectures_load_alike(tmp_path, name):
    model = tiny("random", name, seed=5)
    for writer in ("Lightning", "compiled DataParallel"):
        assert tiny(save(tmp_path, WRITERS[writer](model.model)), name).weights_hash == model.weights_hash


def test_an_old_file_loads_into_the_layout_with_a_text_tower_of_its_own(tuned, tmp_path):
    loaded = tiny(save(tmp_path, {"model": prefixed("module.", tuned.model.state_dict())}), clip_tiny.TINY_CUSTOM)
    assert torch.equal(loaded.encode_texts(["a red owl"]), tuned.encode_texts(["a red owl"]))


PAIRS = {
    "beside": lambda plain, ema: {"model": plain, "model_ema": ema},
    "before": lambda plain, ema: {"ema": {"shadow": ema, "decay": 0.99}, "net": plain},
    "timm": lambda plain, ema: {"state_dict_ema": prefixed("module.", ema), "state_dict": plain},
    "in one dictionary": lambda plain, ema: prefixed("ema_model.", ema) | prefixed("online_model.", plain),
    "teacher": lambda plain, ema: {"teacher": ema, "student": plain},
    "momentum": lambda plain, ema: prefixed("momentum_encoder.", ema) | prefixed("query_encoder.", plain),
    "optimiser": lambda plain, ema: {"exp_avg": ema, "model": plain},
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_plain_weights_are_taken_before_averaged_ones_and_that_is_said(tuned, averaged, tmp_path, pair):
    content = pair(tuned.model.state_dict(), averaged)
    with pytest.warns(UserWarning, match=r"w\.pt holds 2 sets of weights that fit: .* is loaded, not ") as caught:
        assert tiny(save(tmp_path, content)).weights_hash == tuned.weights_hash
    assert len(caught) == 1
    loaded, other = str(caught[0].message).partition(" is loaded, not ")[::2]
    assert (
        any(word in other for word in ("ema", "shadow", "teacher", "momentum", "exp_avg"))
        and "teacher" not in loaded.lower()
    )


def test_averaged_weights_alone_are_loaded(tuned, tmp_path):
    average = torch.optim.swa_utils.AveragedModel(tuned.model)
    with pytest.warns(UserWarning, match=r"w\.pt: module\.\* is loaded, not n_averaged$"):
        assert tiny(save(tmp_path, average.state_dict())).weights_hash == tuned.weights_hash


def test_what_lies_beside_the_model_is_said(tuned, tmp_path):
    task = Classifier("clip", tuned.model)
    task.head = nn.Linear(24, 3)
    with pytest.warns(UserWarning, match=r"w\.pt: state_dict > clip\.\* is loaded, not head\.weight, head\.bias$"):
        assert tiny(save(tmp_path, {"state_dict": task.state_dict()})).weights_hash == tuned.weights_hash


REFUSED = {
    "another model": (lambda m: nn.Linear(2, 3).state_dict(), "holds 2 keys: weight, bias"),
    "another model inside": (
        lambda m: {"model": nn.Linear(2, 3).state_dict(), "epoch": 3, "optimizer": {}},
        "holds 3 keys: model, epoch, optimizer",
    ),
    "half a model": (
        lambda m: {"net": m.visual.state_dict() | {"logit_scale": m.logit_scale}, "epoch": 3},
        "holds 2 keys: net, epoch",
    ),
    "a name too many": (
        lambda m: {**m.state_dict(), "head.weight": torch.ones(3)},
        r'Unexpected key\(s\) in state_dict: "head.weight".*holds \d+ keys: .* and \d+ more',
    ),
    "an optimiser alone": (lambda m: trained(copy.deepcopy(m)), "holds 2 keys: state, param_groups"),
    "no dictionary": (lambda m: [1, 2, 3], "holds an object of class list"),
    "a tensor": (lambda m: torch.ones(3), "holds an object of class Tensor"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore:w.pt")
def test_what_does_not_fit_is_answered_with_what_the_file_holds(tuned, tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"pretrained 'w\.pt' does not fit the architecture: .*{message}") as error:
        tiny(save(tmp_path, content(tuned.model)))
    assert "\n" not in str(error.value) and len(str(error.value)) < 700


@pytest.mark.parametrize("name", ["w.pt", "w.SAFETENSORS", "w.bin", "w"])
def test_the_content_tells_the_format_not_the_suffix(tuned, tmp_path, name):
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in tuned.model.state_dict().items()}, tmp_path / name)
    assert tiny(tmp_path / name).weights_hash == tuned.weights_hash


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "it is empty"), (b"<html>404", "it begins with b'<html>404'"), (b"version https://git-lfs.", "git-lfs")],
)
def test_what_is_no_checkpoint_shows_how_it_begins(tmp_path, content, message):
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"'w\.pt' is no checkpoint: .*{message}"):
        tiny(tmp_path / "w.pt")


class Settings:
    """A class of a user's own."""


def test_objects_that_would_run_code_are_named_and_refused(tuned, tmp_path):
    path = save(tmp_path, {"model": tuned.model.state_dict(), "settings": Settings()})
    with pytest.raises(ValueError, match=r"'w\.pt' .*holds objects \(\S*Settings\) beside them: save a state dict"):
        tiny(path)


# Tables of positions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "compact"),
    [
        (clip_tiny.TINY, False),
        (clip_tiny.TINY_RESNET, False),
        ("mini-vit", False),
        ("mini-vit", True),
        ("mini-rn", True),
    ],
)
def test_a_file_of_another_input_size_is_loaded_as_it_was_saved(tmp_path, name, compact, recwarn):
    from ltnb.clip import mini

    model = tiny("random", name, seed=5)
    native = model.image_size
    model.set_image_size(2 * native)
    path = save(tmp_path, {"model": prefixed("module.", model.model.state_dict())})
    if compact:
        path = mini.save_compact(model.model, [0, 5, 49406, 49407], tmp_path / "w.safetensors", {})
    loaded = tiny(path, name, image_size=2 * native)
    assert not [w for w in recwarn.list if issubclass(w.category, UserWarning)]
    assert loaded.image_size == loaded.preprocessor.size[0] == 2 * native
    images = torch.randn(2, 3, 2 * native, 2 * native, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        loaded.encode_images(images), model.encode_images(images), rtol=0, atol=2e-3 if compact else 0
    )
    sizes = f"saved for pictures of {2 * native}x{2 * native} pixels: .* is interpolated to {native}x{native}"
    with pytest.warns(UserWarning, match=sizes) as caught:
        smaller = tiny(path, name)
    assert len(caught) == 1 and smaller.image_size == smaller.preprocessor.size[0] == native
    model.set_image_size(native)  # the same table, resized once
    images = images[..., :native, :native]
    torch.testing.assert_close(
        smaller.encode_images(images), model.encode_images(images), rtol=0, atol=2e-3 if compact else 0
    )


def test_sizes_that_the_caller_asks_for_are_said_where_weights_are_loaded(tuned, tmp_path, recwarn):
    assert tiny("random", image_size=64).image_size == 64 and not recwarn.list
    with pytest.warns(UserWarning, match=r"32x32 pixels: .* interpolated to 64x64; image_size=32 takes it as it is"):
        tiny(save(tmp_path, tuned.model.state_dict()), image_size=64)


@pytest.mark.parametrize("length", [9, 31])
@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_CUSTOM])
def test_a_text_table_of_another_length_is_refused_with_both(tmp_path, name, length):
    state = tiny("random", name).model.state_dict()
    key = "positional_embedding" if "positional_embedding" in state else "text.positional_embedding"
    state[key] = torch.randn(length, 32)
    with pytest.raises(ValueError, match=f"'w.pt' reads texts of {length} tokens, the architecture 16"):
        tiny(save(tmp_path, {"model": state}), name)
