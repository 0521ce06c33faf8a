"""The fast language-guided head against the equations taken literally, and what is its own: masks, state, merging."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch.nn import functional as F

from ltnb.heads import LanguageGuidedHead
from ltnb.heads._gathered_cosine import gathered_cosine

C, M, D, B = 7, 5, 12, 9


def literal(head: LanguageGuidedHead, e: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eq. 4-7 as printed: every key is projected, every G is made; plain autograd does the rest."""
    query = head.query(head.query_norm(e))
    keys = head.key(head.key_norm(head.anchors))
    scores = torch.einsum("bd,cmd->bcm", query, keys) / e.shape[1] ** 0.5
    weights = scores.masked_fill(head.padding_mask, -torch.inf).softmax(dim=2)
    gathered = torch.einsum("bcm,cmd->bcd", weights, head.anchors)
    return head.mlp(e), F.cosine_similarity(e[:, None], gathered, dim=2) / head.temperature


def example(seed: int = 0, *, classes: int = C, sentences: int = M, dim: int = D, scale: float = 1.0):
    """A head with parameters away from their beginning, some sentences missing; pictures (B, D). All float64."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    mask = torch.rand(classes, sentences, generator=generator) < 0.4
    mask[:, 1] = False
    head = LanguageGuidedHead(scale * draw(classes, sentences, dim) + 1, mask, temperature=0.2, hidden=8)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter += 0.3 * draw(*parameter.shape)
    return head, draw(B, dim)


def gradients(outputs: tuple[torch.Tensor, torch.Tensor], leaves: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Of a function of both branches in which every output has a weight of its own."""
    generator = torch.Generator().manual_seed(9)
    total = sum((torch.randn(z.shape, generator=generator, dtype=torch.float64).to(z) * z).sum() for z in outputs)
    return torch.autograd.grad(total, leaves)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("seed", range(4))
def test_values_and_gradients_are_those_of_the_literal_form(seed: int, scale: float):
    head, e = example(seed, scale=scale)
    e.requires_grad_()
    leaves = [e, *head.parameters()]
    torch.testing.assert_close(head(e), literal(head, e), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        gradients(head(e), leaves), gradients(literal(head, e), leaves), rtol=1e-8, atol=1e-9, check_stride=False
    )


def test_many_blocks_of_classes_give_what_one_gives():
    head, e = example()
    query, image = e.clone().requires_grad_(), F.normalize(e.flip(0), dim=1).requires_grad_()
    found = []
    for blocks in ({}, {"block": 3 * B * M}, {"block": 1}):  # 7, 3 + 3 + 1 and seven times 1 class
        cosine = gathered_cosine(
            query, image, head.key_norm.bias, head.anchors, head.key_scale, head.gram, head.padding_mask, **blocks
        )
        weights = torch.linspace(-1, 1, cosine.numel(), dtype=cosine.dtype).view_as(cosine)
        found.append((cosine, *torch.autograd.grad((cosine * weights).sum(), [query, image])))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-12, atol=1e-12)


def test_a_functional_transform_sees_the_same_function():
    head, e = example()
    e.requires_grad_()
    value = lambda e: sum(z.square().sum() for z in head(e))  # noqa: E731
    (expected,) = torch.autograd.grad(value(e), e)
    torch.testing.assert_close(torch.func.grad(value)(e.detach()), expected, rtol=1e-10, atol=1e-10)
    one = torch.func.vmap(lambda row: torch.stack(head(row[None])))(e.detach())
    torch.testing.assert_close(one[:, :, 0].transpose(0, 1), torch.stack(head(e)), rtol=1e-10, atol=1e-10)


