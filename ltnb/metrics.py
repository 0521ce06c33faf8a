"""Accuracy as long-tailed papers report it: overall, over many / medium / few classes, and macro averages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltnb._checks import check_counts, check_label_array, fail, to_array
from ltnb.data.longtail import Convention, shot_groups


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """Result of `evaluate`; all numbers are percent.

    Attributes:
        overall: Share of images classified correctly.
        many: Mean recall of the many-shot classes that occur in the targets; ``None`` when none does.
        medium: The same for medium-shot classes.
        few: The same for few-shot classes.
        precision: Macro precision over the classes that occur in the targets or the predictions.
        recall: Macro recall over the same classes.
        f1: Macro F1 over the same classes.
        per_class: ``np.float64`` array of shape (C,), recall of each class, NaN where it has no test image.
        convention: Bounds of the groups, ``"strict"`` or ``"inclusive"``.
        standard_errors: ``overall``, ``many``, ``medium`` and ``few`` -> how far the number is off by chance because
            the test images of each class are a sample, in points; the classes are taken as given. ``None`` where the
            number is ``None`` or a class has a single image.

    Example:
        >>> from ltnb.metrics import evaluate
        >>> report = evaluate([0, 0, 1, 0], [0, 0, 1, 2], class_counts=[500, 60, 5])
        >>> report
        Report(overall 75.00 | many 100.00 medium 100.00 few 0.00 | ... | strict, 3 classes)
        >>> report.per_class.tolist()
        [100.0, 100.0, 0.0]
    """

    overall: float
    many: float | None
    medium: float | None
    few: float | None
    precision: float
    recall: float
    f1: float
    per_class: np.ndarray
    convention: Convention
    standard_errors: dict[str, float | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python values, ready for JSON; classes without test images are ``None``."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["per_class"] = [None if np.isnan(value) else float(value) for value in self.per_class]
        return values

    def __repr__(self) -> str:
        def cell(name: str) -> str:
            value = getattr(self, name)
            return f"{name} " + ("none" if value is None else f"{value:.2f}")

        groups = " ".join(map(cell, ("many", "medium", "few")))
        macro = " ".join(map(cell, ("precision", "recall", "f1")))
        return f"Report({cell('overall')} | {groups} | {macro} | {self.convention}, {len(self.per_class)} classes)"


def evaluate(predictions: Any, targets: Any, class_counts: Any, convention: Convention = "strict") -> Report:
    """Compare predictions with the true classes.

    Group accuracies average over the classes of the group, as most papers do; on a balanced test set that equals the
    average over images (VL-LTR's way). Precision, recall and F1 are scikit-learn's ``average="macro"`` with
    ``zero_division=0``: over all classes that occur in the targets or the predictions, 0 where a ratio is 0/0.

    Args:
        predictions: Predicted classes, integers of shape (N,), or scores of shape (N, C), whose largest entry per row
            is taken (the first of equals). Array, list or tensor, on any device.
        targets: True classes, integers of shape (N,).
        class_counts: Training images per class, shape (C,); it sets the groups and C. Zero is allowed.
        convention: ``"strict"`` or ``"inclusive"``, see `ltnb.data.shot_groups`.

    Returns:
        A `Report`, in percent.

    Raises:
        ValueError: If shapes do not fit together, labels are no integers in 0..C-1, scores are NaN or infinite, a count
            is no integer from 0 on, or the convention is neither of the two.

    Example:
        >>> import torch
        >>> from ltnb.metrics import evaluate
        >>> scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 0.5]])
        >>> evaluate(scores, torch.tensor([0, 1, 2]), class_counts=[500, 60, 5]).few
        0.0
    """
    counts = check_counts(class_counts, minimum=0)
    num_classes = len(counts)
    groups = shot_groups(counts, convention)
    true = check_label_array(targets, "targets", num_classes=num_classes)
    predicted = _predicted_labels(predictions, len(true), num_classes)

    support = np.bincount(true, minlength=num_classes)
    claimed = np.bincount(predicted, minlength=num_classes)
    hits = np.bincount(true[true == predicted], minlength=num_classes)
    seen = support > 0
    involved = seen | (claimed > 0)
    recall = hits / np.maximum(support, 1)
    precision = hits / np.maximum(claimed, 1)
    f1 = 2 * hits / np.maximum(support + claimed, 1)

    def group(name: str) -> float | None:
        chosen = groups[name] & seen
        return 100 * float(recall[chosen].mean()) if chosen.any() else None

    with np.errstate(divide="ignore", invalid="ignore"):
        variance = recall * (1 - recall) / (support - 1)  # of each recall, unbiased

    def error(weights: np.ndarray) -> float | None:
        used = weights > 0
        if not used.any() or (support[used] < 2).any():
            return None
        return 100 * float(np.sqrt((weights[used] ** 2 * variance[used]).sum() / weights.sum() ** 2))

    errors = {"overall": error(support.astype(float))}
    errors |= {name: error((groups[name] & seen).astype(float)) for name in ("many", "medium", "few")}
    return Report(
        overall=100 * float(hits.sum()) / len(true),
        many=group("many"),
        medium=group("medium"),
        few=group("few"),
        precision=100 * float(precision[involved].mean()),
        recall=100 * float(recall[involved].mean()),
        f1=100 * float(f1[involved].mean()),
        per_class=np.where(seen, 100 * recall, np.nan),
        convention=convention,
        standard_errors=errors,
    )


def _predicted_labels(predictions: Any, n: int, num_classes: int) -> np.ndarray:
    array = to_array(predictions, "predictions")
    if array.ndim == 1:
        labels = check_label_array(array, "predictions", num_classes=num_classes)
        if len(labels) != n:
            fail("predictions", f"as many as targets ({n})", array)
        return labels
    if array.shape != (n, num_classes) or array.dtype.kind not in "iuf":
        fail("predictions", f"integers of shape ({n},) or scores of shape ({n}, {num_classes})", array)
    if not np.isfinite(array).all():
        fail("predictions", "finite", f"NaN or infinity in row {int((~np.isfinite(array)).any(axis=1).argmax())}")
    return array.argmax(axis=1)
