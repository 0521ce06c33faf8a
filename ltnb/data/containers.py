"""What a data set is in this package: pictures with names and counts, or features that exist already."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from ltnb._checks import check_counts, check_features, check_label_array, check_targets, fail
from ltnb.data.locate import same_name


@runtime_checkable
class ImageDataset(Protocol):
    """Map-style dataset of (PIL image or uint8 tensor (3, H, W), int label).

    ``labels`` is an int64 array (N,). ``fingerprint`` names the recipe: equal fingerprints mean equal pictures in
    equal order, None means that features of this dataset are never cached.
    """

    labels: np.ndarray

    @property
    def fingerprint(self) -> str | None:
        """Hash of the recipe, or None."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Any, int]: ...


class _Classes:
    """What both containers know of their classes."""

    class_names: list[str]

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return len(self.class_names)

    @property
    def n_classes(self) -> int:
        """Old name of `num_classes`."""
        warnings.warn("n_classes is now called num_classes", DeprecationWarning, stacklevel=2)
        return self.num_classes


@dataclass(frozen=True, eq=False, repr=False)
class LongTailData(_Classes):
    """A long-tailed recognition data set; C is the number of classes.

    Attributes:
        name: registered name.
        train: long-tailed training pictures.
        val: pictures for choosing settings.
        test: pictures for the reported numbers.
        class_names: C names as they go into a prompt, in composed Unicode (NFC).
        class_counts: (C,) int64, training pictures of each class; all positive.
        corpus: C lists of sentences about the class; empty lists where there are none.
        descriptors: C lists of short visual descriptions; empty lists where there are none.
        pool: unlabelled pictures (label -1), or None.
        group_counts: (C,) int64, the counts that define many, medium and few; equal to ``class_counts`` unless the
            data set says otherwise.
        world: version of the rendered world, which decides every number on it; None for data that were not rendered.

    Raises:
        ValueError: an argument has another length, a label lies outside 0..C-1, or ``class_counts`` is not the
            count of the training labels.
    """

    name: str
    train: ImageDataset
    val: ImageDataset
    test: ImageDataset
    class_names: list[str]
    class_counts: np.ndarray
    corpus: list[list[str]] = field(default_factory=list)
    descriptors: list[list[str]] = field(default_factory=list)
    pool: ImageDataset | None = None
    group_counts: np.ndarray = None  # type: ignore[assignment]  # filled below
    world: str | None = None

    def __post_init__(self) -> None:
        """Check every field and put it into its type."""
        names = _names("class_names", self.class_names)
        for part in ("train", "val", "test"):
            _dataset(part, getattr(self, part), len(names))
        found = np.bincount(self.train.labels, minlength=len(names))
        counts = _counts("class_counts", self.class_counts, found, names, "train")
        given = counts.copy() if self.group_counts is None else self.group_counts
        values = {
            "class_names": names,
            "class_counts": counts,
            "group_counts": _per_class("group_counts", given, len(names)),
            "corpus": _sentences("corpus", self.corpus, len(names)),
            "descriptors": _sentences("descriptors", self.descriptors, len(names)),
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{part} {len(getattr(self, part))}" for part in ("train", "val", "test"))
        ratio = self.class_counts.max() / self.class_counts.min()
        pool = "" if self.pool is None else f", pool {len(self.pool)}"
        return f"LongTailData({self.name!r}: {self.num_classes} classes, {sizes}{pool}, imbalance {ratio:.0f})"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FeatureData(_Classes):
    """Features of a frozen encoder with labels; D is the width, C the number of classes.

    Attributes:
        train_x: (N, D) float32 tensor.
        train_y: (N,) int64 tensor.
        test_x: (N_test, D) float32 tensor.
        test_y: (N_test,) int64 tensor.
        class_names: C names; the numbers of the classes as text when not given.
        class_counts: (C,) int64 array, training rows of each class; all positive. Counted when not given.
        val_x: (N_val, D) float32 tensor or None.
        val_y: (N_val,) int64 tensor or None, given with ``val_x``.
        text_x: (C, D) float32 tensor, one text feature a class, or None.
        unit_norm: whether every image feature has length 1.
        name: a word for titles and records.
        named: whether class names were given; where not, what needs them is left out.

    Raises:
        ValueError: shapes that do not fit together, NaN or inf, a label outside 0..C-1, a class without training
            rows, ``class_counts`` other than the count of ``train_y``.
    """

    train_x: torch.Tensor
    train_y: torch.Tensor
    test_x: torch.Tensor
    test_y: torch.Tensor
    class_names: list[str] = None  # type: ignore[assignment]  # filled below
    class_counts: np.ndarray = None  # type: ignore[assignment]  # filled below
    val_x: torch.Tensor | None = None
    val_y: torch.Tensor | None = None
    text_x: torch.Tensor | None = None
    unit_norm: bool = False
    name: str = "features"
    named: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        """Check every field."""
        object.__setattr__(self, "named", self.class_names is not None)
        _features("train_x", self.train_x, None)
        names = _names("class_names", self.class_names if self.named else self._numbers())
        width = self.train_x.shape[1]
        if (self.val_x is None) != (self.val_y is None):
            raise ValueError("val_x and val_y must be given together, or neither")
        for part in ("train", "val", "test"):
            x, y = getattr(self, f"{part}_x"), getattr(self, f"{part}_y")
            if x is not None:
                _features(f"{part}_x", x, width)
                check_targets(y, f"{part}_y", len(x), num_classes=len(names))
        if self.text_x is not None:
            _features("text_x", self.text_x, width)
            if len(self.text_x) != len(names):
                raise ValueError(f"text_x has {len(self.text_x)} rows for {len(names)} classes")
        found = np.bincount(self.train_y.numpy(), minlength=len(names))
        empty = np.flatnonzero(found == 0)
        if len(empty):
            listed = ", ".join(f"{c} ({names[c]!r})" for c in empty[:5])
            raise ValueError(f"train_y has no row of {len(empty)} of {len(names)} classes: {listed}")
        counts = found if self.class_counts is None else self.class_counts
        counts = _counts("class_counts", counts, found, names, "train_y")
        object.__setattr__(self, "class_names", names)
        object.__setattr__(self, "class_counts", counts)

    def _numbers(self) -> list[str]:
        """The numbers of the classes: as many as counts or texts, else up to the largest label."""
        given = self.class_counts if self.class_counts is not None else self.text_x
        if np.ndim(given) > 0:  # what has no length is refused where it is checked
            return [str(c) for c in range(len(given))]
        check_targets(self.train_y, "train_y", len(self.train_x))
        largest = int(self.train_y.max())
        if largest >= len(self.train_y):  # a class without training rows, or a label that is none
            fail("train_y", f"in 0..{len(self.train_y) - 1}, so that each class can have a row", str(largest))
        return [str(c) for c in range(largest + 1)]

    @property
    def dim(self) -> int:
        """Feature width D."""
        return self.train_x.shape[1]

    def __repr__(self) -> str:
        val = "no val" if self.val_x is None else f"val {len(self.val_x)}"
        return (
            f"FeatureData({self.name!r}: {self.num_classes} classes, width {self.dim}, train {len(self.train_x)}, "
            f"{val}, test {len(self.test_x)}, {'with' if self.text_x is not None else 'no'} text, "
            f"{'unit norm' if self.unit_norm else 'not unit norm'}{'' if self.named else ', no class names'})"
        )


def _names(argument: str, value: Sequence[str]) -> list[str]:
    names = (
        [same_name(str(name)) for name in value] if isinstance(value, Iterable) and not isinstance(value, str) else []
    )
    if not names:
        raise ValueError(f"{argument} must be a list of names, got {value!r}")
    blank = [c for c, name in enumerate(names) if not name.strip()]
    if blank:
        raise ValueError(f"{argument} has no name for class {blank[0]}")
    return names


def _counts(argument: str, value: Any, found: np.ndarray, names: list[str], labels: str) -> np.ndarray:
    """``value`` as int64 counts (C,), which must equal the counts found in the labels."""
    counts = _per_class(argument, value, len(names))
    if not np.array_equal(found, counts):
        c = int(np.flatnonzero(found != counts)[0])
        raise ValueError(f"{argument} says {counts[c]} for class {c} ({names[c]!r}), but {labels} has {found[c]}")
    return counts


def _per_class(argument: str, value: Any, num_classes: int) -> np.ndarray:
    counts = check_counts(value, argument)
    if len(counts) != num_classes:
        raise ValueError(f"{argument} has {len(counts)} entries for {num_classes} classes")
    return counts


def _dataset(argument: str, dataset: Any, num_classes: int) -> None:
    labels = getattr(dataset, "labels", None)
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.ndim != 1:
        raise ValueError(f"{argument} needs .labels, an int64 array (N,), got {type(labels).__name__} {labels!r:.80}")
    if inspect.getattr_static(dataset, "fingerprint", inspect) is inspect:  # looked up, not computed
        raise ValueError(f"{argument} needs a .fingerprint (None = features are never cached)")
    if len(labels) != len(dataset):
        raise ValueError(f"{argument} has {len(dataset)} images but {len(labels)} labels")
    if len(labels):
        check_label_array(labels, f"{argument}.labels", num_classes=num_classes)


def _sentences(argument: str, value: Sequence[Sequence[str]], num_classes: int) -> list[list[str]]:
    lists = [list(sentences) for sentences in value] if len(value) else [[] for _ in range(num_classes)]
    if len(lists) != num_classes:
        raise ValueError(f"{argument} has {len(lists)} lists for {num_classes} classes")
    return lists


def _features(argument: str, x: Any, width: int | None) -> None:
    check_features(x, argument, width=width)
    if x.dtype != torch.float32:
        fail(argument, "float32", x)
