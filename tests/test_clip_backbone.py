"""`Backbone`: what it computes equals open_clip's own output, token by token and layer by layer."""

import clip_tiny
import pytest
import torch
from torch.nn import functional

from ltnb import clip
from ltnb.clip import mini, towers
from ltnb.clip.preprocess import Preprocess

TEXTS = ["a red frog", "a photo of a small striped marsh owl in the snow", "owl"]


@pytest.fixture(scope="module", autouse=True)
def tiny_architectures(tmp_path_factory):
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield


def tiny(name=clip_tiny.TINY, precision="fp32", seed=0):
    return clip.load(name, "random", precision=precision, device="cpu", seed=seed)


def noise(backbone, count=2):
    size = backbone.image_size
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def vit():
    return tiny()


@pytest.fixture(scope="module")
def resnet():
    backbone = tiny(clip_tiny.TINY_RESNET)
    with torch.no_grad():  # the last norm of each block starts at zero, which would hide most of the network
        for name, parameter in backbone.named_parameters():
            if name.endswith("bn3.weight"):
                parameter.fill_(1.0)
            if name.endswith("q_proj.weight"):
                parameter.mul_(50.0)  # far from uniform attention
    return backbone


# Preprocessing -------------------------------------------------------------------------------------------------------


def picture(height, width, mode="RGB"):
    from PIL import Image

    y, x = torch.meshgrid(torch.linspace(0, 6, height), torch.linspace(0, 9, width), indexing="ij")
    waves = torch.stack([(x * (i + 1)).sin() * (y + i).cos() for i in range(3)], dim=-1)
    pixels = ((waves + 1) * 127.5).to(torch.uint8)
    return Image.fromarray(pixels.numpy()).convert(mode), pixels.permute(2, 0, 1)


