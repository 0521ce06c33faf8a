"""The last block for one token, sentences in groups, and the flag that asks for open_clip's own forward pass."""

import copy

import clip_tiny
import pytest
import torch

from ltnb import clip
from ltnb.clip import towers

LENGTHS = [1, 9, 3, 14, 2, 30, 5]


@pytest.fixture(scope="module", autouse=True)
def tiny_architectures(tmp_path_factory):
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield


def tiny(name=clip_tiny.TINY):
    return clip.load(name, "random", precision="fp32", device="cpu", seed=0)


def transformer(seed=0, **options):
    from open_clip.transformer import Transformer

    torch.manual_seed(seed)
    return Transformer(width=24, layers=3, heads=3, **options).double()


def tokens(batch=4, length=7):
    return torch.randn(batch, length, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def gradients(module):
    return {name: p.grad for name, p in module.named_parameters()}


causal = torch.full((7, 7), float("-inf")).triu(1)
biased = torch.randn(7, 7, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("mask", [None, causal, biased], ids=["none", "causal", "biased"])
@pytest.mark.parametrize("options", [{}, {"ls_init_value": 0.3}], ids=["plain", "layer scale"])
def test_one_token_is_the_whole_transformer_at_one_position(mask, options):
    ours = transformer(**options)
    whole = copy.deepcopy(ours)
    at, rows = torch.tensor([0, 6, 3, 3]), torch.arange(4)
    x, y = (tokens().requires_grad_() for _ in range(2))
    assert towers.reads_one(ours)
    found, expected = towers.one_token(ours, x, at, mask), whole(y, attn_mask=mask)[rows, at]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    weight = torch.randn(4, 24, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradients(ours), gradients(whole), rtol=1e-10, atol=1e-12)


def test_less_is_computed():
    from torch.utils.flop_counter import FlopCounterMode

    def flops(run):
        with FlopCounterMode(display=False) as counter:
            run()
        return counter.get_total_flops()

    net, x = transformer(), tokens(8, 30)
    saved = 1 - flops(lambda: towers.one_token(net, x, torch.zeros(8, dtype=torch.int64))) / flops(lambda: net(x))
    assert 0.25 < saved < 0.34  # five sixths of one block of three, less one token, and nearly all of its attention


def test_open_clips_own_loop_is_kept_where_it_must_be():
    from open_clip.transformer import Transformer

    assert towers.reads_one(transformer())
    assert not towers.reads_one(Transformer(24, 2, 3, qk_norm=True))
    assert not towers.reads_one(Transformer(24, 2, 3, batch_first=False))
    assert not towers.reads_one(torch.nn.Identity())
    net = transformer()
    net.grad_checkpointing = True
    assert not towers.reads_one(net)


@pytest.mark.parametrize("part", ["attn", "mlp"])
def test_blocks_with_exchanged_parts_are_run_as_they_are(part):
    net = transformer()
    setattr(net.resblocks[-1], part, torch.nn.Identity())
    assert not towers.reads_one(net)


def test_earlier_blocks_are_computed_as_ever():
    net, heard = transformer(), []
    net.resblocks[0].register_forward_hook(lambda _, __, output: heard.append(output.shape))
    towers.one_token(net, tokens(), torch.zeros(4, dtype=torch.int64))
    assert heard == [(4, 7, 24)]


@pytest.mark.parametrize("name", [clip_tiny.TINY, f"{clip_tiny.TINY}-quickgelu", clip_tiny.TINY_CUSTOM])
@pytest.mark.parametrize("layer", ["embedding", "pooled"])
def test_pictures_and_their_gradients_are_open_clips_own(name, layer):
    ours, theirs = tiny(name), tiny(name).model
    assert towers.reads_class_token(ours.model.visual)
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    if layer == "pooled":
        theirs.visual.proj = None
        ours.model.visual.proj.requires_grad_(False)
    found, expected = ours.encode_layers(images, (layer,))[layer], theirs.encode_image(images)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    found.square().sum().backward()
    expected.square().sum().backward()
    both = gradients(ours.model.visual), gradients(theirs.visual)
    assert sum(grad is not None for grad in both[0].values()) > 20
    for parameter, grad in both[1].items():
        torch.testing.assert_close(both[0][parameter], grad, rtol=1e-4, atol=1e-4)


# The flag ------------------------------------------------------------------------------------------------------------


def flags(backbone):
    """Ways to ask for open_clip's own pass; the last one leaves no trace."""
    backbone.full_towers = True
    yield
    backbone.full_towers = False
    with backbone.in_full():
        yield
    assert not backbone.full_towers


PARTS = ["resblocks.-1", "", "resblocks.-1.mlp", "resblocks.-1.ln_2"]


def listener(tower, part, heard):
    last = tower.transformer.resblocks[-1]
    module = {"resblocks.-1": last, "": tower.transformer, "resblocks.-1.mlp": last.mlp, "resblocks.-1.ln_2": last.ln_2}
    return module[part].register_forward_hook(lambda _, __, output: heard.append(output.shape))


@pytest.mark.parametrize("part", PARTS)
def test_in_full_a_hook_in_the_image_tower_hears_all_tokens(part):
    backbone, heard = tiny(), []
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    alone = backbone.encode_images(images)
    with listener(backbone.model.visual, part, heard):
        backbone.encode_images(images)
        assert heard == ([] if part in PARTS[:2] else [(2, 1, 32)])  # as the class says of the shortcut
        heard.clear()
        for _ in flags(backbone):
            torch.testing.assert_close(backbone.encode_images(images), alone)
            backbone.encode_pooled(images)
    assert heard == [(2, 5, 32)] * 4


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_CUSTOM])
@pytest.mark.parametrize("part", PARTS)
def test_in_full_a_hook_in_the_text_tower_hears_all_sentences_and_tokens(name, part):
    backbone, heard = tiny(name), []
    texts = [" ".join(["owl"] * (1 + 12 * (i % 2))) for i in range(100)]
    alone = backbone.encode_texts(texts)
    with listener(towers.text_module(backbone.model), part, heard):
        for _ in flags(backbone):
            torch.testing.assert_close(backbone.encode_texts(texts), alone, rtol=1e-5, atol=1e-5)
    assert heard == [(100, 16, 32)] * 2


