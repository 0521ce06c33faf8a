"""mini-CLIP: built by open_clip, stored with the vocabulary in use, expanded the same way every time."""

import clip_tiny
import pytest
import torch

from ltnb.clip import mini

TEXTS = ["a photo of a red frog", "a marsh owl, small and striped, in the snow"]


@pytest.fixture(scope="module")
def tokenizer():
    mini.register_mini_models()
    import open_clip

    return open_clip.get_tokenizer("mini-vit")


@pytest.fixture(scope="module", autouse=True)
def tiny_architectures(tmp_path_factory):
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield


@pytest.fixture(scope="module", params=mini.MINI_MODELS)
def named_model(request):
    return request.param, mini.build_mini(request.param, seed=3).eval()


@pytest.fixture(scope="module")
def ids(tokenizer):
    return mini.vocabulary_ids(TEXTS, tokenizer)


def tiny(seed=0):
    """A small stand-in with the same vocabulary."""
    import open_clip

    torch.manual_seed(seed)
    return open_clip.CLIP(**open_clip.get_model_config(clip_tiny.TINY)).eval()


def outputs(model, tokens):
    size = model.visual.image_size
    height, width = (size, size) if isinstance(size, int) else size
    images = torch.randn(3, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model.encode_image(images), model.encode_text(tokens)


def test_open_clip_builds_it_and_its_tokenizer_fits(named_model, tokenizer):
    name, model = named_model
    import open_clip

    assert isinstance(model, open_clip.CLIP)
    assert model.token_embedding.weight.shape[0] == mini.VOCABULARY == tokenizer.vocab_size
    assert tokenizer(TEXTS).shape[1] == model.context_length
    assert name in open_clip.list_models()


def test_the_seed_decides_and_the_global_generator_does_not():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = mini.build_mini("mini-vit", seed=3).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = mini.build_mini("mini-vit", seed=3).state_dict(), mini.build_mini("mini-vit", seed=4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["visual.conv1.weight"], other["visual.conv1.weight"])


def test_round_trip_keeps_the_outputs_within_half_precision(named_model, tokenizer, ids, tmp_path):
    name, model = named_model
    path = mini.save_compact(model, ids, tmp_path / "new" / "m.safetensors", {"steps": 7, "attributes": ["red"]})
    assert [file.name for file in path.parent.iterdir()] == ["m.safetensors"]
    assert path.stat().st_size < 15e6
    loaded = mini.build_mini(name)
    info = mini.load_compact(loaded.eval(), path)
    assert info.metadata == {"steps": 7, "attributes": ["red"]} and torch.equal(info.token_ids, ids)
    tokens = tokenizer(TEXTS)
    for new, old in zip(outputs(loaded, tokens), outputs(model, tokens), strict=True):
        assert torch.allclose(new, old, atol=5e-3 * float(old.abs().max()))
        assert not torch.equal(new, old)  # stored in half precision: exact equality would mean that nothing was loaded
    state = loaded.state_dict()
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items() if value.ndim <= 1)


def test_unseen_rows_have_the_statistics_of_the_seen_and_are_the_same_every_time(tokenizer, tmp_path):
    model = tiny(1)
    width = model.token_embedding.weight.shape[1]
    ids = mini.vocabulary_ids([" ".join(f"word{i}" for i in range(200))], tokenizer)
    with torch.no_grad():
        model.token_embedding.weight.mul_(torch.linspace(1, 50, width)).add_(torch.linspace(-2, 2, width))
    path = mini.save_compact(model, ids, tmp_path / "m.safetensors", {})
    first, second, other = (tiny(i) for i in range(3))
    mini.load_compact(first, path)
    mini.load_compact(second, path)
    mini.load_compact(other, path, seed=1)
    table = first.token_embedding.weight.detach()
    assert torch.equal(table, second.token_embedding.weight)
    seen = torch.zeros(mini.VOCABULARY, dtype=torch.bool)
    seen[ids] = True
    assert torch.equal(table[seen], model.token_embedding.weight.detach()[seen].half().float())
    assert not torch.equal(table[~seen], other.token_embedding.weight[~seen])
    count = int((~seen).sum())
    mean, std = table[seen].mean(0), table[seen].std(0)
    assert bool(((table[~seen].mean(0) - mean).abs() < 5 * std / count**0.5).all())
    assert bool(((table[~seen].std(0) / std - 1).abs() < 5 / (2 * count) ** 0.5).all())


