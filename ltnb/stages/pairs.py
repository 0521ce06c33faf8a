"""First stages, in which towers learn: VL-LTR's class-wise pre-training, and an image tower with a classifier on it.

Both start from given weights, see a data set by square-root sampling, and put the weights back as they came, so that
what is compared starts from the same place and gets as many steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ltnb._checks import check_integer, check_number, check_temperature, fail
from ltnb.clip import Backbone, Embedded, ImageSource, PairSource, embed
from ltnb.data.containers import LongTailData
from ltnb.data.corpus import SentenceBank
from ltnb.samplers import BalancedSampler
from ltnb.training import fit
from ltnb.training.history import History

State = Mapping[str, Tensor]
PairLoss = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""``loss(images (B, D), texts (B, D), classes (B,), teacher's images, teacher's texts, tau)`` gives a scalar."""


@dataclass(frozen=True)
class TowerRecipe:
    """Length and rate of a training of towers; AdamW with decay 0.05, a tenth of warm-up, then a cosine to 0.

    Attributes:
        lr: peak learning rate.
        passes: how often each training picture is drawn, in the mean; may be below 1.
        batch_size: pictures a step.
        seed: of the draws.

    Raises:
        ValueError: a number is out of its range.
    """

    lr: float
    passes: float
    batch_size: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_number(self.lr, "lr", 0.0, ends="()")
        check_number(self.passes, "passes", 0.0, ends="()")
        check_integer(self.batch_size, "batch_size", 1)
        check_integer(self.seed, "seed", 0)

    def steps(self, pictures: int) -> int:
        """Steps on so many training pictures."""
        return max(1, round(self.passes * pictures / self.batch_size))

    def train(self, model: nn.Module, objective: Callable[..., Tensor], source: object, labels: Tensor) -> History:
        """Train what requires a gradient.

        Args:
            model: all that learns.
            objective: ``objective(model, batch)`` gives the scalar loss.
            source: of batches, see `ltnb.training.fit`.
            labels: (N,) classes of the pictures of ``source``.
        """
        steps, per_pass = self.steps(len(labels)), -(-len(labels) // self.batch_size)
        return fit(
            model,
            objective,
            source,
            sampler=BalancedSampler(labels, "sqrt", seed=self.seed),
            lr=self.lr,
            epochs=-(-steps // per_pass),
            max_steps=steps,
            batch_size=self.batch_size,
            optimizer="adamw",
            weight_decay=0.05,
            warmup=0.1,
            max_grad_norm=1.0,
            seed=self.seed,
        )


@dataclass(frozen=True)
class TunedPair(Embedded):
    """What a pair of towers after class-wise pre-training makes of its world, beside what `Embedded` holds.

    Attributes:
        bank: the sentences that it was trained on, as embedded in ``texts``.
        tau: the temperature, as learned.
        history: of the training.
        state: the weights of both towers, on the CPU.
    """

    bank: SentenceBank
    tau: float
    history: History
    state: State


@contextmanager
def weights(backbone: Backbone, state: State | None = None) -> Iterator[None]:
    """Let a backbone have other weights for the length of a block, or be trained in it; it leaves as it came.

    Args:
        backbone: any.
        state: what its ``state_dict()`` gave at another time; None begins with the weights that it has.
    """
    before = {name: value.detach().cpu().clone() for name, value in backbone.state_dict().items()}
    try:
        if state is not None:
            backbone.load_state_dict(dict(state))
        yield
    finally:
        backbone.load_state_dict(before)
        backbone.set_trainable(image=False, text=False)


def tune_pair(
    backbone: Backbone,
    data: LongTailData,
    bank: SentenceBank,
    old: Embedded,
    loss: PairLoss,
    recipe: TowerRecipe,
    *,
    temperature: float = 0.07,
    state: State | None = None,
    parts: Sequence[str] = ("train", "val", "test"),
) -> TunedPair:
    """Class-wise pre-training (VL-LTR 3.2): both towers learn from pictures and any sentences of their classes.

    Args:
        backbone: both towers; they leave as they came.
        data: its training pictures are learned from.
        bank: sentences, each class of the pictures at least once.
        old: the embeddings of ``data`` and ``bank`` by the teacher, for distillation.
        loss: see `PairLoss`.
        recipe: how long and how fast.
        temperature: tau, where it begins.
        state: weights to begin with; None means those of the backbone.
        parts: of the data set that are embedded afterwards; of the others there is no row.

    Raises:
        ValueError: the teacher has embedded another number of pictures or sentences.
    """
    if (len(old.train), len(old.texts)) != (len(data.train), len(bank.lines)):
        fail(
            "old",
            f"embeddings of {len(data.train)} pictures and {len(bank.lines)} sentences",
            f"{len(old.train)} and {len(old.texts)}",
        )
    with weights(backbone, state):
        backbone.set_trainable(image=True, text=True)
        log_tau = nn.Parameter(torch.tensor(float(check_temperature(temperature)), device=backbone.device).log())

        def objective(_: nn.Module, drawn: tuple[Tensor, ...]) -> Tensor:
            pictures, y, at, sentence = drawn
            images = backbone.encode_images(pictures, normalize=False)
            texts = backbone.encode_texts([bank.lines[k] for k in sentence.tolist()], normalize=False)
            teacher = old.train.x[at.cpu()].to(images), old.texts[sentence.cpu()].to(texts)
            return loss(images, texts, y, *teacher, log_tau.exp())

        source = PairSource(ImageSource(backbone, data.train), bank.y, seed=recipe.seed)
        both = nn.ModuleList([backbone, nn.ParameterList([log_tau])])
        history = recipe.train(both, objective, source, old.train.y)
        kept = {name: value.detach().cpu().clone() for name, value in backbone.state_dict().items()}
        seen = embed(backbone, data, bank.lines, parts=parts)
    return TunedPair(**vars(seen), bank=bank, tau=float(log_tau.detach().exp()), history=history, state=kept)


def tune_tower(
    backbone: Backbone,
    data: LongTailData,
    head: nn.Module,
    loss: Callable[..., Tensor],
    recipe: TowerRecipe,
    *,
    state: State | None = None,
    parts: Sequence[str] = ("train", "val", "test"),
) -> Embedded:
    """Fine-tuning: the image tower learns with a head on it.

    Args:
        backbone: its image tower learns; it leaves as it came.
        data: its training pictures are learned from.
        head: learns too, and stays as it is then, on the CPU and frozen.
        loss: ``loss(head's output, classes)`` gives a scalar.
        recipe: how long and how fast.
        state: weights to begin with; None means those of the backbone.
        parts: of the data set that are embedded afterwards.

    Returns:
        What the tuned tower makes of the pictures; no texts.
    """
    with weights(backbone, state):
        backbone.set_trainable(image=True, text=False)
        head.requires_grad_(True).to(backbone.device)

        def objective(_: nn.Module, drawn: tuple[Tensor, ...]) -> Tensor:
            return loss(head(backbone.encode_images(drawn[0], normalize=False)), drawn[1])

        labels = torch.as_tensor(np.asarray(data.train.labels))
        recipe.train(nn.ModuleList([backbone, head]), objective, ImageSource(backbone, data.train), labels)
        head.cpu().requires_grad_(False)
        return embed(backbone, data, [], parts=parts)
