"""Functions and constructors whose bad input is checked here; their values have tests of their own."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from contract.bad_input import bad_counts, bad_features, bad_targets, bad_temperature, bad_values
from contract.cases import BadInput, FunctionCase
from ltnb.anchors import image_batch, score_sentences, select_anchors
from ltnb.clip import prompt_sentences
from ltnb.data.longtail import exponential_counts, pareto_counts, shot_groups
from ltnb.heads import KNNHead, reinitialized
from ltnb.losses import logit_adjust, pc_softmax
from ltnb.metrics import evaluate
from ltnb.retrieval import top_images
from ltnb.samplers import BalancedSampler, sampling_probabilities

COUNTS = np.array([150, 60, 10])
LABELS = np.array([0, 0, 1, 2, 1])
SCORES = np.arange(15.0).reshape(5, 3)
LOGITS = torch.from_numpy(SCORES)
BANK = {
    "features": LOGITS,
    "labels": torch.from_numpy(LABELS),
    "k": 2,
    "metric": "cosine",
    "num_classes": 3,
    "chunk": 4,
}


def _array_with(array: np.ndarray, value: float) -> np.ndarray:
    array = array.copy()
    array.flat[-1] = value
    return array


SENTENCES = {"text_emb": LOGITS, "text_labels": torch.from_numpy(LABELS)}

FUNCTIONS = [
    FunctionCase(
        "image_batch",
        image_batch,
        {"labels": LABELS, "per_class": 2, "seed": 0, "generator": None},
        (
            BadInput("labels", "negative", lambda y: _array_with(y, -1)),
            BadInput("labels", "floats", lambda y: y.astype(float)),
            BadInput("labels", "empty", lambda y: y[:0]),
            *bad_values("per_class", 0, -1, 2.5, True),
            *bad_values("seed", -1, 0.5),
            *bad_values("generator", 1, "cpu"),
        ),
    ),
    FunctionCase(
        "score_sentences",
        score_sentences,
        {
            **SENTENCES,
            "image_emb": LOGITS[:4] + 1,
            "image_labels": torch.tensor([0, 1, 2, 2]),
            "temperature": 0.07,
            "logit_scale": None,
            "block": 8,
        },
        (
            *bad_features("text_emb", width=False),
            *bad_targets("text_labels"),
            BadInput("text_labels", "a class without images", lambda y: torch.where(y == 1, 7, y)),
            *bad_features("image_emb"),
            *bad_targets("image_labels"),
            *bad_temperature(),
            *bad_values("temperature", 100, 10.5, torch.tensor(11.0)),
            BadInput("logit_scale", "beside a temperature", lambda _: 14.3, named="temperature"),
            *bad_values("block", 0, 2.5),
        ),
    ),
    FunctionCase(
        "select_anchors",
        select_anchors,
        {**SENTENCES, "scores": torch.arange(5.0), "per_class": 2},
        (
            *bad_features("text_emb", width=False),
            *bad_targets("text_labels"),
            BadInput("text_labels", "a class without sentences", lambda y: torch.where(y == 1, 0, y)),
            BadInput("scores", "a list", lambda x: x.tolist()),
            BadInput("scores", "one too few", lambda x: x[:-1]),
            BadInput("scores", "two-dimensional", lambda x: x[:, None]),
            BadInput("scores", "NaN", lambda x: x.log().sqrt()),
            *bad_values("per_class", 0, -1, 2.5, True),
        ),
    ),
    FunctionCase(
        "top_images",
        top_images,
        {"query_emb": LOGITS[:2], "image_emb": LOGITS + 1, "k": 3, "block": 8, "images_at_a_time": 8},
        (
            *(bad for bad in bad_features("query_emb", width=False) if bad.why != "one-dimensional"),
            BadInput("query_emb", "a number", lambda x: x[0, 0]),
            *bad_features("image_emb"),
            *bad_values("k", 0, 6, -1, 2.5, True),
            *bad_values("block", 0, 2.5),
            *bad_values("images_at_a_time", 0, 2.5),
        ),
    ),
    FunctionCase(
        "prompt_sentences",
        prompt_sentences,
        {"class_names": ["cat", "dog"], "templates": ["a photo of a {}.", "art of a {}."]},
        (
            *bad_values("class_names", [], "cat", None, [1, 2]),
            *bad_values("templates", [], "a photo of a {}.", ["a photo"], ["{} and {}"], [3]),
        ),
    ),
    FunctionCase(
        "exponential_counts",
        exponential_counts,
        {"n_max": 500, "num_classes": 10, "imbalance": 100},
        (
            *bad_values("n_max", 0, -5, 2.5, "500", True),
            BadInput("n_max", "too few for the tail", lambda _: 99),
            *bad_values("num_classes", 0, 1.5, None),
            *bad_values("imbalance", 0.01, 0, -1, float("nan"), float("inf"), "100"),
        ),
    ),
    FunctionCase(
        "pareto_counts",
        pareto_counts,
        {"n_max": 1280, "n_min": 5, "num_classes": 10, "alpha": 6.0},
        (
            *bad_values("n_max", 4, 0, 10.0),
            *bad_values("n_min", 0, -1, 5.0),
            *bad_values("num_classes", 0, "10"),
            *bad_values("alpha", 0, -6, float("nan"), float("inf")),
        ),
    ),
    FunctionCase(
        "shot_groups",
        shot_groups,
        {"class_counts": COUNTS, "convention": "strict"},
        (*bad_counts(prior=False), *bad_values("convention", "loose", None, "", ["strict"])),
    ),
    FunctionCase(
        "sampling_probabilities",
        sampling_probabilities,
        {"class_counts": COUNTS, "strategy": "mix", "progress": 0.5},
        (
            *bad_counts(),
            *bad_values("strategy", "balanced", None),
            *bad_values("progress", -0.1, 1.1, float("nan"), "0"),
        ),
    ),
    FunctionCase(
        "BalancedSampler",
        BalancedSampler,
        {"labels": LABELS, "strategy": "mix", "num_samples": 3, "seed": 0, "epochs": 2, "generator": None},
        (
            BadInput("labels", "negative", lambda y: _array_with(y, -1)),
            BadInput("labels", "floats", lambda y: y.astype(float)),
            BadInput("labels", "two-dimensional", lambda y: y[None]),
            BadInput("labels", "empty", lambda y: y[:0]),
            BadInput("labels", "text", lambda y: ["a", "b"]),
            *bad_values("strategy", "balanced", None),
            *bad_values("num_samples", 0, -1, 2.0, True),
            *bad_values("seed", -1, 0.5, None),
            *bad_values("generator", 1, "cpu"),
            *bad_values("epochs", 0, 1.0, None),
        ),
    ),
    FunctionCase(
        "BalancedSampler.set_epoch",
        lambda epoch: BalancedSampler(LABELS, "mix", epochs=2).set_epoch(epoch),
        {"epoch": 1},
        tuple(bad_values("epoch", -1, 0.5, None)),
    ),
    FunctionCase(
        "BalancedSampler, generator",
        lambda seed: BalancedSampler(LABELS, "class", seed=seed, generator=torch.Generator()),
        {"seed": 0},
        tuple(bad_values("seed", 1, -1, 0.5)),
    ),
    FunctionCase(
        "evaluate, labels",
        evaluate,
        {"predictions": LABELS, "targets": LABELS, "class_counts": COUNTS, "convention": "strict"},
        (
            BadInput("predictions", "too large", lambda y: _array_with(y, 3)),
            BadInput("predictions", "negative", lambda y: _array_with(y, -1)),
            BadInput("predictions", "floats", lambda y: y.astype(float)),
            BadInput("predictions", "one too few", lambda y: y[:-1]),
            BadInput("predictions", "a column", lambda y: y[:, None]),
            BadInput("targets", "too large", lambda y: _array_with(y, 3)),
            BadInput("targets", "negative", lambda y: _array_with(y, -1)),
            BadInput("targets", "floats", lambda y: y.astype(float)),
            BadInput("targets", "two-dimensional", lambda y: y[:, None]),
            BadInput("targets", "empty", lambda y: y[:0]),
            *bad_counts(prior=False),
            *bad_values("convention", "loose", None),
        ),
    ),
    FunctionCase(
        "evaluate, scores",
        evaluate,
        {"predictions": SCORES, "targets": LABELS, "class_counts": COUNTS},
        (
            BadInput("predictions", "NaN", lambda s: _array_with(s, float("nan"))),
            BadInput("predictions", "infinity", lambda s: _array_with(s, float("inf"))),
            BadInput("predictions", "a class too many", lambda s: np.hstack([s, s[:, :1]])),
            BadInput("predictions", "a row too few", lambda s: s[:-1]),
            BadInput("predictions", "complex", lambda s: s.astype(complex)),
            BadInput("predictions", "three-dimensional", lambda s: s[None]),
        ),
    ),
    *(
        FunctionCase(
            function.__name__,
            function,
            {"logits": LOGITS, "class_counts": COUNTS} | ({"tau": 0.5} if function is logit_adjust else {}),
            (
                *bad_features("logits"),
                *bad_counts(),
                BadInput("class_counts", "a class too many", lambda n: [*n, 1], named="logits"),
                *(bad_values("tau", -0.1, float("nan"), float("inf"), "1", None) if function is logit_adjust else ()),
            ),
        )
        for function in (logit_adjust, pc_softmax)
    ),
    FunctionCase(
        "KNNHead",
        KNNHead,
        BANK,
        (
            *bad_features("features", width=False),
            *bad_targets("labels", num_classes=3),
            *bad_values("k", 0, -1, 6, 2.0, None, True),
            *bad_values("metric", "manhattan", None, ""),
            *bad_values("num_classes", 0, -1, 3.0, True),
            BadInput("num_classes", "too few for the labels", lambda _: 2, named="labels"),
            *bad_values("chunk", 0, -1, 2.5, None),
        ),
    ),
    *(
        FunctionCase(
            f"KNNHead, call, {metric}",
            KNNHead(**{**BANK, "metric": metric}),
            {"features": LOGITS},
            tuple(bad_features("features")),
        )
        for metric in ("cosine", "euclidean")
    ),
    FunctionCase(
        "reinitialized",
        reinitialized,
        {"linear": nn.Linear(4, 3), "seed": 0},
        (*bad_values("linear", None, nn.Identity(), torch.eye(3), "linear"), *bad_values("seed", -1, 0.5, "0", True)),
    ),
]
