"""`ContextPrompt`: with words as context it is `encode_texts`; it has a gradient of its own and leaves no trace."""

from __future__ import annotations

import copy

import clip_tiny
import pytest
import torch
from torch.nn import functional

from ltnb import clip, data
from ltnb.clip import towers
from ltnb.tuning import ContextPrompt

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA"))]
NAMES = ["frog", "red marsh owl", "x"]  # of unlike length; the last is the placeholder's own word
WORDS = "a photo of a"


@pytest.fixture(scope="module", autouse=True)
def tiny_architectures(tmp_path_factory):
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield


def tiny(name=clip_tiny.TINY, device="cpu", precision="fp32"):
    return clip.load(name, "random", precision=precision, device=device)


def frozen(backbone):
    backbone.set_trainable(image=False, text=False)
    return backbone


@pytest.fixture(scope="module")
def vit():
    return frozen(tiny())


@pytest.fixture(scope="module")
def mini_vit():
    return frozen(clip.load("mini-vit", device="cpu", precision="fp32"))


def token_embedding(backbone):
    return towers.text_module(backbone.model).token_embedding


class LastPool(torch.nn.Module):
    """A model with SigLIP's kind of text tower or CoCa's: nothing of the padding may be dropped."""

    def __init__(self, **options):
        super().__init__()
        from open_clip.transformer import TextTransformer

        self.text = TextTransformer(context_length=16, width=32, heads=2, layers=1, output_dim=8, **options)
        self.logit_scale = torch.nn.Parameter(torch.zeros(()))

    def encode_text(self, tokens, normalize=False):
        return self.text(tokens)


class NoStartTokenizer:
    """A tokenizer of SigLIP's kind: no start token, and the end token pads; a long text may end without one."""

    def __init__(self, inner, always_ends=True):
        self.inner = inner
        self.always_ends = always_ends

    def __call__(self, texts, context_length=None):
        length = context_length or 16
        rows = [(self.inner.encode(text)[: length - self.always_ends] + [1] * length)[:length] for text in texts]
        return torch.tensor(rows)


# Limit case: the context is words ---------------------------------------------------------------------------------


def assert_is_encode_texts(backbone, names=NAMES):
    sentences = [f"{WORDS} {name}." for name in names]
    encode = getattr(backbone.tokenizer, "inner", backbone.tokenizer).encode
    prompt = ContextPrompt(backbone, names, init=WORDS)
    by_hand = ContextPrompt(backbone, names, n_ctx=4, seed=1)
    width = token_embedding(backbone).weight.shape[1]
    assert prompt.context.shape == by_hand.context.shape == (4, width) and prompt.context.dtype == torch.float32
    with torch.no_grad():
        assert not torch.allclose(by_hand(), prompt(), atol=1e-3)
        by_hand.context.copy_(token_embedding(backbone).weight[encode(WORDS)])
        for ours in (prompt, by_hand):
            assert torch.equal(ours(), backbone.encode_texts(sentences))
            assert torch.equal(ours(normalize=False), backbone.encode_texts(sentences, normalize=False))
    assert prompt().requires_grad and prompt().dtype == torch.float32
    assert torch.allclose(prompt().norm(dim=-1), torch.ones(len(names)), atol=1e-6)


@pytest.mark.filterwarnings("ignore:mini-:UserWarning")
def test_words_as_context_give_encode_texts_for_mini_vit(mini_vit):
    assert_is_encode_texts(mini_vit)


@pytest.mark.filterwarnings("ignore:mini-:UserWarning")
def test_words_as_context_give_encode_texts_for_mini_rn():
    assert_is_encode_texts(clip.load("mini-rn", device="cpu", precision="fp32"))


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_CUSTOM])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_words_as_context_give_encode_texts_for_both_layouts(name, precision):
    assert_is_encode_texts(tiny(name, precision=precision))


