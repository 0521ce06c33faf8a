"""How much text a class-level corpus holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class CorpusStatistics:
    """The columns of VL-LTR's Table 6: sentences a class, and tokens a sentence.

    Attributes:
        classes: C.
        sentences: in all.
        fewest: M_min.
        most: M_max.
        mean: M_mean.
        median: M_med.
        tokens: L_avg, mean tokens a sentence; NaN when there is no sentence.
    """

    classes: int
    sentences: int
    fewest: int
    most: int
    mean: float
    median: float
    tokens: float

    def __str__(self) -> str:
        return (
            f"{self.classes} classes, {self.sentences} sentences: M_min {self.fewest}, M_max {self.most}, "
            f"M_mean {self.mean:.0f}, M_med {self.median:.0f}, L_avg {self.tokens:.0f}"
        )


def corpus_statistics(
    corpus: Sequence[Sequence[str]], tokenize: Callable[[str], Sequence[Any]] | None = None
) -> CorpusStatistics:
    """How much text each class has, as VL-LTR's Table 6 tells it.

    Args:
        corpus: C lists of sentences.
        tokenize: splits a sentence into tokens, e.g. ``backbone.tokenizer.encode``; None counts words and signs.

    Returns:
        The numbers; ``print`` shows them in one line.

    Raises:
        ValueError: no class, or something else than lists of strings.
    """
    if isinstance(corpus, str) or not len(corpus):
        raise ValueError(f"corpus must be a list of lists of sentences, one a class, got {corpus!r:.80}")
    for c, lines in enumerate(corpus):
        if isinstance(lines, str) or not all(isinstance(line, str) for line in lines):
            raise ValueError(f"corpus must hold a list of sentences for each class, got {lines!r:.80} for class {c}")
    split = tokenize or re.compile(r"\w+|[^\w\s]").findall
    sizes = np.array([len(lines) for lines in corpus])
    lengths = [len(split(line)) for lines in corpus for line in lines]
    return CorpusStatistics(
        classes=len(sizes),
        sentences=int(sizes.sum()),
        fewest=int(sizes.min()),
        most=int(sizes.max()),
        mean=float(sizes.mean()),
        median=float(np.median(sizes)),
        tokens=float(np.mean(lengths)) if lengths else float("nan"),
    )