@pytest.mark.parametrize("shape", [(64, 64), (50, 90), (90, 50), (32, 32), (20, 25), (32, 47)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("resize_mode", ["shortest", "squash"])
def test_tensors_and_pil_pictures_are_prepared_alike(shape, interpolation, resize_mode):
    std = (0.27, 0.26, 0.28)
    prepare = Preprocess((32, 32), (0.48, 0.46, 0.41), std, interpolation, resize_mode)
    image, pixels = picture(*shape)
    from_pil, from_tensor = prepare(image), prepare(pixels)
    assert from_pil.shape == from_tensor.shape == (3, 32, 32) and from_tensor.dtype == torch.float32
    levels = (from_pil - from_tensor).abs() * 255 * torch.tensor(std).view(3, 1, 1)
    assert float(levels.max()) <= 2.01 and float(levels.mean()) < 0.25  # grey levels of 255
    assert torch.equal(prepare(torch.stack([pixels, pixels]))[1], from_tensor)


def test_preprocessing_is_open_clips_own(vit):
    from open_clip.transform import PreprocessCfg, image_transform_v2

    image, pixels = picture(40, 60)
    reference = image_transform_v2(PreprocessCfg(**vit.model.visual.preprocess_cfg), is_train=False)
    assert torch.equal(vit.preprocess(image), reference(image))
    exact = vit.preprocess(pixels[:, :32, :32])
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (vit.preprocessor.mean, vit.preprocessor.std))
    assert torch.allclose(exact, (pixels[:, :32, :32] / 255 - mean) / std, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_other_picture_modes_are_converted_first(vit, mode):
    image, _ = picture(40, 60, mode)
    assert torch.allclose(vit.preprocess(image), vit.preprocess(image.convert("RGB")), atol=1e-6)


@pytest.mark.parametrize(
    "bad", [torch.rand(3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.uint8), torch.zeros(8, dtype=torch.uint8)]
)
def test_preprocess_names_bad_tensors(vit, bad):
    with pytest.raises(ValueError, match="image must be uint8"):
        vit.preprocess(bad)


@pytest.mark.parametrize("bad", [torch.zeros(3, 8, 8, dtype=torch.uint8).numpy(), "a.jpg", None])
def test_preprocess_names_what_is_no_picture(vit, bad):
    with pytest.raises(ValueError, match="image must be a PIL picture or a uint8 tensor, got"):
        vit.preprocess(bad)


def test_a_padded_resize_wants_pil():
    with pytest.raises(ValueError, match=r"'longest'.*PIL"):
        Preprocess((32, 32), (0.5,) * 3, (0.5,) * 3, resize_mode="longest")(torch.zeros(3, 8, 9, dtype=torch.uint8))


# Encoding ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_RESNET, clip_tiny.TINY_CUSTOM])
def test_outputs_are_open_clips_own(name):
    backbone = tiny(name)
    images, tokens = noise(backbone), backbone.tokenizer(TEXTS)
    raw = backbone.encode_images(images, normalize=False)
    # not to the last bit: another attention kernel with gradients, and convolutions in another memory order
    torch.testing.assert_close(raw, backbone.model.encode_image(images), rtol=1e-5, atol=1e-5)
    assert raw.shape == (2, backbone.embed_dim)
    assert torch.allclose(backbone.encode_images(images), functional.normalize(raw, dim=-1))
    words = backbone.encode_texts(TEXTS, normalize=False)
    assert torch.allclose(words, backbone.model.encode_text(tokens), atol=1e-5)
    assert torch.allclose(backbone.encode_texts(TEXTS).norm(dim=-1), torch.ones(3), atol=1e-6)
    assert backbone.logit_scale == pytest.approx(1 / 0.07, rel=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_outputs_are_float32_and_differentiable(precision):
    backbone = tiny(precision=precision)
    exact = tiny()
    images = noise(backbone)
    for encode, reference, of in (
        (backbone.encode_images, exact.encode_images, images),
        (backbone.encode_tokens, exact.encode_tokens, images),
        (backbone.encode_pooled, exact.encode_pooled, images),
        (backbone.encode_texts, exact.encode_texts, TEXTS),
    ):
        out = encode(of)
        assert out.dtype == torch.float32
        scale = float(reference(of).detach().abs().max())
        error = float((out - reference(of)).detach().abs().max()) / scale
        assert error == 0 if precision == "fp32" else 0 < error < 0.05
        out.square().sum().backward()
    assert all(p.grad is not None for name, p in backbone.model.named_parameters() if name != "logit_scale")


def test_the_backbones_precision_holds_inside_another_autocast():
    backbone = tiny()
    images = noise(backbone)
    alone = backbone.encode_images(images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(backbone.encode_images(images), alone)


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_CUSTOM])
@pytest.mark.parametrize("texts", [["owl"], TEXTS, [" ".join(["owl"] * 40)], ["", "a"]])
def test_dropping_common_padding_changes_nothing(name, texts):
    backbone = tiny(name)
    tokens = backbone.tokenizer(texts)
    assert towers.is_trimmable(backbone.model)
    widths = []
    embedding = towers.text_module(backbone.model).token_embedding
    with embedding.register_forward_hook(lambda _, __, x: widths.append(x.shape[1])):
        short = towers.encode_text(backbone.model, tokens)
    assert widths == [int(tokens.argmax(dim=1).max()) + 1]
    assert torch.allclose(short, backbone.model.encode_text(tokens), atol=1e-5)


def test_other_text_towers_keep_their_full_length():
    from open_clip.transformer import TextTransformer

    class Model(torch.nn.Module):
        def __init__(self, **options):
            super().__init__()
            self.text = TextTransformer(
                context_length=8, vocab_size=100, width=16, heads=2, layers=1, output_dim=4, **options
            )

        def encode_text(self, tokens, normalize=False):
            assert not normalize
            return self.text(tokens)

    tokens = torch.tensor([[1, 5, 99, 0, 0, 0, 0, 0]])
    for options in ({"no_causal_mask": True}, {"pool_type": "last"}, {"embed_cls": True}):
        model = Model(**options).eval()
        assert not towers.is_trimmable(model)
        assert torch.equal(towers.encode_text(model, tokens), model.encode_text(tokens))
    for options in ({"proj_bias": True}, {"proj_type": "none"}):
        model = Model(**options).eval()
        assert towers.is_trimmable(model)
        assert torch.allclose(towers.encode_text(model, tokens), model.encode_text(tokens), atol=1e-5)


@pytest.mark.parametrize("bad", [[], "a frog", ["a", 3], None, 3])
def test_bad_texts_are_named(vit, bad):
    with pytest.raises(ValueError, match="texts must be a non-empty list of str"):
        vit.encode_texts(bad)


@pytest.mark.parametrize(
    "bad",
    [
        torch.zeros(2, 3, 32, 32, dtype=torch.uint8),
        torch.zeros(3, 32, 32),
        torch.zeros(2, 1, 32, 32),
        torch.zeros(2, 3, 64, 64),
        torch.zeros(0, 3, 32, 32),
        [torch.zeros(3, 32, 32)],
    ],
)
def test_bad_batches_are_named(vit, bad):
    for encode in (vit.encode_images, vit.encode_tokens, vit.encode_pooled):
        with pytest.raises(
            ValueError, match=r"batch must be a float tensor \(B, 3, 32, 32\) from preprocess, B >= 1, got"
        ):
            encode(bad)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_batches_that_are_not_finite_are_named(vit, bad):
    batch = noise(vit, 3)
    batch[1, 2, 5, 7] = bad
    with pytest.raises(ValueError, match="batch must be finite, got NaN or infinity in row 1"):
        vit.encode_images(batch)


# Tokens and pooled ---------------------------------------------------------------------------------------------------


def test_vit_tokens_leave_the_last_block_before_the_final_norm(vit):
    images, seen = noise(vit), []
    handle = vit.model.visual.transformer.resblocks[-1].register_forward_hook(lambda _, __, out: seen.append(out))
    with vit.in_full():
        embedding = vit.encode_images(images, normalize=False)
    handle.remove()
    tokens = vit.encode_tokens(images)
    assert torch.equal(tokens, seen[0]) and tokens.shape == (2, 1 + 4, 32)
    pooled = vit.encode_pooled(images)
    assert torch.allclose(pooled, vit.model.visual.ln_post(tokens[:, 0]), atol=1e-6)
    assert torch.allclose(pooled @ vit.model.visual.proj, embedding, atol=1e-5)


def test_resnet_tokens_are_all_outputs_of_the_attention_pool(resnet):
    images, seen = noise(resnet), []
    pool = resnet.model.visual.attnpool
    handle = pool.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    embedding = resnet.encode_images(images, normalize=False)
    handle.remove()
    tokens, pooled = resnet.encode_tokens(images), resnet.encode_pooled(images)
    assert tokens.shape == (2, 1 + 4, 24) and pooled.shape == (2, 256)
    assert torch.allclose(tokens[:, 0], embedding, atol=1e-5)
    assert torch.allclose(pool.c_proj(pooled), embedding, atol=1e-5)
    # slow form: one query position and one head at a time
    x = seen[0].flatten(2).permute(0, 2, 1)
    x = torch.cat([x.mean(1, keepdim=True), x], 1) + pool.positional_embedding
    q, k, v = pool.q_proj(x), pool.k_proj(x), pool.v_proj(x)
    width = x.shape[-1] // pool.num_heads
    for position in range(5):
        heads = []
        for h in range(pool.num_heads):
            part = slice(h * width, (h + 1) * width)
            weights = ((k[..., part] @ q[:, position, part, None]).squeeze(-1) / width**0.5).softmax(dim=-1)
            heads.append((weights.unsqueeze(-1) * v[..., part]).sum(1))
        assert torch.allclose(tokens[:, position], pool.c_proj(torch.cat(heads, -1)), atol=1e-5)
    assert float((tokens[:, 1] - tokens[:, 0]).detach().abs().max()) > 1e-3


def test_timm_transformers_give_tokens_through_their_trunk():
    backbone = tiny(clip_tiny.TINY_TIMM)
    images, seen, trunk = noise(backbone, 1), [], backbone.model.visual.trunk
    handle = trunk.blocks[-1].register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.no_grad():
        embedding = backbone.encode_images(images, normalize=False)
        handle.remove()
        assert torch.allclose(backbone.encode_tokens(images), seen[0], atol=1e-6)
        assert torch.allclose(backbone.model.visual.head(backbone.encode_pooled(images)), embedding, atol=1e-5)
    assert backbone.embed_dim == 24


def test_towers_without_tokens_are_named(vit):
    class Convolutions(torch.nn.Module):
        pass

    backbone = tiny()
    backbone.model.visual = Convolutions()
    for encode in (backbone.encode_tokens, backbone.encode_pooled):
        with pytest.raises(ValueError, match="Convolutions"):
            encode(noise(vit))
    trunk = type("ConvNeXt", (torch.nn.Module,), {})()
    backbone.model.visual = type("TimmModel", (torch.nn.Module,), {})()
    backbone.model.visual.trunk = trunk
    with pytest.raises(ValueError, match="ConvNeXt"):
        backbone.encode_tokens(noise(vit))


# Vocabulary and training ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_world(tmp_path_factory):
    mini.register_mini_models()
    import open_clip

    ids = mini.vocabulary_ids(["a photo of a red frog."], open_clip.get_tokenizer("mini-vit"))
    path = tmp_path_factory.mktemp("mini") / "m.safetensors"
    mini.save_compact(mini.build_mini("mini-vit"), ids, path, {})
    return path


def test_words_never_seen_are_named_once(small_world, recwarn):
    backbone = clip.load("mini-vit", small_world, device="cpu", precision="fp32")
    assert backbone.unknown_words(["A  Red axolotl!", "the axolotl's frog"]) == ["axolotl", "!", "the", "'s"]
    backbone.encode_texts(["a photo of a red frog."])
    assert not recwarn.list
    with pytest.warns(UserWarning, match="axolotl, newt") as caught:
        backbone.encode_texts(["a red axolotl", "a newt, axolotl"][:1] + ["a newt"])
    assert len(caught) == 1
    backbone.encode_texts(["a red axolotl"])
    assert len(recwarn.list) == 0
    assert tiny().unknown_words(["axolotl"]) == []


def test_set_trainable_chooses_towers(small_world, vit):
    backbone = clip.load("mini-vit", small_world, device="cpu")
    everything = {name for name, _ in backbone.model.named_parameters()}
    image, text = (set(backbone.tower_parameters(tower)) for tower in ("image", "text"))
    assert image | text | {"logit_scale"} == everything and not image & text

    def trained():
        return {name for name, parameter in backbone.model.named_parameters() if parameter.requires_grad}

    backbone.set_trainable(image=True, text=False)
    assert trained() == image
    backbone.set_trainable(image=False, text=True, logit_scale=True)
    assert trained() == text - {"token_embedding.weight"} | {"logit_scale"}
    other = tiny()
    other.set_trainable(image=True, text=True)
    assert other.model.token_embedding.weight.requires_grad
    with pytest.raises(ValueError, match="tower must be"):
        backbone.tower_parameters("sound")


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_RESNET, clip_tiny.TINY_CUSTOM])
def test_copy_tower_takes_one_tower_and_leaves_the_other(name):
    one, two = tiny(name, seed=1), tiny(name, seed=2)
    two.train().encode_images(noise(two, 4))  # moves running statistics where there are any
    two.eval()
    images = noise(one)
    before = one.encode_texts(TEXTS)
    one.copy_tower(two, "image")
    assert torch.equal(one.encode_images(images), two.encode_images(images))
    assert torch.equal(one.encode_texts(TEXTS), before)
    one.copy_tower(two, "text")
    assert torch.equal(one.encode_texts(TEXTS), two.encode_texts(TEXTS))
    with pytest.raises(ValueError, match="source must be of the same architecture"):
        tiny().copy_tower(tiny(clip_tiny.TINY_RESNET), "image")


def test_weights_hash_follows_every_weight():
    backbone = tiny()
    whole, image = backbone.weights_hash, backbone.image_weights_hash
    assert (whole, image) == (tiny().weights_hash, tiny().image_weights_hash) and whole != image
    with torch.no_grad():
        backbone.model.text_projection[0, 0] += 1e-6
    assert backbone.weights_hash != whole and backbone.image_weights_hash == image
    with torch.no_grad():
        backbone.model.visual.proj[0, 0] += 1e-6
    assert backbone.image_weights_hash != image
