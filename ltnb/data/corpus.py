"""A class-level corpus of sentences: how much text it holds, and its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltnb._checks import fail
from ltnb._deprecation import renamed_argument
from ltnb._files import replacing


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
    _check_corpus(corpus)
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


@dataclass(frozen=True)
class SentenceBank:
    """All sentences of all classes in one list: what is encoded, scored and drawn from.

    Attributes:
        lines: S sentences.
        y: int64 (S,), the class of each.
        prompt: bool (S,), whether it was made of a template and the class name.
    """

    lines: list[str]
    y: Tensor
    prompt: Tensor

    def take(self, rows: Tensor) -> SentenceBank:
        """Some of the sentences.

        Args:
            rows: bool (S,), those to keep, in their order.
        """
        kept = [line for line, keep in zip(self.lines, rows.tolist(), strict=True) if keep]
        return SentenceBank(kept, self.y[rows], self.prompt[rows])


def sentence_bank(
    corpus: Sequence[Sequence[str]], prompts: Sequence[Sequence[str]], *, prompts_first: bool = False
) -> SentenceBank:
    """Join the articles of the classes with prompts made of their names, class by class.

    Args:
        corpus: C lists of sentences, some or all of which may be empty.
        prompts: C lists of sentences, see `ltnb.clip.prompt_sentences`.
        prompts_first: whether the prompts of a class stand before its article, as in VL-LTR's released code; it matters
            where the first sentences of a class are taken.

    Raises:
        ValueError: no class, something else than lists of strings, or not as many lists in both.

    Example:
        >>> from ltnb.data.corpus import sentence_bank
        >>> bank = sentence_bank([["It purrs."], []], [["a photo of a cat."], ["a photo of a dog."]])
        >>> bank.lines, bank.y.tolist(), bank.prompt.tolist()
        (['It purrs.', 'a photo of a cat.', 'a photo of a dog.'], [0, 0, 1], [False, True, True])
    """
    _check_corpus(corpus)
    _check_corpus(prompts)
    if len(corpus) != len(prompts):
        fail("prompts", f"lists for {len(corpus)} classes as corpus", f"{len(prompts)}")
    rows: list[tuple[str, int, bool]] = []
    for c, (own, made) in enumerate(zip(corpus, prompts, strict=True)):
        parts = [[(line, c, False) for line in own], [(line, c, True) for line in made]]
        rows += [row for part in (reversed(parts) if prompts_first else parts) for row in part]
    y = torch.tensor([c for _, c, _ in rows], dtype=torch.int64)
    return SentenceBank([line for line, _, _ in rows], y, torch.tensor([made for _, _, made in rows], dtype=torch.bool))


@renamed_argument("n_classes", "num_classes")
def read_corpus(folder: str | Path, num_classes: int | None = None) -> list[list[str]]:
    """Read a corpus in VL-LTR's own layout: ``desc_<i>.txt``, one sentence a line, i counting classes from 0.

    Empty lines and white space around a sentence are dropped.

    Args:
        folder: The folder with the files, or the one that holds it under the name ``wiki``.
        num_classes: C, if it is known: then no file may be missing or left over.

    Returns:
        C lists of sentences.

    Raises:
        FileNotFoundError: If there is no such file, or one of the classes has none.
        ValueError: If there are files of more than `num_classes` classes, or a file is no UTF-8 text.
    """
    place = Path(folder)
    place = place / "wiki" if (place / "wiki").is_dir() else place
    numbers = {_class_of(path) for path in place.glob("desc_*.txt")} - {-1}
    layout = "one file desc_<i>.txt for each class, i from 0, one sentence a line"
    if not numbers:
        raise FileNotFoundError(f"no corpus in {str(place)!r}: VL-LTR's layout is {layout}")
    if num_classes is not None and max(numbers) >= num_classes:
        fail("num_classes", f"at least {max(numbers) + 1}, the number of classes in {str(place)!r}", repr(num_classes))
    missing = sorted(set(range(num_classes or max(numbers) + 1)) - numbers)
    if missing:
        raise FileNotFoundError(f"desc_{missing[0]}.txt is missing in {str(place)!r}: VL-LTR's layout is {layout}")
    return [_read_sentences(place / f"desc_{i}.txt") for i in sorted(numbers)]


def write_corpus(folder: str | Path, corpus: Sequence[Sequence[str]]) -> Path:
    """Write a corpus in VL-LTR's own layout, to ``<folder>/wiki/desc_<i>.txt``; `read_corpus` reads it back.

    Args:
        folder: Made if it is missing. Files of a larger corpus are not removed, they are an error.
        corpus: C lists of sentences, none of them empty or with a line break.

    Returns:
        The folder with the files.

    Raises:
        ValueError: If the corpus holds no class, something else than lists of sentences, or a sentence with a line
            break or white space around it, or the folder holds files of classes that it does not have.
    """
    _check_corpus(corpus)
    place = Path(folder) / "wiki"
    for c, lines in enumerate(corpus):
        bad = next((line for line in lines if line.strip() != line or not line or "\n" in line or "\r" in line), None)
        if bad is not None:
            fail("corpus", "of sentences without line breaks or white space around them", f"{bad!r:.60} in class {c}")
    extra = [path.name for path in place.glob("desc_*.txt") if _class_of(path) >= len(corpus)]
    if extra:
        fail("folder", f"without files of other classes than the {len(corpus)} of corpus", f"{min(extra)} in {place}")
    place.mkdir(parents=True, exist_ok=True)
    for c, lines in enumerate(corpus):
        with replacing(place / f"desc_{c}.txt") as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return place


_FILE = re.compile(r"desc_(0|[1-9]\d*)\.txt")


def _class_of(path: Path) -> int:
    """The number i in ``desc_<i>.txt``, -1 for another name."""
    found = _FILE.fullmatch(path.name)
    return int(found[1]) if found else -1


def _read_sentences(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is no UTF-8 text: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def _check_corpus(corpus: Any) -> None:
    if isinstance(corpus, str) or not len(corpus):
        raise ValueError(f"corpus must be a list of lists of sentences, one a class, got {corpus!r:.80}")
    for c, lines in enumerate(corpus):
        if isinstance(lines, str) or not all(isinstance(line, str) for line in lines):
            raise ValueError(f"corpus must hold a list of sentences for each class, got {lines!r:.80} for class {c}")
