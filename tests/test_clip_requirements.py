"""What an architecture needs beyond open_clip, told from its configuration; and nothing is downloaded before."""

import importlib.util
import json

import clip_tiny
import pytest

from ltnb import clip
from ltnb.clip import loading, mini, prompts
from ltnb.clip.requirements import needed

EXPECTED = {
    "ViT-B-16": set(),
    "RN50": set(),
    "coca_ViT-B-32": set(),
    "convnext_base": {"timm"},
    "ViT-B-16-SigLIP": {"timm", "transformers"},
    "ViT-B-16-SigLIP2": {"timm", "transformers"},
    "roberta-ViT-B-32": {"transformers"},
    "xlm-roberta-base-ViT-B-32": {"transformers"},
    "ViT-H-14-CLIPA": {"transformers"},
    "nllb-clip-base-siglip": {"timm", "transformers"},
    "mt5-base-ViT-B-32": {"transformers", "sentencepiece", "google.protobuf"},
    "ViT-L-14-worldwide": {"transformers", "sentencepiece", "google.protobuf"},
}


@pytest.fixture(scope="module", autouse=True)
def tiny_architectures(tmp_path_factory):
    mini.register_mini_models()
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield


def config(name):
    import open_clip

    return open_clip.get_model_config(name)


@pytest.mark.parametrize("name", EXPECTED)
def test_packages_follow_from_the_configuration(name):
    assert set(needed(name, config(name))) == EXPECTED[name]


def test_every_architecture_is_understood():
    """Whatever open_clip would import for the parts that a configuration names is asked for."""
    import open_clip

    for name in open_clip.list_models():
        text, vision = config(name)["text_cfg"], config(name)["vision_cfg"]
        hub = any(value for key, value in text.items() if key in ("hf_tokenizer_name", "hf_model_name"))
        found = needed(name, config(name))
        assert ("transformers" in found) == hub, name
        assert ("timm" in found) == bool(vision.get("timm_model_name")), name


def test_names_and_settings_that_choose_a_tokenizer():
    assert set(needed("my-siglip", {})) == {"transformers", "sentencepiece", "google.protobuf"}
    masked = {"text_cfg": {"tokenizer_kwargs": {"reduction_mask": "syntax"}}}
    assert set(needed("x", masked)) == {"nltk"} and not needed("x", {"text_cfg": {"tokenizer_kwargs": {}}})


@pytest.fixture
def without(monkeypatch):
    """Makes modules look as if they were not installed, and every download and build an error."""
    real = importlib.util.find_spec

    def hide(*modules):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in modules else real(name))

    def fails(*_, **__):
        raise AssertionError("nothing is to be downloaded or built")

    for name in ("open_clip.download_pretrained", "open_clip.create_model", "open_clip.get_tokenizer"):
        monkeypatch.setattr(name, fails)
    return hide


@pytest.mark.parametrize(
    ("name", "pretrained", "missing", "line"),
    [
        ("ViT-B-16-SigLIP", "webli", ["transformers"], "pip install transformers"),
        ("ViT-B-16-SigLIP", "random", ["transformers", "timm"], "pip install timm transformers"),
        ("convnext_base", "laion400m_s13b_b51k", ["timm"], "pip install timm"),
        (
            "mt5-base-ViT-B-32",
            "random",
            ["transformers", "sentencepiece", "google.protobuf"],
            "pip install transformers sentencepiece protobuf",
        ),
    ],
)
def test_the_missing_one_and_its_pip_line_come_before_any_download(without, name, pretrained, missing, line):
    without(*missing)
    with pytest.raises(ModuleNotFoundError, match=rf"^{name} needs .*: {line}$") as error:
        clip.load(name, pretrained, device="cpu")
    assert error.value.name in missing


def test_folders_with_their_own_configuration_ask_too(without, tmp_path):
    without("transformers")
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config("ViT-B-16-SigLIP")}))
    (tmp_path / "model.pth").write_bytes(b"")
    with pytest.raises(ModuleNotFoundError, match="^local-dir:.* needs transformers: pip install transformers$"):
        clip.load(f"local-dir:{tmp_path}")


def test_open_clip_itself_is_named(without, monkeypatch):
    without("open_clip")
    for ask in (lambda: clip.load("mini-vit"), clip.clip_templates, lambda: mini.build_mini("mini-vit")):
        with pytest.raises(ModuleNotFoundError, match="needs open_clip_torch: pip install open_clip_torch"):
            ask()
    assert prompts.TEMPLATES


def test_a_tokenizer_that_cannot_be_fetched_is_one_message(monkeypatch):
    def offline(_):
        raise OSError("We couldn't connect\nand much more")

    monkeypatch.setattr("open_clip.get_tokenizer", offline)
    with pytest.raises(
        FileNotFoundError, match=r"tokenizer of 'mini-vit' is not here .*\(OSError: We couldn't connect\)$"
    ):
        loading._tokenizer("mini-vit")