def test_a_shrunk_vocabulary_computes_the_same_and_saves_the_same(tokenizer, ids, tmp_path):
    full, shrunk = tiny(2), tiny(2)
    mapping = mini.shrink_vocabulary(shrunk, ids.flip(0))
    assert shrunk.token_embedding.weight.shape[0] == len(ids) and shrunk.token_embedding.weight.requires_grad
    tokens = tokenizer(TEXTS, context_length=16)
    assert torch.equal(full.encode_text(tokens), shrunk.encode_text(mapping(tokens)))
    one = mini.save_compact(full, ids, tmp_path / "one.safetensors", {"a": 1})
    two = mini.save_compact(shrunk, mapping.token_ids, tmp_path / "two.safetensors", {"a": 1})
    assert one.read_bytes() == two.read_bytes()


def test_vocabulary_holds_what_every_text_needs(tokenizer):
    ids = mini.vocabulary_ids(["frog"], tokenizer)
    assert ids.tolist() == sorted({0, 49406, 49407, *tokenizer.encode("frog")})
    with pytest.raises(ValueError, match="outside the vocabulary"):
        mini.VocabularyMap(ids)(tokenizer(["owl"]))


@pytest.mark.parametrize(
    ("bad", "message"),
    [([], "non-empty"), ([0, 49406, 49407, 49408], "49408"), ([0, 5, 49406], "end"), ([-1, 0, 49406, 49407], "-1")],
)
def test_bad_token_ids_are_named(bad, message):
    with pytest.raises(ValueError, match=f"token_ids.*{message}"):
        mini.VocabularyMap(bad)


def test_bad_files_and_weights_are_named(ids, tmp_path):
    model = tiny()
    with pytest.raises(ValueError, match="name must be one of"):
        mini.build_mini("mini-swin")
    (tmp_path / "text.safetensors").write_text("not a weight file")
    with pytest.raises(ValueError, match="compact file"):
        mini.load_compact(model, tmp_path / "text.safetensors")
    state = {key: value for key, value in model.state_dict().items() if "ln_post" not in key}
    other = type("Other", (torch.nn.Module,), {"state_dict": lambda self: dict(state)})()
    path = mini.save_compact(other, ids, tmp_path / "other.safetensors", {})
    with pytest.raises(ValueError, match="does not fit"):
        mini.load_compact(model, path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="compact file"):
        mini.load_compact(model, path)
    with torch.no_grad():
        model.visual.proj[0, 0] = 1e6
    with pytest.raises(ValueError, match="visual.proj.*finite"):
        mini.save_compact(model, ids, tmp_path / "bad.safetensors", {})
    assert not (tmp_path / "bad.safetensors").exists()


def test_a_text_tower_may_lie_in_the_file_beside(ids, tmp_path):
    whole, other = mini.build_mini("mini-vit-s", seed=1), mini.build_mini("mini-vit-s", seed=2)
    for name, tensor in other.state_dict().items():
        if not name.startswith("visual."):
            tensor.copy_(whole.state_dict()[name])
    source = mini.save_compact(whole, ids, tmp_path / "source.safetensors", {})
    with pytest.raises(ValueError, match="text_from"):
        mini.save_compact(other, ids, tmp_path / "small.safetensors", {}, with_text=False)
    full = mini.save_compact(other, ids, tmp_path / "full.safetensors", {})
    small = mini.save_compact(other, ids, tmp_path / "small.safetensors", {"text_from": "source"}, with_text=False)
    assert small.stat().st_size < full.stat().st_size - source.stat().st_size / 2
    expected, found = mini.build_mini("mini-vit-s"), mini.build_mini("mini-vit-s", seed=9)
    mini.load_compact(expected, full)
    info = mini.load_compact(found, small)
    assert torch.equal(info.token_ids, ids) and info.metadata == {"text_from": "source"}
    state = found.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in expected.state_dict().items())
    source.unlink()
    with pytest.raises(FileNotFoundError, match="source.safetensors"):
        mini.load_compact(found, small)
