"""The last block for one token, and sentences in groups: the same numbers as open_clip's own forward pass."""

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


@pytest.mark.parametrize("part", ["", *(f"resblocks.2{name}" for name in ("", ".attn", ".ln_1", ".mlp", ".mlp.c_fc"))])
def test_whoever_listens_or_changes_something_gets_open_clips_own_loop(part):
    for kind in ("forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"):
        net = transformer()
        handle = getattr(net.get_submodule(part), f"register_{kind}")(lambda *_: None)
        assert not towers.reads_one(net)
        handle.remove()
        assert towers.reads_one(net)
    net.get_submodule(part).forward = lambda x, **_: x
    assert not towers.reads_one(net)
    net = transformer()
    net.get_submodule(part).compile(backend="eager")
    assert not towers.reads_one(net)


def test_edited_blocks_are_run_as_they_are():
    net, heard = transformer(), []
    net.resblocks[-1].attention = lambda q_x, **_: q_x
    assert not towers.reads_one(net)
    for name in ("attn", "mlp"):
        net = transformer()
        setattr(net.resblocks[-1], name, torch.nn.Identity())
        assert not towers.reads_one(net)
    net = transformer()
    net.resblocks[0].register_forward_hook(lambda _, __, output: heard.append(output.shape))
    towers.one_token(net, tokens(), torch.zeros(4, dtype=torch.int64))
    assert towers.reads_one(net) and heard == [(4, 7, 24)]  # earlier blocks are computed as ever


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


def test_whoever_listens_to_an_image_tower_hears_all_tokens():
    backbone = tiny()
    visual, heard = backbone.model.visual, []
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    alone = backbone.encode_images(images)
    last = visual.transformer.resblocks[-1]
    for module in (last, visual.transformer, visual, visual.ln_post, last.mlp, last.ln_2):
        handle = module.register_forward_hook(lambda _, __, output: heard.append(output.shape))
        torch.testing.assert_close(backbone.encode_images(images), alone)
        handle.remove()
    assert heard == [(2, 5, 32), (2, 5, 32), (2, 24), (2, 5, 32), (2, 5, 32), (2, 5, 32)]


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


def test_no_sentence_pays_for_a_longer_one_of_another_group(monkeypatch):
    backbone, shapes, encode = tiny(), [], towers._encode

    def watched(tower, ids, end):
        shapes.append((len(ids), int(end.max()) + 1))
        return encode(tower, ids, end)

    monkeypatch.setattr(towers, "_encode", watched)
    ids = backbone.tokenizer([" ".join(["owl"] * (1 + 12 * (i % 2))) for i in range(128)])
    towers.encode_text(backbone.model, ids)
    assert shapes == [(64, 3), (64, 15)]


@pytest.mark.parametrize("name", [clip_tiny.TINY, clip_tiny.TINY_CUSTOM])
@pytest.mark.parametrize("part", ["token_embedding", "transformer", "transformer.resblocks.0.ln_1", "ln_final"])
def test_whoever_listens_to_a_text_tower_gets_all_sentences_in_order(name, part):
    backbone, heard = tiny(name), []
    ids = backbone.tokenizer([" ".join(["owl"] * (1 + 12 * (i % 2))) for i in range(100)])
    tower = towers.text_module(backbone.model)
    alone = towers.encode_text(backbone.model, ids)
    tower.get_submodule(part).register_forward_hook(lambda _, __, output: heard.append(output))
    torch.testing.assert_close(towers.encode_text(backbone.model, ids), alone, rtol=1e-5, atol=1e-5)
    assert len(heard) == 1 and len(heard[0]) == 100
    if part == "token_embedding":
        assert torch.equal(heard[0], tower.token_embedding.weight[ids[:, :15]])


def test_whoever_listens_to_a_whole_text_tower_hears_it():
    backbone, heard = tiny(clip_tiny.TINY_CUSTOM), []
    backbone.model.text.register_forward_hook(lambda _, __, output: heard.append(output))
    found = backbone.encode_texts(["owl", "a red owl"], normalize=False)
    assert len(heard) == 1 and torch.equal(heard[0], found)


def test_embeddings_of_coca_are_not_normalised_unasked():
    backbone = clip.load("coca_ViT-B-32", "random", precision="fp32", device="cpu")
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    for found in (backbone.encode_images(images, normalize=False), backbone.encode_texts(["owl"], normalize=False)):
        assert not torch.allclose(found.norm(dim=1), torch.ones(1), atol=1e-3)
