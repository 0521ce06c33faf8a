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


def logit_distillation(state, image_emb, text_emb, teacher_image_emb, teacher_text_emb, temperature, *, form):
    """VL-LTR Eq. 3: as printed the term of the pair itself, in full all terms of the row and of the column."""
    n, tau = len(image_emb), float(temperature)
    student = [[cosine(v, u) / tau for u in text_emb] for v in image_emb]
    teacher = [[cosine(v, u) / tau for u in teacher_text_emb] for v in teacher_image_emb]
    total = 0.0
    for own, other in ((student, teacher), (list(zip(*student, strict=True)), list(zip(*teacher, strict=True)))):
        for i in range(n):
            for j in range(n) if form == "full" else [i]:
                total -= math.exp(log_softmax_at(list(other[i]), j)) * log_softmax_at(list(own[i]), j)
    return total / n


def feature_distillation(state, image_emb, text_emb, teacher_image_emb, teacher_text_emb):
    """Squared distance of unit vectors: 2 - 2 cos."""
    pairs = [*zip(image_emb, teacher_image_emb, strict=True), *zip(text_emb, teacher_text_emb, strict=True)]
    return sum(2 - 2 * cosine(a, b) for a, b in pairs) / len(image_emb)


def language_guided_loss(state, logits_image, logits_text, targets, *, smoothing):
    """VL-LTR Eq. 9: two cross-entropies."""
    total = 0.0
    for logits in (logits_image, logits_text):
        for row, y in zip(logits, targets, strict=True):
            log_p = [log_softmax_at(list(row), c) for c in range(len(row))]
            total -= (1 - smoothing) * log_p[y] + smoothing * sum(log_p) / len(row)
    return total / len(targets)


def language_guided(state, image_emb, *, tau, epsilon=1e-5):
    """VL-LTR Eq. 4-7, sentence by sentence: (2, B, C), the image branch first."""

    def norm(x, name):
        x = (x - x.mean()) / math.sqrt(x.var() + epsilon)
        return x * state[f"{name}.weight"] + state[f"{name}.bias"]

    anchors, padding = state["anchors"], state["padding_mask"]
    image, text = [], []
    for e in image_emb:
        hidden = np.maximum(state["mlp.0.weight"] @ e + state["mlp.0.bias"], 0)
        image.append(state["mlp.2.weight"] @ hidden + state["mlp.2.bias"])
        query = state["query.weight"] @ norm(e, "query_norm")
        row = []
        for sentences, padded in zip(anchors, padding, strict=True):
            real = [a for a, hide in zip(sentences, padded, strict=True) if not hide]
            scores = [float(query @ (state["key.weight"] @ norm(a, "key_norm"))) / math.sqrt(len(e)) for a in real]
            gathered = sum(math.exp(log_softmax_at(scores, m)) * a for m, a in enumerate(real))
            row.append(cosine(e, gathered) / tau)
        text.append(row)
    return np.array([image, text])


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


# ---- classification losses: IVLM Eq. 8 and the papers that it takes the weights and offsets from


def _cross_entropy_terms(logits, targets, offsets=None) -> list[float]:
    """-log softmax(z + offset)_y of each sample."""
    rows = [[float(z) + (0.0 if offsets is None else offsets[c]) for c, z in enumerate(row)] for row in logits]
    return [-log_softmax_at(row, int(y)) for row, y in zip(rows, targets, strict=True)]


def _weighted(terms: list[float], targets, weights: list[float], normalize: str = "weights") -> float:
    total = sum(weights[int(y)] * term for term, y in zip(terms, targets, strict=True))
    return total / (sum(weights[int(y)] for y in targets) if normalize == "weights" else len(terms))


def class_balanced(state, logits, targets, *, class_counts, normalize):
    """IVLM Eq. 8 with w_c = N / (C n_c); the released code divides by the batch's weights."""
    weights = [sum(class_counts) / (len(class_counts) * n) for n in class_counts]
    return _weighted(_cross_entropy_terms(logits, targets), targets, weights, normalize)