def test_in_full_the_outputs_and_the_methods_are_open_clips_own():
    backbone = tiny(clip_tiny.TINY_CUSTOM)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad(), backbone.in_full():
        assert torch.equal(backbone.encode_images(images, normalize=False), backbone.model.encode_image(images))
        found = backbone.encode_texts(["owl", "a red owl"], normalize=False)
        assert torch.equal(found, backbone.model.encode_text(backbone.tokenizer(["owl", "a red owl"])))
        backbone.model.visual.transformer.resblocks[-1].forward = lambda x, **_: 0 * x
        zero = torch.zeros(2, 5, 32)
        assert torch.equal(backbone.encode_pooled(images), backbone.model.visual.ln_post(zero)[:, 0])


def test_the_flag_comes_back_after_an_error():
    backbone = tiny()
    with pytest.raises(KeyboardInterrupt), backbone.in_full():
        raise KeyboardInterrupt
    assert not backbone.full_towers
    backbone.full_towers = True
    with backbone.in_full():
        pass
    assert backbone.full_towers


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_CUSTOM])
def test_gradient_checkpointing_goes_through_every_block(name, monkeypatch):
    import open_clip.transformer

    backbone, plain, ran = tiny(name), tiny(name), []
    original = open_clip.transformer.checkpoint
    monkeypatch.setattr(open_clip.transformer, "checkpoint", lambda *a, **k: ran.append(1) or original(*a, **k))
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    backbone.set_grad_checkpointing()
    for model in (backbone, plain):
        (model.encode_images(images).sum() + model.encode_texts(["owl", "red owl"]).sum()).backward()
    assert len(ran) == 3 + 2
    torch.testing.assert_close(gradients(backbone.model), gradients(plain.model), rtol=1e-4, atol=1e-5)
    backbone.set_grad_checkpointing(False)
    assert towers.reads_class_token(backbone.model.visual)


def test_a_hook_on_the_words_hears_the_groups():
    backbone, shapes = tiny(), []
    ids = backbone.tokenizer([" ".join(["owl"] * (1 + 12 * (i % 2))) for i in range(128)])
    with backbone.model.token_embedding.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[:2]))):
        towers.encode_text(backbone.model, ids)
        assert shapes == [(64, 3), (64, 15)]  # no sentence pays for a longer one of another group
        shapes.clear()
        towers.encode_text(backbone.model, ids, group=50)
        assert shapes == [(50, 3), (50, 15), (28, 15)]
        shapes.clear()
        towers.encode_text(backbone.model, ids, group=128)
        assert shapes == [(128, 15)]


# Other towers --------------------------------------------------------------------------------------------------------


def test_a_namesake_of_the_image_tower_only_has_to_embed():
    class VisionTransformer(torch.nn.Module):  # timm and OpenAI have classes of this name
        output_dim = 24

        def forward(self, x):
            return x.mean(dim=(2, 3)) @ torch.ones(3, 24)

    backbone = tiny()
    backbone.model.visual = VisionTransformer()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.equal(backbone.encode_images(images, normalize=False), backbone.model.visual(images))


@pytest.mark.parametrize("options", [{"pool_type": "avg"}, {"attentional_pool": True}, {"output_tokens": True}])
def test_towers_that_read_more_than_the_class_token(options):
    from open_clip.transformer import VisionTransformer

    tower = VisionTransformer(32, 16, 32, 2, 2, 4.0, output_dim=24, **options)
    assert not towers.reads_class_token(tower)


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_CUSTOM])
@pytest.mark.parametrize("count", [3, 64, 65, 150])
def test_many_sentences_keep_their_order_and_gradients(name, count):
    ours, theirs = tiny(name), tiny(name).model
    texts = [" ".join(["owl"] * (1 + LENGTHS[i % 7] % 15) + ["red"] * (i % 3)) for i in range(count)]
    ids = ours.tokenizer(texts)
    assert count < 4 or len(set(ids.argmax(dim=1).tolist())) > 5
    found, expected = towers.encode_text(ours.model, ids), theirs.encode_text(ids)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    weight = torch.randn(found.shape, generator=torch.Generator().manual_seed(3))
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    both = [towers.text_module(model) for model in (ours.model, theirs)]
    for parameter in ("transformer.resblocks.0.mlp.c_fc.weight", "transformer.resblocks.1.attn.in_proj_weight"):
        one, two = (module.get_parameter(parameter).grad for module in both)
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)


def test_embeddings_of_coca_are_not_normalised_unasked():
    backbone = clip.load("coca_ViT-B-32", "random", precision="fp32", device="cpu")
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    for found in (backbone.encode_images(images, normalize=False), backbone.encode_texts(["owl"], normalize=False)):
        assert not torch.allclose(found.norm(dim=1), torch.ones(1), atol=1e-3)
