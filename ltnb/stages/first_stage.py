"""What reads all tokens of a frozen image tower, or changes the tower: IVLM's decoder, and full fine-tuning beside it.

`encode_layers` runs the frozen tower once over a data set; `fit_decoder` trains a decoder and a classifier on the
tokens, `finetune` the whole tower with a classifier. Both give a `FirstStage`: a classifier and what it reads, which is
all that `second_stage` needs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ltnb._checks import check_choice, check_integer, check_number
from ltnb.clip import Backbone, ImageSource, extract_features, extract_layers
from ltnb.clip.precision import arithmetic
from ltnb.data import FeatureData, LongTailData
from ltnb.heads import TokenDecoder, reinitialized
from ltnb.metrics import Report, evaluate
from ltnb.samplers import BalancedSampler
from ltnb.stages.pairs import weights
from ltnb.stages.second import ADJUSTERS, BALANCED, Loss, adjuster
from ltnb.training import History, TensorSource, fit
from ltnb.training.optimisation import Precision

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Split:
    """One split of a data set as a frozen tower sees it.

    Attributes:
        x: (N, D) embeddings in the joint space, as they came.
        pooled: (N, W) features before the projection.
        tokens: source of (tokens (B, T, W) or pictures, labels), see `encode_layers`.
        y: (N,) labels.
    """

    x: Tensor
    pooled: Tensor
    tokens: Any
    y: Tensor


@dataclass(frozen=True)
class Encoded:
    """A data set that a frozen tower has encoded.

    Attributes:
        model: the encoder.
        data: the data set.
        train, test: its splits.
        token_shape: (T, W), number of tokens of a picture and their width.
    """

    model: Backbone
    data: LongTailData
    train: Split
    test: Split
    token_shape: tuple[int, int]

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.data.class_names)

    @property
    def frozen(self) -> FeatureData:
        """The pooled features, as the stages without a decoder take them."""
        return FeatureData(
            train_x=self.train.pooled,
            train_y=self.train.y,
            test_x=self.test.pooled,
            test_y=self.test.y,
            class_names=list(self.data.class_names),
            name=self.data.name,
        )

    def report(self, scores: Tensor) -> Report:
        """The report of scores (N_test, C) of the test pictures."""
        return evaluate(scores.detach().cpu(), self.test.y, self.data.group_counts)


@dataclass(frozen=True)
class FirstStage:
    """A trained network as a classifier, and what it reads.

    Attributes:
        classifier: frozen ``nn.Linear`` (W to C) on the CPU.
        z: split -> (N, W) features that the classifier reads.
        history: of the training.
    """

    classifier: nn.Linear
    z: dict[str, Tensor]
    history: History

    @property
    def steps(self) -> int:
        """Steps that were taken."""
        return len(self.history.step_loss)

    @property
    def scores(self) -> Tensor:
        """Scores (N_test, C) of the test pictures."""
        return self.classifier(self.z["test"]).detach()


class DecoderClassifier(nn.Module):
    """IVLM's decoder with a classifier of token 0 (Algorithm 1, Eq. 7).

    Args:
        width: W of the tokens.
        num_classes: C.
        seed: of all weights.
        depth: blocks; the paper has three.
    """

    def __init__(self, width: int, num_classes: int, seed: int = 0, depth: int = 3) -> None:
        super().__init__()
        self.decoder = TokenDecoder(width, depth=depth, heads=4, mlp_ratio=0.5, seed=seed)
        self.classifier = reinitialized(nn.Linear(width, num_classes), seed=seed)

    def represent(self, tokens: Tensor) -> Tensor:
        """The representation z (B, W) of tokens (B, T, W)."""
        return self.decoder(tokens, class_token_only=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, C)."""
        logits: Tensor = self.classifier(self.represent(tokens))
        return logits


def encode_layers(model: Backbone, data: LongTailData, *, max_token_gb: float = 8.0) -> Encoded:
    """Run the frozen image tower once over training and test pictures.

    Args:
        model: the encoder.
        data: pictures and labels.
        max_token_gb: where the tokens of a split take more than so many GB, they are not kept: pictures are encoded
            anew in each step that asks for them.

    Raises:
        ValueError: ``max_token_gb`` is negative or no number.
    """
    check_number(max_token_gb, "max_token_gb", 0.0)
    with torch.no_grad():
        one = model.encode_tokens(model.preprocess(data.train[0][0])[None])
    splits = {}
    for name in SPLITS:
        pictures = getattr(data, name)
        fits = one.numel() * 4 * len(pictures) <= max_token_gb * 1e9
        found = extract_layers(model, pictures, ("embedding", "pooled", *(("tokens",) if fits else ())))
        x, y = found["embedding"].x, found["embedding"].y
        tokens: Any = TensorSource(found["tokens"].x, y) if fits else ImageSource(model, pictures)
        splits[name] = Split(x, found["pooled"].x, tokens, y)
    return Encoded(model, data, **splits, token_shape=(one.shape[1], one.shape[2]))


def _tokens_of(model: Backbone, x: Tensor) -> Tensor:
    """Tokens (B, T, W) as they are, or those of preprocessed pictures (B, 3, H, H)."""
    if x.ndim == 3:
        return x
    with torch.no_grad():
        return model.encode_tokens(x)