def effective_number(state, logits, targets, *, class_counts, beta):
    """Cui et al. 2019 Eq. 11."""
    weights = [(1 - beta) / (1 - beta**n) for n in class_counts]
    return _weighted(_cross_entropy_terms(logits, targets), targets, weights)


def generalized_reweight(state, logits, targets, *, class_counts, exponent):
    """DisAlign section 3.4: (1/r_c)^rho over their sum."""
    inverse = [(sum(class_counts) / n) ** exponent for n in class_counts]
    return _weighted(_cross_entropy_terms(logits, targets), targets, [w / sum(inverse) for w in inverse])


def focal(state, logits, targets, *, gamma):
    """Lin et al. 2017 Eq. 4, softmax form."""
    terms = _cross_entropy_terms(logits, targets)
    return sum((1 - math.exp(-term)) ** gamma * term for term in terms) / len(terms)


def ldam(state, logits, targets, *, class_counts, max_margin, scale):
    """Cao et al. 2019 Eq. 12-13: margins C / n^(1/4), the largest being max_margin."""
    raw = [1 / n**0.25 for n in class_counts]
    margins = [max_margin * m / max(raw) for m in raw]
    total = 0.0
    for row, y in zip(logits, targets, strict=True):
        lowered = [scale * (float(z) - (margins[c] if c == int(y) else 0.0)) for c, z in enumerate(row)]
        total -= log_softmax_at(lowered, int(y))
    return total / len(targets)


def logit_adjusted(state, logits, targets, *, class_counts, tau):
    """Menon et al. 2021 Eq. 10; tau = 1 is Ren et al. 2020 Eq. 4."""
    offsets = [tau * math.log(n / sum(class_counts)) for n in class_counts]
    return sum(_cross_entropy_terms(logits, targets, offsets)) / len(targets)


def logit_adjust(logits, *, class_counts, tau):
    """Menon et al. 2021 Eq. 9."""
    log_prior = [math.log(n / sum(class_counts)) for n in class_counts]
    return [[float(z) - tau * p for z, p in zip(row, log_prior, strict=True)] for row in logits]


def pc_softmax(logits, *, class_counts):
    """Hong et al. 2021 Eq. 5 with the target prior 1 / C, as a ratio of sums."""
    ratios, out = [(1 / len(class_counts)) / (n / sum(class_counts)) for n in class_counts], []
    for row in logits:
        terms = [math.exp(z) * ratio for z, ratio in zip(row, ratios, strict=True)]
        out.append([term / sum(terms) for term in terms])
    return out


def lade(state, logits, targets, *, class_counts, alpha, lam, variant):
    """Hong et al. 2021 as released, class by class; ``ivlm`` gives the estimator the prior-adjusted logits."""
    n_samples, num_classes = logits.shape
    prior = [n / sum(class_counts) for n in class_counts]
    f = [[float(z) + (math.log(prior[c]) if variant == "ivlm" else 0.0) for c, z in enumerate(row)] for row in logits]
    estimator = 0.0
    for c in range(num_classes):
        own = [f[i][c] for i in range(n_samples) if int(targets[i]) == c]
        first = sum(own) / len(own) if own else 0.0
        balanced = [f[i][c] - math.log(prior[c]) + math.log(1 / num_classes) for i in range(n_samples)]
        second = math.log(sum(math.exp(value) for value in balanced) / n_samples)
        estimator += prior[c] * -(first - second - lam * second**2)
    return logit_adjusted(state, logits, targets, class_counts=class_counts, tau=1.0) + alpha * estimator


# ---- heads on frozen features


def _scores(weight, bias, x) -> list[float]:
    return [
        sum(float(w) * float(v) for w, v in zip(row, x, strict=True)) + (0.0 if bias is None else float(bias[c]))
        for c, row in enumerate(weight)
    ]


