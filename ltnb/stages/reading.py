"""Which sentences VL-LTR's head reads: AnSS, and choices to compare it with, on what tuned towers make of a world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ltnb._checks import check_choice, check_integer
from ltnb._numeric import unit
from ltnb.anchors import image_batch, score_sentences, scores_in_turn, select_anchors
from ltnb.stages.pairs import TunedPair

Selection = Literal["anss", "wiki_only", "prompts_only", "half_and_half", "cut_off"]


@dataclass(frozen=True)
class AnchorRecipe:
    """How many anchors a class has, and which pictures score them.

    Attributes:
        per_class: M, the most anchors of a class.
        images: at most so many pictures of a class score a sentence.
        split: ``train`` as in the paper, or ``val`` as in the released code for ImageNet-LT and Places-LT.
        seed: of the draw of pictures.

    Raises:
        ValueError: a number is out of its range, or there is no such split.
    """

    per_class: int = 64
    images: int = 50
    split: Literal["train", "val"] = "train"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        check_integer(self.per_class, "per_class", 1)
        check_integer(self.images, "images", 1)
        check_integer(self.seed, "seed", 0)
        check_choice(self.split, "split", ("train", "val"))

    def scores(self, seen: TunedPair) -> Tensor:
        """L_lin (S,) of every sentence.

        Args:
            seen: pictures and sentences as the towers see them.
        """
        part = getattr(seen, self.split)
        rows = image_batch(part.y, self.images, seed=self.seed)
        return score_sentences(seen.texts, seen.bank.y, part.x[rows], part.y[rows], seen.tau)

    def choose(self, seen: TunedPair, selection: Selection = "anss") -> tuple[Tensor, Tensor, Tensor]:
        """The anchors, ready for `ltnb.heads.LanguageGuidedHead`.

        Args:
            seen: pictures and sentences as the towers see them.
            selection: ``anss`` is the paper's. ``wiki_only`` and ``prompts_only`` choose so among the sentences of the
                articles or among the prompts; ``half_and_half`` takes the best of each in turn; ``cut_off`` takes the
                first of each class and looks at no picture.

        Returns:
            Anchors (C, M, D) of length 1, their padding mask (C, M), and their positions (C, M) in the bank, -1 where
            there is none. M is the most that a class has, ``per_class`` at most.

        Raises:
            ValueError: there is no such selection, or a class has no sentence to choose from.
        """
        check_choice(selection, "selection", get_args(Selection))
        prompt = seen.bank.prompt
        kept = {"wiki_only": ~prompt, "prompts_only": prompt}.get(selection, torch.ones_like(prompt))
        scores = torch.arange(len(prompt)) if selection == "cut_off" else self.scores(seen)
        if selection == "half_and_half":
            scores = scores_in_turn(scores, seen.bank.y, prompt)
        y, texts = seen.bank.y[kept], unit(seen.texts[kept])
        most = min(self.per_class, int(y.bincount().max()))
        anchors, mask, chosen = select_anchors(texts, y, scores[kept], most)
        return anchors, mask, torch.where(mask, -1, kept.nonzero()[:, 0][chosen.clamp(min=0)])