def fit_decoder(
    encoded: Encoded,
    loss: Loss,
    *,
    seed: int = 0,
    splits: Sequence[str] = SPLITS,
    depth: int = 3,
    first_tokens: int | None = None,
    **recipe: Any,
) -> FirstStage:
    """Train a decoder and a classifier on the tokens of a frozen tower (IVLM Eq. 7 and 8).

    Args:
        encoded: what `encode_layers` gives.
        loss: ``loss(logits (B, C), labels (B,))`` gives a scalar; a module is copied to the tower's device.
        seed: of weights and batches.
        splits: which splits to represent.
        depth: blocks of the decoder; the paper has three.
        first_tokens: how many tokens of a picture the decoder reads, the class token first; None means all.
        **recipe: for `ltnb.training.fit`.

    Returns:
        The classifier, the outputs z of the decoder, and the history.

    Raises:
        ValueError: an unknown split, or a setting that `ltnb.training.fit` refuses.
    """
    for name in splits:
        check_choice(name, "splits", SPLITS)
    if first_tokens is not None:
        check_integer(first_tokens, "first_tokens", 1)
    model = encoded.model
    net = DecoderClassifier(encoded.token_shape[1], encoded.num_classes, seed, depth).to(model.device)
    objective = _objective(loss, model.device, lambda net, x: net(_tokens_of(model, x)[:, :first_tokens]))
    half: Precision = "bf16" if model.precision == "bf16" else "fp32"
    history = fit(net, objective, encoded.train.tokens, precision=half, seed=seed, **recipe)
    net.requires_grad_(False)
    z = {name: _represent(model, net, getattr(encoded, name), first_tokens) for name in splits}
    return FirstStage(net.classifier.cpu(), z, history)


@torch.no_grad()
def _represent(model: Backbone, net: DecoderClassifier, split: Split, first_tokens: int | None) -> Tensor:
    """Outputs z (N, W) of a trained decoder."""
    parts = []
    for rows in torch.arange(len(split.y)).split(256):
        x, _ = split.tokens.__getitems__(rows.tolist())
        with arithmetic(model.precision, model.device):
            parts.append(net.represent(_tokens_of(model, x.to(model.device))[:, :first_tokens]).float().cpu())
    return torch.cat(parts)


def finetune(
    encoded: Encoded,
    loss: Loss,
    *,
    classifier_rate: float = 10.0,
    seed: int = 0,
    splits: Sequence[str] = ("test",),
    **recipe: Any,
) -> FirstStage:
    """Train the whole image tower with a classifier on its pooled feature; the tower is put back afterwards.

    Args:
        encoded: what `encode_layers` gives.
        loss: as in `fit_decoder`.
        classifier_rate: learning rate of the classifier, which is new, over that of the tower, which is not.
        seed: as in `fit_decoder`.
        splits: which splits to encode with the tuned tower.
        **recipe: for `ltnb.training.fit`.

    Returns:
        The classifier, the pooled features of the tuned tower, and the history.

    Raises:
        ValueError: as `fit_decoder`.
    """
    for name in splits:
        check_choice(name, "splits", SPLITS)
    model = encoded.model
    width = encoded.train.pooled.shape[1]
    classifier = reinitialized(nn.Linear(width, encoded.num_classes), seed=seed).to(model.device)
    with weights(model):
        model.set_trainable(image=True, text=False)
        whole = nn.ModuleList([model, classifier])
        objective = _objective(loss, model.device, lambda whole, x: whole[1](whole[0].encode_pooled(x)))
        rates, pictures = {"1.": classifier_rate}, ImageSource(model, encoded.data.train)
        history = fit(whole, objective, pictures, lr_scale=rates, seed=seed, **recipe)
        pooled = partial(extract_features, model, layer="pooled")
        z = {name: pooled(getattr(encoded.data, name)).x for name in splits}
    return FirstStage(classifier.cpu().requires_grad_(False), z, history)


def second_stage(
    row: str, stage: FirstStage, labels: Tensor, class_counts: Any, *, seed: int = 0, **recipe: Any
) -> Tensor:
    """Train cRT, LWS, DisAlign or MARC on what a finished first stage gives (IVLM Eq. 9).

    cRT (drawn anew from ``seed + 1``) and LWS see class-balanced samples under cross-entropy, DisAlign and MARC samples
    as they are under generalised re-weighting with exponent 1.2.

    Args:
        row: ``"crt"``, ``"lws"``, ``"disalign"`` or ``"marc"``.
        stage: with training and test features.
        labels: (N,) of the training features.
        class_counts: (C,) training pictures of each class.
        seed: of new weights and of the samples.
        **recipe: for `ltnb.training.fit`.

    Returns:
        Scores (N_test, C).

    Raises:
        ValueError: an unknown row, or a setting that `ltnb.training.fit` refuses.
    """
    head: nn.Module
    loss: Loss
    if check_choice(row, "row", ("crt", *ADJUSTERS)) == "crt":
        head, loss, strategy = reinitialized(stage.classifier, seed=seed + 1), F.cross_entropy, BALANCED
    else:
        head, loss, strategy = adjuster(row, stage.classifier, class_counts, seed)
    sampler = BalancedSampler(labels, strategy, seed=seed)
    objective = _objective(loss, torch.device("cpu"), lambda head, z: head(z))
    fit(head, objective, TensorSource(stage.z["train"], labels), sampler=sampler, seed=seed, **recipe)
    with torch.no_grad():
        scores: Tensor = head(stage.z["test"])
    return scores


def _objective(loss: Loss, device: torch.device, logits: Callable[[Any, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The objective of `ltnb.training.fit`, with a copy of the loss on a device."""
    here = copy.deepcopy(loss).to(device) if isinstance(loss, nn.Module) else loss
    return lambda net, batch: here(logits(net, batch[0]), batch[1])