@pytest.mark.parametrize("options", [{"no_causal_mask": True, "pool_type": "last"}, {"embed_cls": True}])
@pytest.mark.parametrize("tokenizer", [lambda inner: inner, NoStartTokenizer])
def test_words_as_context_give_encode_texts_for_untrimmed_towers(options, tokenizer):
    backbone = tiny(clip_tiny.TINY_CUSTOM)
    backbone.model, backbone.tokenizer = LastPool(vocab_size=49408, **options), tokenizer(backbone.tokenizer)
    assert not towers.is_trimmable(backbone.model)
    assert_is_encode_texts(backbone)


def test_padding_is_dropped(vit):
    prompt, widths = ContextPrompt(vit, NAMES, n_ctx=5), []
    with vit.model.transformer.resblocks[0].register_forward_pre_hook(lambda _, x: widths.append(x[0].shape[1])):
        prompt()
    assert widths == [1 + 5 + 3 + 1 + 1]


def test_chunks_of_classes_change_nothing(vit):
    whole, sizes = ContextPrompt(vit, NAMES, n_ctx=3)(), []
    in_parts = ContextPrompt(vit, NAMES, n_ctx=3, chunk=2)
    with vit.model.transformer.resblocks[0].register_forward_pre_hook(lambda _, x: sizes.append(x[0].shape[0])):
        torch.testing.assert_close(in_parts(), whole, rtol=1e-5, atol=1e-6)
    assert sizes == [2, 1]


def test_a_generator_gives_the_seed(vit):
    one, same, other = (
        ContextPrompt(vit, NAMES, n_ctx=3, generator=torch.Generator().manual_seed(seed)).context for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)
    with pytest.raises(ValueError, match="seed must be left out where a generator is given, got 3"):
        ContextPrompt(vit, NAMES, seed=3, generator=torch.Generator())


def test_the_backbones_precision_holds_inside_another_autocast(vit):
    prompt = ContextPrompt(vit, NAMES, n_ctx=4)
    alone = prompt()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(prompt(), alone)


# Gradient and training -----------------------------------------------------------------------------------------------


def test_gradient_is_that_of_the_function():
    backbone = tiny().double()
    prompt = ContextPrompt(backbone, NAMES[:2], n_ctx=2)
    assert prompt.context.dtype == prompt().dtype == torch.float64
    context = (prompt.context.detach() * 10).requires_grad_()  # finite differences want no tiny inputs

    def weights(context):
        return torch.func.functional_call(prompt, {"context": context}, ())

    assert torch.autograd.gradcheck(weights, (context,), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_CUSTOM])
def test_gradient_reaches_only_the_context(name):
    backbone = frozen(tiny(name))
    prompt = ContextPrompt(backbone, NAMES, n_ctx=4)
    assert [name for name, _ in prompt.named_parameters()] == list(prompt.state_dict()) == ["context"]
    assert not list(prompt.children())
    prompt()[:, 0].sum().backward()
    assert bool((prompt.context.grad.norm(dim=1) > 0).all())
    assert all(parameter.grad is None for parameter in backbone.parameters())


def test_training_lowers_cross_entropy(mini_vit):
    world = data.load("critters_lt")
    indices = torch.arange(0, len(world.test), len(world.test) // 24)
    pictures, labels = zip(*(world.test[int(i)] for i in indices), strict=True)
    labels = torch.tensor(labels)
    with torch.no_grad():
        images = mini_vit.encode_images(mini_vit.preprocess(torch.stack(pictures)))
    before = mini_vit.weights_hash
    prompt = ContextPrompt(mini_vit, world.class_names, n_ctx=4)
    optimizer = torch.optim.Adam(prompt.parameters(), lr=0.01)
    losses = []
    for _ in range(6):
        loss = functional.cross_entropy(mini_vit.logit_scale * images @ prompt().T, labels)
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]
    assert mini_vit.weights_hash == before


