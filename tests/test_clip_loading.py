"""`load`: names, tags, files, QuickGELU, TorchScript, precision; and every message for what cannot be loaded."""

import copy
import hashlib
import json
import logging
import pickle
import warnings
from pathlib import Path

import clip_tiny
import pytest
import torch

from ltnb import clip
from ltnb.clip import archives, mini
from ltnb.clip.precision import autocast, cpu_has_bf16, resolve_device, resolve_precision

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", autouse=True)
def tiny_architectures(tmp_path_factory):
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield


@pytest.fixture(scope="module")
def source():
    backbone = clip.load(clip_tiny.TINY, "random", precision="fp32", device="cpu", seed=5)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.mul_(2)  # large activations, where GELU and QuickGELU differ
    return backbone


def save(folder: Path, state, name="weights.pt") -> Path:
    path = folder / name
    torch.save(state, path)
    return path


def tiny(pretrained, name=clip_tiny.TINY, **options):
    return clip.load(name, pretrained, precision="fp32", device="cpu", **options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mini-vit", ("mini-vit", None)),
        (" mini-vit:random ", ("mini-vit", "random")),
        ("ViT-B-16-quickgelu:openai", ("ViT-B-16-quickgelu", "openai")),
        ("ViT-B-16:/data/a:b.pt", ("ViT-B-16", "/data/a:b.pt")),
        ("hf-hub:org/model", ("hf-hub:org/model", None)),
    ],
)
def test_parse_backbone(text, expected):
    assert clip.parse_backbone(text) == expected


@pytest.mark.parametrize("text", ["", ":openai", "ViT-B-16:", None])
def test_parse_backbone_names_what_is_wrong(text):
    with pytest.raises(ValueError, match="backbone"):
        clip.parse_backbone(text)


def test_half_precision_files_load_as_float32(source, tmp_path):
    path = save(tmp_path, {k: v.half() for k, v in source.model.state_dict().items()})
    loaded = tiny(path, quick_gelu=False)
    assert torch.allclose(loaded.encode_images(IMAGES), source.encode_images(IMAGES), atol=2e-3)
    assert loaded.pretrained == "weights.pt" and not loaded.training
    assert all(parameter.dtype == torch.float32 for parameter in loaded.parameters())


def test_safetensors_load(source, tmp_path):
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in source.model.state_dict().items()}, tmp_path / "w.safetensors")
    loaded = tiny(tmp_path / "w.safetensors", quick_gelu=False)
    assert torch.equal(loaded.encode_images(IMAGES), source.encode_images(IMAGES))
    assert loaded.weights_hash == source.weights_hash


def test_a_file_must_say_which_gelu(source, tmp_path):
    path = save(tmp_path, source.model.state_dict())
    with pytest.raises(ValueError, match=r"quick_gelu must be given.*weights\.pt"):
        tiny(path)
    with pytest.raises(ValueError, match="quick_gelu=False contradicts"):
        tiny(path, f"{clip_tiny.TINY}-quickgelu", quick_gelu=False)
    plain, quick = tiny(path, quick_gelu=False), tiny(path, quick_gelu=True)
    named = tiny(path, f"{clip_tiny.TINY}-quickgelu")
    assert (plain.quick_gelu, quick.quick_gelu, named.quick_gelu) == (False, True, True)
    assert torch.equal(quick.encode_images(IMAGES), named.encode_images(IMAGES))
    difference = (plain.encode_images(IMAGES) - quick.encode_images(IMAGES)).detach().abs().max()
    assert float(difference) > 1e-3
    assert not tiny(path, clip_tiny.TINY_CUSTOM).quick_gelu  # no twin: its configuration decides


def publish(monkeypatch, path, quick_gelu, models=(clip_tiny.TINY, f"{clip_tiny.TINY}-quickgelu"), digits=64):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:digits]
    config = {"quick_gelu": quick_gelu, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "interpolation": "bilinear"}
    known = archives.KnownArchive(digest, "openai", config, list(models))
    monkeypatch.setattr(archives, "known_archives", lambda: {digest: known})


@pytest.mark.parametrize("digits", [64, 8])
def test_a_published_archive_knows_its_gelu_and_its_preprocessing(source, tmp_path, monkeypatch, digits):
    path = save(tmp_path, source.model.state_dict())
    publish(monkeypatch, path, True, digits=digits)
    loaded = tiny(path)
    assert loaded.quick_gelu
    assert loaded.preprocessor.mean == (0.5, 0.5, 0.5) and loaded.preprocessor.interpolation == "bilinear"
    with pytest.raises(ValueError, match="quick_gelu=False is wrong"):
        tiny(path, quick_gelu=False)
    publish(monkeypatch, path, True, models=["RN50"])
    with pytest.raises(ValueError, match="holds the weights of RN50"):
        tiny(path)


