"""Class counts of long-tailed training sets, and the many / medium / few groups that papers report on."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ltnb._checks import check_choice, check_counts, check_integer, check_number
from ltnb._deprecation import renamed_argument

Convention = Literal["strict", "inclusive"]
# A class is "many" when its count is at least the first number and "few" when it is at most the second.
GROUP_BOUNDS: dict[Convention, tuple[int, int]] = {"strict": (101, 19), "inclusive": (100, 20)}


@renamed_argument("n_classes", "num_classes")
def exponential_counts(n_max: int, num_classes: int, imbalance: float) -> np.ndarray:
    """Exponentially falling class counts, the recipe of CIFAR-100-LT: ``int(n_max * (1/imbalance) ** (i/(C-1)))``.

    With ``n_max=500, num_classes=100`` the counts sum to 10,847, 12,608 and 19,573 at imbalance 100, 50 and 10.

    Args:
        n_max: Images of the largest class.
        num_classes: Number of classes C.
        imbalance: Largest count over smallest count, at least 1 (100, not 0.01).

    Returns:
        ``np.int64`` array of shape (C,), largest class first.

    Raises:
        ValueError: If an argument is out of range, or the recipe would leave a class without images.

    Example:
        >>> from ltnb.data import exponential_counts
        >>> exponential_counts(500, num_classes=5, imbalance=100).tolist()
        [500, 158, 50, 15, 5]

    Source: LDAM (Cao et al. 2019) section 4, the counts of CIFAR-100-LT, https://arxiv.org/abs/1906.07413.
    """
    check_integer(n_max, "n_max", 1)
    check_integer(num_classes, "num_classes", 1)
    ratio = 1 / check_number(imbalance, "imbalance", 1.0)
    # Python floats on purpose: the truncation must fall where it falls in the published recipe
    counts = [int(n_max * ratio ** (i / max(num_classes - 1, 1))) for i in range(num_classes)]
    if counts[-1] < 1:
        raise ValueError(
            f"n_max must leave at least one image in the smallest class, got n_max={n_max} with imbalance={imbalance}"
        )
    return np.array(counts, dtype=np.int64)


@renamed_argument("n_classes", "num_classes")
def pareto_counts(n_max: int, n_min: int, num_classes: int, alpha: float = 6.0) -> np.ndarray:
    """Class counts that fall like the sorted values of a Pareto law, the family of ImageNet-LT and Places-LT.

    The published sets were drawn at random with NumPy's ``pareto`` (a Pareto law that starts at 0). This is the curve
    without the chance: quantiles of that law at (i + 1/2)/C, stretched to run from ``n_max`` to ``n_min``, rounded.
    Class i gets n_min + (n_max - n_min) (q_i - q_{C-1}) / (q_0 - q_{C-1}) with q_i = ((i + 1/2)/C)^(-1/alpha) - 1.

    Args:
        n_max: Images of the largest class.
        n_min: Images of the smallest class, at least 1.
        num_classes: Number of classes C.
        alpha: Shape of the law, positive; smaller is more extreme.

    Returns:
        ``np.int64`` array of shape (C,), largest class first. ``pareto_counts(1280, 5, 1000)`` resembles ImageNet-LT:
        104,850 images against 115,846.

    Raises:
        ValueError: If an argument is out of range or ``n_min > n_max``.

    Example:
        >>> from ltnb.data import pareto_counts
        >>> pareto_counts(1280, 5, num_classes=6).tolist()
        [1280, 632, 369, 208, 93, 5]

    Source: Liu et al. 2019 (ImageNet-LT: alpha 6, 1,280 to 5 images), https://arxiv.org/abs/1904.05160.
    """
    check_integer(n_min, "n_min", 1)
    check_integer(n_max, "n_max", n_min)
    check_integer(num_classes, "num_classes", 1)
    check_number(alpha, "alpha", 0.0, ends="()")
    if num_classes == 1:
        return np.array([n_max], dtype=np.int64)
    # q_i up to a shift and a factor, which the stretching removes; expm1 keeps extreme alphas exact
    quantiles = np.expm1(-np.log(2.0 * np.arange(num_classes) + 1.0) / alpha)
    fraction = (quantiles - quantiles[-1]) / (quantiles[0] - quantiles[-1])
    return np.rint(n_min + (n_max - n_min) * fraction).astype(np.int64)


def shot_groups(class_counts: Any, convention: Convention = "strict") -> dict[str, np.ndarray]:
    """Many-, medium- and few-shot classes, by number of training images.

    Args:
        class_counts: Integer array, list or tensor of shape (C,); zero is allowed and counts as few.
        convention: ``"strict"``: many > 100, medium 20..100, few < 20 (BALLAD, TACKLE, IVLM, HLC).
            ``"inclusive"``: many >= 100, medium 21..99, few <= 20 (VL-LTR).

    Returns:
        ``{"many": mask, "medium": mask, "few": mask}``, bool arrays of shape (C,); each class is in exactly one.

    Raises:
        ValueError: If a count is no integer from 0 on, or the convention is neither of the two.

    Example:
        >>> from ltnb.data import shot_groups
        >>> {name: mask.tolist() for name, mask in shot_groups([500, 100, 20, 5]).items()}
        {'many': [True, False, False, False], 'medium': [False, True, True, False], 'few': [False, False, False, True]}

    Source: Liu et al. 2019, whose three groups these are, https://arxiv.org/abs/1904.05160.
    """
    counts = check_counts(class_counts, minimum=0)
    least_many, most_few = GROUP_BOUNDS[check_choice(convention, "convention", list(GROUP_BOUNDS))]
    many, few = counts >= least_many, counts <= most_few
    return {"many": many, "medium": ~(many | few), "few": few}