# No trace ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_CUSTOM])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_backbone_is_left_as_it_was(name, error):
    backbone = frozen(tiny(name))
    sentences = [*NAMES, " ".join(["X"] * 12)]
    before, weights = backbone.encode_texts(sentences), backbone.weights_hash
    seen = []
    mine = token_embedding(backbone).register_forward_hook(lambda _, __, out: seen.append(out.shape))
    prompt = ContextPrompt(backbone, NAMES, n_ctx=4)
    prompt().sum().backward()
    assert len(seen) == 1 and len(token_embedding(backbone)._forward_hooks) == 1
    assert torch.equal(backbone.encode_texts(sentences), before)

    def fail(*_):
        raise error

    block = towers.text_module(backbone.model).transformer.resblocks[0]
    with block.register_forward_pre_hook(fail), pytest.raises(error):
        prompt()
    assert list(token_embedding(backbone)._forward_hooks) == [mine.id]
    assert torch.equal(backbone.encode_texts(sentences), before)
    assert backbone.weights_hash == weights and not backbone.training


# State ---------------------------------------------------------------------------------------------------------------


def test_the_draw_follows_the_seed_alone(vit):
    state = torch.get_rng_state()
    one, same, other = (ContextPrompt(vit, ["frog"] * 2, n_ctx=9, seed=seed).context for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.shape == (9, 32) and abs(float(one.detach().std()) - 0.02) < 0.02 * 4 / (2 * one.numel()) ** 0.5
    assert abs(float(one.detach().mean())) < 0.02 * 4 / one.numel() ** 0.5


def test_sixteen_context_tokens_by_default(mini_vit):
    prompt = ContextPrompt(mini_vit, ["red frog"])
    assert prompt.n_ctx == 16 and prompt.class_names == ["red frog"] and prompt().shape == (1, mini_vit.embed_dim)
    assert "n_ctx=16, classes=1, backbone=mini-vit" in repr(prompt)


def test_state_dict_round_trip(vit):
    one, two = (ContextPrompt(vit, NAMES, n_ctx=4, seed=seed) for seed in (1, 2))
    expected = one()
    assert not torch.allclose(two(), expected, atol=1e-4)
    two.load_state_dict(one.state_dict())
    assert torch.equal(two(), expected)
    assert torch.equal(copy.deepcopy(one)(), expected)
    with pytest.raises(RuntimeError, match="size mismatch for context"):
        ContextPrompt(vit, NAMES, n_ctx=5).load_state_dict(one.state_dict())


@pytest.mark.parametrize("device", DEVICES)
def test_device_moves(device):
    backbone = frozen(tiny())
    prompt = ContextPrompt(backbone, NAMES, n_ctx=4)
    expected = prompt().detach()
    prompt.to(device)
    for _ in range(2):  # the backbone on the CPU, then on the device as well
        out = prompt()
        assert out.device == prompt.context.device and out.device.type == device
        torch.testing.assert_close(out.detach().cpu(), expected, rtol=1e-4, atol=1e-5)
        prompt.context.grad = None
        out[:, 0].sum().backward()
        assert prompt.context.grad.device.type == device
        backbone.to(device)
    assert ContextPrompt(backbone, NAMES, n_ctx=4).context.device.type == device


# Bad input -----------------------------------------------------------------------------------------------------------

LONG = "owl " * 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": torch.nn.Linear(2, 2)}, "backbone must be a Backbone from ltnb.clip.load, got .* class Linear"),
        ({"class_names": []}, r"class_names must be a non-empty list of str, got \[\]"),
        ({"class_names": "frog"}, "class_names must be a non-empty list of str, got frog"),
        ({"class_names": ["frog", 3]}, "class_names must be a non-empty list of str"),
        ({"class_names": None}, "class_names must be a non-empty list of str, got None"),
        ({"n_ctx": 0}, "n_ctx must be an integer >= 1, got 0"),
        ({"n_ctx": -2}, "n_ctx must be an integer >= 1, got -2"),
        ({"n_ctx": 2.0}, r"n_ctx must be an integer >= 1, got 2\.0"),
        ({"n_ctx": True}, "n_ctx must be an integer >= 1, got True"),
        ({"n_ctx": 13}, "n_ctx must be of at most 12 tokens, as the text tower reads 16, got 13 tokens"),
        ({"n_ctx": 200}, "n_ctx must be of at most 12 tokens, as the text tower reads 16, got 200 tokens"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"seed": 1.5}, r"seed must be an integer >= 0, got 1\.5"),
        ({"generator": 3}, "generator must be a torch.Generator or None, got 3"),
        ({"chunk": 0}, "chunk must be an integer >= 1, got 0"),
        ({"init": " "}, "init must be a str with at least one word, or None, got ' '"),
        ({"init": ["a"]}, r"init must be a str with at least one word, or None, got \['a'\]"),
        ({"init": "a " * 13}, "init must be of at most 12 tokens, as the text tower reads 16, got 13 tokens"),
        ({"init": "a " * 40}, "init must be shorter than the 16 tokens that the text tower reads, got 'a a"),
        (
            {"class_names": ["a", LONG]},
            r"class_names must be names of at most 8 tokens \(the text tower reads 16, the context takes 5\), got 'owl",
        ),
        ({"class_names": [LONG * 9]}, "class_names must be names of at most 8 tokens"),
    ],
)
def test_bad_input_is_named(vit, changes, message):
    with pytest.raises(ValueError, match=message):
        ContextPrompt(**({"backbone": vit, "class_names": NAMES, "n_ctx": 5} | changes))