def _length(row) -> float:
    return math.sqrt(sum(float(w) ** 2 for w in row))


def learnable_weight_scaling(state, features):
    """Kang et al. 2020 section 4.2; the factor meets the bias too, as released."""
    weight, bias = state["linear.weight"], state.get("linear.bias")
    return np.array([[s * z for s, z in zip(state["scales"], _scores(weight, bias, x), strict=True)] for x in features])


def marc(state, features):
    """Wang et al. 2022 Eq. 7: (omega_c d_c + beta_c) ||w_c|| with the margin d_c = z_c / ||w_c||."""
    weight, bias = state["linear.weight"], state["linear.bias"]
    out = []
    for x in features:
        margins = [z / _length(w) for z, w in zip(_scores(weight, bias, x), weight, strict=True)]
        calibrated = [o * d + b for o, d, b in zip(state["omega"], margins, state["beta"], strict=True)]
        out.append([d * _length(w) for d, w in zip(calibrated, weight, strict=True)])
    return np.array(out)


def disalign(state, features, *, form):
    """Zhang et al. 2021 Eq. 3-5."""
    out = []
    for x in features:
        (score,) = _scores(state["confidence.weight"], state["confidence.bias"], x)
        s = 1 / (1 + math.exp(-score)) if score > -700 else 0.0
        row = []
        for c, z in enumerate(_scores(state["linear.weight"], state["linear.bias"], x)):
            a, b = float(state["scale"][c]), float(state["bias"][c])
            row.append(s * (a * z + b) + (1 - s) * z if form == "paper" else z + s * a * z + s * b)
        out.append(row)
    return np.array(out)


def tau_normalized(state, features, *, tau):
    """Kang et al. 2020 Eq. 4: w_c / ||w_c||^tau, no bias."""
    weight = state["linear.weight"]
    return np.array(
        [[z / _length(w) ** tau for z, w in zip(_scores(weight, None, x), weight, strict=True)] for x in features]
    )


def cosine_classifier(state, features, *, scale):
    return np.array([[scale * cosine(x, w) for w in state["weight"]] for x in features])


def nearest_class_mean(state, features, *, metric):
    """The means are in the state; that they are means is tested on their own."""
    if metric == "cosine":
        return np.array([[cosine(x, m) for m in state["means"]] for x in features])
    return np.array(
        [
            [-sum((float(a) - float(b)) ** 2 for a, b in zip(x, m, strict=True)) for m in state["means"]]
            for x in features
        ]
    )


def token_decoder(state, tokens, *, heads=2, epsilon=1e-6):
    """A pre-norm transformer, block by block: x + Attention(norm x), then x + MLP(norm x), exact GELU."""

    def norm(x, name):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + epsilon) * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def attention(x, name):
        n_tokens, width = x.shape
        query, key, value = np.split(linear(x, f"{name}.qkv"), 3, axis=-1)
        each = width // heads
        out = np.zeros_like(x)
        for h in range(heads):
            part = slice(h * each, (h + 1) * each)
            for t in range(n_tokens):
                scores = [float(query[t, part] @ key[u, part]) / math.sqrt(each) for u in range(n_tokens)]
                weights = [math.exp(log_softmax_at(scores, u)) for u in range(n_tokens)]
                out[t, part] = sum(w * value[u, part] for u, w in enumerate(weights))
        return linear(out, f"{name}.proj")

    def perceptron(x, name):
        hidden = linear(x, f"{name}.fc1")
        gelu = np.vectorize(lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2))))
        return linear(gelu(hidden), f"{name}.fc2")

    out = []
    for x in tokens:
        for i in range(sum(name.endswith(".attn.qkv.weight") for name in state)):
            x = x + attention(norm(x, f"blocks.{i}.norm1"), f"blocks.{i}.attn")
            x = x + perceptron(norm(x, f"blocks.{i}.norm2"), f"blocks.{i}.mlp")
        out.append(x)
    return np.array(out)