def test_known_archives_are_those_that_open_clip_lists():
    known = archives.known_archives()
    whole = [archive for digits, archive in known.items() if len(digits) == 64]
    assert {model for archive in whole for model in archive.models} >= {"RN50", "ViT-B-16", "ViT-B-16-quickgelu"}
    assert all(archive.quick_gelu and archive.tag == "openai" for archive in whole)
    assert known["46683a32"].quick_gelu and known["46683a32"].tag == "laion400m_e32"


def scripted(source, folder) -> Path:
    """The model as OpenAI published theirs: traced, the causal mask a constant, three numbers beside the weights."""
    model = copy.deepcopy(source.model)
    mask = model._buffers.pop("attn_mask")
    model.attn_mask = mask
    for name in ("input_resolution", "context_length", "vocab_size"):
        model.__dict__.pop(name, None)
        model.register_buffer(name, torch.tensor(1))
    example = (torch.zeros(1, 3, 32, 32), torch.zeros(1, 16, dtype=torch.long))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive = torch.jit.trace(model, example, check_trace=False)
        archive.save(folder / "archive.pt")
    return folder / "archive.pt"


def test_torchscript_only_of_known_archives(source, tmp_path, monkeypatch):
    path = scripted(source, tmp_path)
    assert archives.is_torchscript(path) and not archives.is_torchscript(save(tmp_path, {}))
    for digits in (None, 8):  # eight digits identify a GELU kind, but are no reason to run code
        if digits:
            publish(monkeypatch, path, False, digits=digits)
        with pytest.raises(ValueError, match=r"TorchScript.*SHA-256"):
            tiny(path, quick_gelu=False)
    publish(monkeypatch, path, False)
    loaded = tiny(path)
    assert torch.equal(loaded.encode_images(IMAGES), source.encode_images(IMAGES))


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path(__file__).with_name("exploded"),))


def test_a_checkpoint_cannot_run_code(tmp_path):
    path = save(tmp_path, {"state_dict": {"a": torch.ones(1)}, "extra": Bomb()})
    with pytest.raises(ValueError, match="plain weights"):
        tiny(path, quick_gelu=False)
    assert not Path(__file__).with_name("exploded").exists()