def test_the_longest_name_that_fits_is_whole(vit):
    prompt = ContextPrompt(vit, ["owl " * 8], init="a a a a a")
    assert torch.allclose(prompt(), vit.encode_texts(["a a a a a " + "owl " * 8 + "."]), atol=1e-6)


@pytest.mark.parametrize(("always_ends", "longest"), [(True, 15), (False, 16)])
def test_names_are_not_cut_by_tokenizers_of_another_kind(always_ends, longest):
    backbone = tiny()
    backbone.tokenizer = NoStartTokenizer(backbone.tokenizer, always_ends)
    name = "owl " * (longest - 5 - 1)  # five context tokens before, a full stop behind
    ContextPrompt(backbone, [name], n_ctx=5)
    with pytest.raises(ValueError, match="class_names must be names of at most 10 tokens"):
        ContextPrompt(backbone, ["owl", name + "owl"], n_ctx=5)


def test_towers_without_a_token_embedding_are_named():
    backbone = tiny(clip_tiny.TINY_CUSTOM)
    backbone.model.text = type("HFTextEncoder", (torch.nn.Module,), {})()
    with pytest.raises(ValueError, match="backbone must be .* token_embedding.* got a text tower of class HFTextEnc"):
        ContextPrompt(backbone, NAMES)


def test_tokenizers_that_merge_placeholders_are_named():
    class Bytes:
        def __call__(self, texts, context_length=16):
            return torch.tensor([list(text.encode()[:context_length].ljust(context_length, b"\0")) for text in texts])

    backbone = tiny()
    backbone.tokenizer = Bytes()
    with pytest.raises(ValueError, match="backbone must be .* tokenizer .* got a tokenizer of class Bytes"):
        ContextPrompt(backbone, NAMES[:1], n_ctx=2)


def test_words_never_seen_in_pre_training_are_named(mini_vit, recwarn):
    ContextPrompt(mini_vit, ["red frog"], init="a photo of a")
    assert not recwarn.list  # least of all the placeholder
    with pytest.warns(UserWarning, match="mini-vit never saw these words.*: zebu, axolotl"):
        ContextPrompt(mini_vit, ["red axolotl"], init="a zebu")