def test_a_compiled_head_trains_as_the_head_does():
    head, e = example()
    e.requires_grad_()
    leaves = [e, *head.parameters()]
    compiled = torch.compile(head, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(e), head(e), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradients(compiled(e), leaves), gradients(head(e), leaves), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("image", [True, False])
@pytest.mark.parametrize("projections", [True, False])
def test_only_what_is_trained_gets_a_gradient(image: bool, projections: bool):
    head, e = example()
    e.requires_grad_(image)
    for module in (head.query_norm, head.key_norm, head.query, head.key):
        module.requires_grad_(projections)
    leaves = [tensor for tensor in (e, *head.parameters()) if tensor.requires_grad]
    torch.testing.assert_close(gradients(head(e), leaves), gradients(literal(head, e), leaves), rtol=1e-9, atol=1e-10)


def test_single_precision_is_as_good_as_the_literal_form_at_the_size_of_imagenet_lt():
    generator = torch.Generator().manual_seed(0)
    anchors = F.normalize(torch.randn(100, 64, 512, generator=generator) + 0.3, dim=2)  # as alike as CLIP's texts are
    head, e = LanguageGuidedHead(anchors), torch.randn(16, 512, generator=generator) * 10
    exact = literal(copy.deepcopy(head).double(), e.double())
    for fast, slow, true in zip(head(e), literal(head, e), exact, strict=True):
        error = (fast - true).abs().max() / true.abs().max()
        assert error < 1e-5
        assert error < 10 * (slow - true).abs().max() / true.abs().max() + 1e-6


def test_sentences_that_cancel_give_cosines_and_gradients_within_bounds():
    generator = torch.Generator().manual_seed(0)
    anchors = torch.randn(30, 20, 64, generator=generator)
    anchors = anchors - anchors.mean(dim=1, keepdim=True)  # the plain mean of each class is zero but for rounding
    e = torch.randn(40, 64, generator=generator).requires_grad_()
    head = LanguageGuidedHead(anchors, temperature=1.0)
    torch.nn.init.zeros_(head.query.weight)
    text = head(e)[1]
    assert bool((text.abs() <= 1 + 1e-5).all())
    for gradient in torch.autograd.grad(text.sum(), [e, head.query.weight]):
        assert bool(torch.isfinite(gradient).all())


def test_only_the_bias_of_the_keys_may_be_trained():
    head, e = example()
    head.requires_grad_(False)
    head.key_norm.bias.requires_grad_()
    head(e)[1].sum().backward()
    assert bool((head.key_norm.bias.grad == 0).all())


def test_a_loaded_class_without_sentences_is_named():
    head, _ = example()
    mask = head.padding_mask.clone()
    mask[3] = True
    with pytest.raises(
        ValueError, match="padding_mask must be False somewhere in each class, got True in all of class 3"
    ):
        head.load_state_dict({**head.state_dict(), "padding_mask": mask})


def test_what_stands_in_the_padding_does_not_matter():
    head, e = example()
    filled = head.anchors.masked_fill(head.padding_mask[..., None], 1e6)
    other = LanguageGuidedHead(filled, head.padding_mask, temperature=0.2, hidden=8)
    other.load_state_dict({**head.state_dict(), "anchors": filled})
    torch.testing.assert_close(other(e), head(e))


def test_order_of_sentences_does_not_matter_and_that_of_classes_is_that_of_the_logits():
    head, e = example()
    sentences, classes = torch.randperm(M), torch.randperm(C)
    state = head.state_dict()
    state |= {name: state[name][:, sentences][classes] for name in ("anchors", "padding_mask")}
    state |= {name: state[name][classes] for name in ("mlp.2.weight", "mlp.2.bias")}
    other = copy.deepcopy(head)
    other.load_state_dict(state)
    torch.testing.assert_close(other(e), tuple(logits[:, classes] for logits in head(e)))


def test_length_of_a_picture_reaches_the_image_branch_only():
    head, e = example()
    image, text = head(e)
    longer_image, longer_text = head(1000 * e)
    torch.testing.assert_close(longer_text, text, rtol=1e-4, atol=1e-4)  # layer norm's epsilon is not scale-free
    assert not torch.allclose(longer_image, image)


def test_a_new_head_looks_at_the_sentences_most_like_the_picture():
    anchors = torch.eye(D).expand(C, D, D).contiguous() * 10
    e = torch.eye(D)[:B] * 10
    head = LanguageGuidedHead(anchors)
    assert torch.equal(head.query.weight, torch.eye(D))
    assert torch.equal(head.key.weight, torch.eye(D))
    plain = F.cosine_similarity(e, torch.ones(D).expand(B, D)) / 0.07  # the mean of all sentences
    assert bool((head(e)[1][:, 0] > plain + 1).all())


def test_the_state_holds_anchors_and_mask_and_what_follows_from_them_is_made_again():
    head, e = example()
    names = set(head.state_dict())
    assert {"anchors", "padding_mask"} <= names
    assert not {"gram", "key_scale"} & names
    file = io.BytesIO()
    torch.save(head.state_dict(), file)
    file.seek(0)
    other, _ = example(seed=5)
    assert not torch.allclose(other(e)[1], head(e)[1])
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(e)[1], head(e)[1])


