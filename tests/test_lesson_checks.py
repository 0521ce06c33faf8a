"""The checks of the exercises take a right answer, and say what is wrong with others."""

from __future__ import annotations

import inspect

import pytest
import torch
import torch.nn.functional as F

from ltnb.lesson import checks


def zero_shot(x, u):
    return (F.normalize(x, dim=1) @ F.normalize(u, dim=1).T).argmax(1)


def logit_adjustment(z, n):
    return z - (n / n.sum()).log()


def variance_ratio(x, y):
    x = F.normalize(x.double(), dim=1)
    groups = [x[y == c] for c in y.unique()]
    within = torch.stack([group.var(dim=0).sum() for group in groups]).mean()
    means = torch.stack([group.mean(0) for group in groups])
    return within / (means.var(dim=0).sum() - within / len(groups[0]))


def balanced_softmax(z, y, n):
    return F.cross_entropy(z + n.log(), y)


def class_balanced_loss(z, y, n):
    w = n.sum() / (len(n) * n)
    return (w[y] * F.cross_entropy(z, y, reduction="none")).sum() / w[y].sum()


def marc(z, w, omega, beta):
    return omega * z + beta * w.norm(dim=1)


def image_text_loss(x, u, y, tau):
    return F.cross_entropy(F.normalize(x, dim=1) @ F.normalize(u, dim=1).T / tau, y)


def image_text_loss_that_overflows(x, u, y, tau):
    similar = torch.exp(F.normalize(x, dim=1) @ F.normalize(u, dim=1).T / tau)
    return -torch.log(similar[torch.arange(len(y)), y] / similar.sum(dim=1)).mean()


def adapter(f, w, b, residual):
    return residual * torch.relu(f @ w.T + b) + (1 - residual) * f


def class_wise_contrast(x, u, y, t, tau):
    s = F.normalize(x, dim=1) @ F.normalize(u, dim=1).T / tau
    same = (y[:, None] == t).double()
    rows = [-(s[i].log_softmax(0) * same[i]).sum() / same[i].sum() for i in range(len(y)) if same[i].any()]
    columns = [
        -(s[:, j].log_softmax(0) * same[:, j]).sum() / same[:, j].sum() for j in range(len(t)) if same[:, j].any()
    ]
    return torch.stack(rows).mean() + torch.stack(columns).mean()


def linguistic_score(u, t, x, y, tau):
    s = F.normalize(u, dim=1) @ F.normalize(x, dim=1).T / tau
    own = (t[:, None] == y).double()
    return -(s.log_softmax(1) * own).sum(1) / own.sum(1)


def language_guided_text(x, anchors):
    q, k = (F.layer_norm(part, part.shape[-1:]) for part in (x, anchors))
    weights = torch.einsum("bd,cmd->bcm", q, k).div(x.shape[1] ** 0.5).softmax(-1)
    g = torch.einsum("bcm,cmd->bcd", weights, anchors)
    return F.cosine_similarity(x[:, None], g, dim=-1)


def clip_loss(x, u, tau):
    s = F.normalize(x, dim=1) @ F.normalize(u, dim=1).T / tau
    return -(s.log_softmax(1).diag() + s.log_softmax(0).diag()).mean() / 2


RIGHT = {name: globals()[name.removeprefix("check_")] for name in checks.__all__}


@pytest.mark.parametrize("name", checks.__all__)
def test_a_right_answer_is_taken(name, capsys):
    getattr(checks, name)(RIGHT[name])
    assert capsys.readouterr().out.endswith(": all 3 cases agree\n")


@pytest.mark.parametrize("name", checks.__all__)
def test_an_empty_a_misshapen_and_a_wrong_answer_are_told(name, capsys):
    check, right = getattr(checks, name), RIGHT[name]
    check(lambda *_: None)
    check(lambda *case: torch.as_tensor(right(*case))[None])
    check(lambda *case: torch.as_tensor(right(*case)) + 1)
    check(lambda *case: torch.as_tensor(right(*case)) * torch.nan)
    empty, shape, off, nan = capsys.readouterr().out.splitlines()
    assert empty.endswith(": nothing is returned yet")
    assert ": the shape is " in shape
    assert ": case 1 of 3 differs, " in off and "nan where" in nan


# what a reader may easily get wrong: each must not pass
WRONG = {
    "check_zero_shot": [lambda x, u: (x @ u.T).argmax(1)],
    "check_logit_adjustment": [lambda z, n: z + (n / n.sum()).log(), lambda z, n: z - n.log()],
    "check_variance_ratio": [
        lambda x, y: torch.stack([x[y == c].var(0).sum() for c in range(4)]).mean() / x.mean(0).var(),
    ],
    "check_balanced_softmax": [lambda z, y, n: F.cross_entropy(z - n.log(), y), lambda z, y, n: F.cross_entropy(z, y)],
    "check_class_balanced_loss": [
        lambda z, y, n: (n.sum() / (len(n) * n[y]) * F.cross_entropy(z, y, reduction="none")).mean()
    ],
    "check_marc": [lambda z, w, omega, beta: omega * z + beta],
    "check_image_text_loss": [
        lambda x, u, y, tau: F.cross_entropy(x @ u.T / tau, y),
        lambda x, u, y, tau: image_text_loss(x, u, y, 1 / tau),
        lambda x, u, y, tau: image_text_loss_that_overflows(x, u, y, tau),
    ],
    "check_adapter": [
        lambda f, w, b, residual: residual * (f @ w.T + b) + (1 - residual) * f,
        lambda f, w, b, residual: (1 - residual) * torch.relu(f @ w.T + b) + residual * f,
    ],
    "check_class_wise_contrast": [lambda *case: class_wise_contrast(*case) / 2],
    "check_linguistic_score": [lambda u, t, x, y, tau: linguistic_score(u, t, x, y, tau).neg()],
    "check_language_guided_text": [
        lambda x, anchors: F.cosine_similarity(x[:, None], anchors.mean(1)[None], dim=-1),
    ],
    "check_clip_loss": [lambda *case: 2 * clip_loss(*case)],
}


@pytest.mark.parametrize("name", checks.__all__)
def test_likely_mistakes_do_not_pass(name, capsys):
    for wrong in WRONG[name]:
        getattr(checks, name)(wrong)
        assert "all 3 cases agree" not in capsys.readouterr().out, inspect.getsource(wrong)


def test_an_answer_cannot_change_the_case(capsys):
    def careless(z, n):
        z -= (n / n.sum()).log()
        return z

    checks.check_logit_adjustment(careless)
    assert capsys.readouterr().out == "logit adjustment: all 3 cases agree\n"
