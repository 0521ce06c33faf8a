"""Which training images an epoch shows: instance, class, square-root and progressively balanced sampling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from ltnb._checks import check_choice, check_counts, check_integer, check_label_array, check_number, fail

STRATEGIES = ("instance", "class", "sqrt", "mix")


def sampling_probabilities(class_counts: Any, strategy: str, progress: float = 0.0) -> np.ndarray:
    """Probability p_c that a draw shows class c; within the class every image is equally likely.

    With n_c images of class c, N images and C classes:

    - ``"instance"``: n_c / N, the data as they are;
    - ``"class"``: 1 / C, class-balanced (BALLAD section 3.2: first a class, then an image of it);
    - ``"sqrt"``: sqrt(n_c) / sum_k sqrt(n_k) (VL-LTR);
    - ``"mix"``: (1 - t) n_c / N + t / C with t = ``progress``, progressively balanced.

    Args:
        class_counts: Images per class, integer array, list or tensor of shape (C,), at least 1 each.
        strategy: One of the four names.
        progress: t in [0, 1]; used by ``"mix"`` only.

    Returns:
        ``np.float64`` array of shape (C,) that sums to 1.

    Raises:
        ValueError: If an argument is not as described.

    Source: Kang et al. 2020 (Decoupling) section 4.1, q = 1, 0, 1/2 and Eq. 2.
    """
    counts = check_counts(class_counts).astype(np.float64)
    check_choice(strategy, "strategy", STRATEGIES)
    t = check_number(progress, "progress", 0.0, 1.0)
    instance, uniform = counts / counts.sum(), np.full(len(counts), 1 / len(counts))
    if strategy == "instance":
        return instance
    if strategy == "class":
        return uniform
    if strategy == "sqrt":
        return np.sqrt(counts) / np.sqrt(counts).sum()
    return (1 - t) * instance + t * uniform


class BalancedSampler(Sampler[int]):
    """Index sampler for a ``DataLoader``: a class by :func:`sampling_probabilities`, then one of its images.

    ``"instance"`` is a permutation without replacement (permutations one after the other when more images are asked
    for than there are); the other strategies draw with replacement. Classes are those that occur in ``labels``: a
    class without images cannot be drawn and takes no share. The order depends on (seed, epoch) alone: iterating twice
    gives the same draw twice, and :meth:`set_epoch` gives the next one.

    Args:
        labels: Class of each training image, integer array, list or tensor of shape (N,), at least 0 each.
        strategy: ``"instance"``, ``"class"``, ``"sqrt"`` or ``"mix"``.
        num_samples: Draws in an epoch; ``None`` means N.
        seed: Seed of all draws, at least 0.
        epochs: Number of epochs E of the schedule; ``"mix"`` needs it, the others ignore it. In epoch e its progress
            is e / (E - 1), so that the first epoch is instance- and the last class-balanced; with E = 1 it is 0.

    Raises:
        ValueError: If an argument is not as described.

    Source: BALLAD section 3.2 (class), VL-LTR section 4 (sqrt), Kang et al. 2020 (mix; the paper writes e / E, its
        code and this sampler reach 1 in the last epoch).
    """

    def __init__(
        self,
        labels: Any,
        strategy: str,
        num_samples: int | None = None,
        seed: int = 0,
        epochs: int | None = None,
    ) -> None:
        array = check_label_array(labels, "labels")
        self.strategy: str = check_choice(strategy, "strategy", STRATEGIES)
        self.num_samples = len(array) if num_samples is None else check_integer(num_samples, "num_samples", 1)
        self.seed = check_integer(seed, "seed", 0)
        self.epochs = None if epochs is None else check_integer(epochs, "epochs", 1)
        if strategy == "mix" and epochs is None:
            fail("epochs", "given for strategy 'mix', whose schedule runs over them", "None")
        self.epoch = 0
        # images ordered by class: those of the k-th class that occurs are _order[_starts[k] : _starts[k] + _counts[k]]
        self._order = np.argsort(array, kind="stable")
        _, self._starts, self._counts = np.unique(array[self._order], return_index=True, return_counts=True)

    def set_epoch(self, epoch: int) -> None:
        """Choose the draw of epoch ``epoch`` (0, 1, ...; below ``epochs`` for ``"mix"``)."""
        epoch = check_integer(epoch, "epoch", 0)
        if self.strategy == "mix" and self.epochs is not None and epoch >= self.epochs:
            fail("epoch", f"below epochs={self.epochs}", repr(epoch))
        self.epoch = epoch

    @property
    def progress(self) -> float:
        """Progress of ``"mix"`` in the current epoch: e / (E - 1), 0 if there is one epoch; 0 for the others."""
        if self.strategy != "mix" or self.epochs is None:
            return 0.0
        return self.epoch / max(self.epochs - 1, 1)

    def draw(self) -> np.ndarray:
        """All indices of the current epoch in order, ``np.int64`` array of shape (num_samples,)."""
        rng = np.random.default_rng((self.seed, self.epoch))
        n = self.num_samples
        if self.strategy == "instance":
            rounds = -(-n // len(self._order))
            return np.concatenate([rng.permutation(len(self._order)) for _ in range(rounds)])[:n]
        if self.strategy == "class":
            chosen = rng.integers(len(self._counts), size=n)
        else:
            p = sampling_probabilities(self._counts, self.strategy, self.progress)
            # the number of draws per class, then shuffled: n independent draws, without a search for each
            chosen = rng.permutation(np.repeat(np.arange(len(p)), rng.multinomial(n, p)))
        return self._order[self._starts[chosen] + rng.integers(self._counts[chosen])]

    def __iter__(self) -> Iterator[int]:
        return iter(self.draw().tolist())

    def __len__(self) -> int:
        return self.num_samples