def test_files_that_do_not_fit_are_named(source, tmp_path):
    state = source.model.state_dict()
    with pytest.raises(ValueError, match=r"a\.pt.*does not fit"):
        tiny(save(tmp_path, {k: v for k, v in state.items() if "ln_post" not in k}, "a.pt"), quick_gelu=False)
    (tmp_path / "b.pt").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match=r"b\.pt"):
        tiny(tmp_path / "b.pt", quick_gelu=False)
    (tmp_path / "c.pt").write_bytes(pickle.dumps([1, 2], protocol=2))
    with pytest.raises(ValueError, match=r"c\.pt"):
        tiny(tmp_path / "c.pt", quick_gelu=False)
    whole = save(tmp_path, state, "d.pt").read_bytes()
    (tmp_path / "d.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"d\.pt"):
        tiny(tmp_path / "d.pt", quick_gelu=False)
    import safetensors.torch

    safetensors.torch.save_file(state, tmp_path / "e.safetensors")
    whole = (tmp_path / "e.safetensors").read_bytes()
    (tmp_path / "e.safetensors").write_bytes(whole[: len(whole) // 2])
    for name, quick_gelu in ((clip_tiny.TINY, False), ("mini-vit", None)):
        with pytest.raises(ValueError, match=r"pretrained 'e\.safetensors' is damaged or no safetensors file") as error:
            tiny(tmp_path / "e.safetensors", name, quick_gelu=quick_gelu)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="not its folder"):
        tiny(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"missing\.pt.*does not exist"):
        tiny(tmp_path / "missing.pt")


def test_unknown_names_and_tags_are_answered_with_what_exists():
    with pytest.raises(ValueError, match=r"ViT-B16.*did you mean.*ViT-B-16"):
        clip.load("ViT-B16", "openai")
    with pytest.raises(ValueError, match=r"pretrained must be a tag.*'oponai'.*openai"):
        clip.load("RN50", "oponai")
    with pytest.raises(ValueError, match=r"pretrained must be a tag.*RN50.*openai"):
        clip.load("RN50")
    with pytest.raises(ValueError, match="quick_gelu=True is wrong"):
        clip.load("mini-vit", "random", quick_gelu=True)
    for name in (None, 3, ["mini-vit"]):
        with pytest.raises(ValueError, match="name must be a str, the name of an architecture, got"):
            clip.load(name)


def test_load_takes_the_names_of_a_lesson(source, tmp_path):
    random = clip.load("mini-vit:random", device="cpu", seed=3)
    assert (random.name, random.pretrained) == ("mini-vit", "random:3")
    path = save(tmp_path, source.model.state_dict())
    file = clip.load(f"{clip_tiny.TINY}:{path}", quick_gelu=False, device="cpu")
    assert (file.name, file.pretrained) == (clip_tiny.TINY, "weights.pt")
    assert file.weights_hash == source.weights_hash
    with pytest.raises(ValueError, match="backbone must be 'architecture' or 'architecture:tag', got 'mini-vit:'"):
        clip.load("mini-vit:")
    with pytest.raises(ValueError, match=r"RN50.*openai"):
        clip.load("RN50:oponai")


@pytest.fixture
def tagged(source, tmp_path, monkeypatch):
    """A tag of the tiny architectures, trained with QuickGELU, whose download is a local file."""
    from open_clip import pretrained

    config = {"url": "https://example.org/tiny.pt", "quick_gelu": True, "mean": (0.1, 0.2, 0.3), "std": (1.0, 1.0, 1.0)}
    for name in (clip_tiny.TINY, f"{clip_tiny.TINY}-quickgelu"):
        monkeypatch.setitem(pretrained._PRETRAINED, name, {"tag": config})
    path = save(tmp_path, source.model.state_dict())
    monkeypatch.setattr("open_clip.download_pretrained", lambda config, **_: str(path))


def test_a_tag_brings_its_gelu_and_its_preprocessing(tagged):
    exact = tiny("tag", f"{clip_tiny.TINY}-quickgelu")
    with pytest.warns(UserWarning, match=f"{clip_tiny.TINY}-quickgelu"):
        fixed = tiny("tag")
    assert exact.quick_gelu and fixed.quick_gelu and fixed.preprocessor.mean == (0.1, 0.2, 0.3)
    assert torch.equal(exact.encode_images(IMAGES), fixed.encode_images(IMAGES))
    with pytest.raises(ValueError, match="quick_gelu=False is wrong"):
        tiny("tag", quick_gelu=False)


def test_a_failed_download_is_one_message(tagged, monkeypatch, capfd):
    def offline(config, **_):
        raise OSError("Name or service not known")

    monkeypatch.setattr("open_clip.download_pretrained", offline)
    with pytest.raises(FileNotFoundError) as caught:
        tiny("tag", f"{clip_tiny.TINY}-quickgelu")
    for part in ("ltnb-tiny-quickgelu:tag", "https://example.org/tiny.pt", "ltnb.clip.load(", "pretrained=FILE"):
        assert part in str(caught.value)
    assert capfd.readouterr().err == ""


def test_loading_writes_nothing_and_leaves_logging_alone(capfd):
    root = logging.getLogger()
    before = list(root.handlers), logging.root.manager.disable
    tiny("random", clip_tiny.TINY_RESNET)
    assert (list(root.handlers), logging.root.manager.disable) == before
    assert capfd.readouterr() == ("", "")


def test_missing_mini_weights_say_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr(mini, "weights_path", lambda name, tag=None: tmp_path / f"{name}.safetensors")
    with pytest.raises(FileNotFoundError, match=r"mini-rn\.safetensors.*make weights"):
        clip.load("mini-rn")


def test_mini_models_load_from_the_shipped_place_and_from_files(monkeypatch, tmp_path):
    monkeypatch.setattr(mini, "weights_path", lambda name, tag=None: tmp_path / f"{name}.safetensors")
    model = mini.build_mini("mini-vit", seed=9)
    mini.register_mini_models()
    import open_clip

    ids = mini.vocabulary_ids(["a red frog"], open_clip.get_tokenizer("mini-vit"))
    path = mini.save_compact(model, ids, tmp_path / "mini-vit.safetensors", {"steps": 4})
    shipped, file = clip.load("mini-vit", device="cpu"), clip.load("mini-vit", path, device="cpu")
    random = clip.load("mini-vit", "random", device="cpu", seed=9)
    assert shipped.pretrained == "shipped" and shipped.metadata == {"steps": 4}
    assert shipped.weights_hash == file.weights_hash != random.weights_hash
    whole = clip.load("mini-vit", save(tmp_path, model.state_dict()), device="cpu")
    assert whole.weights_hash == random.weights_hash and random.pretrained == "random:9"
    assert not shipped.model.token_embedding.weight.requires_grad


def test_random_initialisation_follows_the_seed():
    one, same, other = (tiny("random", seed=seed) for seed in (1, 1, 2))
    assert one.weights_hash == same.weights_hash != other.weights_hash
    assert tiny("random", quick_gelu=True).quick_gelu and tiny("random", f"{clip_tiny.TINY}-quickgelu").quick_gelu


def test_precision_and_device():
    cpu = torch.device("cpu")
    assert resolve_precision("auto", cpu) == ("bf16" if cpu_has_bf16() else "fp32")
    assert (
        resolve_device(None) == resolve_device("auto") == torch.device("cuda" if torch.cuda.is_available() else "cpu")
    )
    for bad, message in (("fp64", "precision must be"), ("fp16", "needs a CUDA device")):
        with pytest.raises(ValueError, match=message):
            resolve_precision(bad, cpu)
    for bad in ("abacus", 2.5, ["cpu"]):
        with pytest.raises(ValueError, match="device must be 'auto', 'cpu'"):
            resolve_device(bad)
    with pytest.raises(ValueError, match="device must be available here, got 'cuda:99'.*use 'cpu' or 'auto'"):
        clip.load("mini-vit", "random", device="cuda:99")
    with torch.autocast("cpu", torch.bfloat16), autocast("fp32", cpu):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with autocast("bf16", cpu):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


def test_a_device_that_torch_does_not_have_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for device in ("cuda", "cuda:0", "meta"):
        with pytest.raises(ValueError, match=f"device must be available here, got '{device}': this torch .* sees 0"):
            resolve_device(device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")


def test_bf16_units_are_found_without_torchs_list(monkeypatch):
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: {"amx_bf16": False, "avx512_bf16": False, "avx2": True}, raising=False
    )
    assert not cpu_has_bf16()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert cpu_has_bf16()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    for text, expected in (("flags\t\t: sse avx512_bf16 x\n", True), ("Features\t: fp asimd\n", False)):
        monkeypatch.setattr(Path, "is_file", lambda self: True)
        monkeypatch.setattr(Path, "read_text", lambda self, text=text: text)
        assert cpu_has_bf16() is expected


def test_a_folder_with_its_own_configuration(source, tmp_path):
    import open_clip

    config = {"model_cfg": open_clip.get_model_config(clip_tiny.TINY), "preprocess_cfg": {"mean": [0.5, 0.5, 0.5]}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(FileNotFoundError, match="local-dir:"):
        clip.load(f"local-dir:{tmp_path}")
    save(tmp_path, source.model.state_dict(), "model.pth")
    loaded = clip.load(f"local-dir:{tmp_path}", device="cpu", precision="fp32")
    assert torch.equal(loaded.encode_images(IMAGES), source.encode_images(IMAGES))
    assert loaded.preprocessor.mean == (0.5, 0.5, 0.5) and not loaded.quick_gelu
    assert torch.allclose(loaded.encode_texts(["owl"]), source.encode_texts(["owl"]), atol=1e-6)
    with pytest.raises(ValueError, match="must be None"):
        clip.load(f"local-dir:{tmp_path}", "openai")


def test_a_folder_of_a_training_run_is_opened_like_a_file(source, tmp_path):
    import open_clip

    (tmp_path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": open_clip.get_model_config(clip_tiny.TINY)})
    )
    state = {f"module.{name}": value for name, value in source.model.state_dict().items()}
    save(tmp_path, {"epoch": 3, "state_dict": state, "optimizer": {}}, "epoch_3.pt")
    assert clip.load(f"local-dir:{tmp_path}", device="cpu").weights_hash == source.weights_hash
    save(tmp_path, {"model": {name: 2 * value for name, value in state.items()}}, "open_clip_pytorch_model.bin")
    assert clip.load(f"local-dir:{tmp_path}", device="cpu").weights_hash != source.weights_hash  # the usual name wins
    save(tmp_path, {"weight": torch.ones(3)}, "open_clip_model.safetensors")
    with pytest.raises(ValueError, match=r"open_clip_model\.safetensors"):
        clip.load(f"local-dir:{tmp_path}", device="cpu")


def test_shipped_weights_are_small_and_load():
    files = {name: path for name, path in mini.shipped_weights().items() if path.is_file()}
    if not files:
        pytest.skip("no shipped weights in ltnb/clip/weights: run `make weights`")
    assert sum(path.stat().st_size for path in next(iter(files.values())).parent.glob("*.safetensors")) <= 30e6
    for name in files:
        backbone = clip.load(name, device="cpu")
        assert backbone.pretrained == name.partition(":")[2] or backbone.pretrained == "shipped"
        assert backbone.metadata["model"] == backbone.name
    assert clip.load("mini-vit:90k").weights_hash != clip.load("mini-vit").weights_hash


def test_tags_of_a_mini_model_are_named():
    with pytest.raises(ValueError, match="90k"):
        clip.load("mini-vit", "91k")