def test_half_precision_of_the_module_does_not_round_what_follows_from_the_anchors():
    head, e = example(scale=200.0)  # squares beyond float16
    half = copy.deepcopy(head).half()
    back = copy.deepcopy(half).double()
    assert half.gram.dtype == torch.float32
    torch.testing.assert_close(half(e.float())[1], back(e)[1].float(), rtol=1e-4, atol=1e-4)


def test_text_branch_ignores_autocast():
    head, e = example()
    head, e = head.float(), e.float().requires_grad_()
    image, text = head(e)
    (expected,) = torch.autograd.grad(text.sum(), e)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed_image, mixed_text = head(e)
    (gradient,) = torch.autograd.grad(mixed_text.sum(), e)
    assert torch.equal(mixed_text, text)
    torch.testing.assert_close(gradient, expected)
    assert mixed_image.dtype == torch.float32
    assert not torch.equal(mixed_image, image)
    torch.testing.assert_close(mixed_image, image, rtol=0.1, atol=0.1)


def test_the_callers_anchors_are_copied_and_get_no_gradient():
    anchors = torch.randn(C, M, D, requires_grad=True)
    head = LanguageGuidedHead(anchors)
    assert not head.anchors.requires_grad
    with torch.no_grad():
        anchors.zero_()
    assert bool((head.anchors != 0).any())


def test_merging_follows_paper_and_released_code():
    head, e = example()
    image, text = head(e)
    p_image, p_text = image.softmax(dim=1), text.softmax(dim=1)
    torch.testing.assert_close(head.predict_proba(e), (p_image + p_text) / 2)
    torch.testing.assert_close(head.predict_proba(e, "sum"), p_image + p_text)
    torch.testing.assert_close(head.predict_proba(e, "released"), 0.2 * p_image + 0.8 * p_text)
    torch.testing.assert_close(head.predict_proba(e, 0.3), 0.7 * p_image + 0.3 * p_text)
    torch.testing.assert_close(head.predict_proba(e, "logits"), (image + text).softmax(dim=1))
    assert not head.predict_proba(e).requires_grad
    for merge in ("paper", "released", "logits", 0, 0.3, 1, "sum"):
        rows = head.predict_proba(e, merge).sum(dim=1)
        torch.testing.assert_close(rows, torch.full_like(rows, 2.0 if merge == "sum" else 1.0))
    for bad in ("mean", None, 1.5, -0.1, True):
        with pytest.raises(ValueError, match=r"^merge must be .*, got ."):
            head.predict_proba(e, bad)


def test_the_same_seed_gives_the_same_head():
    anchors = torch.randn(C, M, D)
    torch.manual_seed(1)
    first = LanguageGuidedHead(anchors, seed=3)
    torch.manual_seed(2)
    second, third = LanguageGuidedHead(anchors, seed=3), LanguageGuidedHead(anchors, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.mlp[0].weight, third.mlp[0].weight)


def test_each_layer_has_its_own_draw():
    """The second layer of seed s is the first of seed s + 1; with a generator it goes on where the first ended."""
    anchors = torch.randn(D, M, D)
    first, second = LanguageGuidedHead(anchors, seed=3).mlp, LanguageGuidedHead(anchors, seed=4).mlp
    assert torch.equal(first[2].weight, second[0].weight) and torch.equal(first[2].bias, second[0].bias)
    generator = torch.Generator().manual_seed(3)
    drawn = LanguageGuidedHead(anchors, generator=generator).mlp
    assert torch.equal(drawn[0].weight, first[0].weight)
    again = torch.Generator().manual_seed(3)
    bound = D**-0.5
    expected = [torch.empty(shape).uniform_(-bound, bound, generator=again) for shape in ((D, D), D, (D, D), D)]
    for ours, theirs in zip(drawn.parameters(), expected, strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(generator.get_state(), again.get_state())
