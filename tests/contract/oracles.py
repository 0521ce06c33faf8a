"""Slow NumPy transcriptions of the papers' equations: plain loops, float64, no code shared with the package."""

from __future__ import annotations

import math

import numpy as np


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(float(x) ** 2 for x in a)) / math.sqrt(sum(float(y) ** 2 for y in b))


def log_softmax_at(row: list[float], index: int) -> float:
    top = max(row)
    return row[index] - top - math.log(sum(math.exp(value - top) for value in row))


def class_wise_contrastive(state, image_emb, text_emb, image_labels, text_labels, temperature, *, smoothing=0.0):
    """VL-LTR Eq. 2, both sums written out; smoothing mixes each row's target with the uniform one (released code)."""
    tau = float(temperature)
    n_images, n_texts = len(image_emb), len(text_emb)
    similarity = [[cosine(v, u) / tau for u in text_emb] for v in image_emb]
    visual = linguistic = 0.0
    for i in range(n_images):
        row = similarity[i]
        log_p = [log_softmax_at(row, k) for k in range(n_texts)]
        positives = [j for j in range(n_texts) if text_labels[j] == image_labels[i]]
        matched = -sum(log_p[j] for j in positives) / len(positives)
        visual += (1 - smoothing) * matched + smoothing * (-sum(log_p) / n_texts)
    for i in range(n_texts):
        column = [similarity[k][i] for k in range(n_images)]
        log_p = [log_softmax_at(column, k) for k in range(n_images)]
        positives = [j for j in range(n_images) if image_labels[j] == text_labels[i]]
        matched = -sum(log_p[j] for j in positives) / len(positives)
        linguistic += (1 - smoothing) * matched + smoothing * (-sum(log_p) / n_images)
    return visual / n_images + linguistic / n_texts


def image_text_cross_entropy(state, image_emb, class_text_emb, labels, temperature):
    """BALLAD Eq. 2 with the K class texts of Eq. 4 as candidates (Algorithm 1)."""
    total = 0.0
    for v, y in zip(image_emb, labels, strict=True):
        total -= log_softmax_at([cosine(v, u) / float(temperature) for u in class_text_emb], int(y))
    return total / len(image_emb)


def linear_adapter(state, features, *, residual, relu):
    """BALLAD Eq. 5, one output coordinate at a time. ``state`` holds the paper's W^T and b."""
    weight, bias = state["linear.weight"], state.get("linear.bias")
    out = np.zeros_like(features)
    for n, f in enumerate(features):
        for row in range(len(weight)):
            value = sum(float(w) * float(x) for w, x in zip(weight[row], f, strict=True))
            value += 0.0 if bias is None else float(bias[row])
            if relu and value < 0:
                value = 0.0
            out[n, row] = residual * value + (1 - residual) * float(f[row])
    return out


def sampling_probabilities(class_counts, strategy: str, progress: float = 0.0) -> list[float]:
    """Kang et al. 2020 Eq. 1 and 2: n_c^q / sum_k n_k^q with q = 1, 0, 1/2, and the mixture of q = 1 and q = 0."""

    def power(q: float) -> list[float]:
        total = sum(float(n) ** q for n in class_counts)
        return [float(n) ** q / total for n in class_counts]

    if strategy == "mix":
        return [(1 - progress) * a + progress * b for a, b in zip(power(1), power(0), strict=True)]
    return power({"instance": 1.0, "class": 0.0, "sqrt": 0.5}[strategy])
