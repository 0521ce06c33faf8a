"""Which training images an epoch shows: instance, class, square-root and progressively balanced sampling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch.utils.data import Sampler

from ltnb._checks import check_choice, check_counts, check_integer, check_label_array, check_number, fail
from ltnb._registry import create_from
from ltnb._seeds import chosen_seed

Strategy = Literal["instance", "class", "sqrt", "mix"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


def sampling_probabilities(class_counts: Any, strategy: Strategy, progress: float = 0.0) -> np.ndarray:
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
        ValueError: If a count is no integer from 1 on, the strategy is unknown or the progress is not in [0, 1].

    Example:
        >>> from ltnb.samplers import sampling_probabilities
        >>> sampling_probabilities([64, 16], "instance")
        array([0.8, 0.2])
        >>> sampling_probabilities([64, 16], "mix", progress=0.5)
        array([0.65, 0.35])

    Source: Decoupling (Kang et al. 2020) section 4.1, q = 1, 0, 1/2 and Eq. 2, https://arxiv.org/abs/1910.09217;
    BALLAD, https://arxiv.org/abs/2111.14745; VL-LTR, https://arxiv.org/abs/2111.13579.
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
    """Index sampler for a ``DataLoader``: a class by `sampling_probabilities`, then one of its images.

    ``"instance"`` is a permutation without replacement (permutations one after the other when more images are asked
    for than there are); the other strategies draw with replacement. Classes are those that occur in ``labels``: a
    class without images cannot be drawn and takes no share.

    Every iteration draws an epoch of its own: the first one epoch 0, the next one epoch 1, and so on. `set_epoch`
    says which epoch the next iteration draws; those after it count on from there. An iteration begins when its first
    index is asked for, so ``iter()``, ``len()`` and `draw` use no epoch up. The indices of an epoch depend on
    (seed, epoch) alone, which makes them the same in a plain loop, in one that calls `set_epoch` before each epoch (as
    Lightning, accelerate and `ltnb.training.fit` do), with loader processes, and in a run that is taken up again with
    ``set_epoch(e)``. accelerate counts epochs by itself and overrules the sampler: there ``set_epoch(e)`` is called on
    the prepared loader. Lightning with loader processes draws before it says the epoch: there a run that is taken up
    again calls the sampler's ``set_epoch(e)`` before ``Trainer.fit``.

    Args:
        labels: Class of each training image, integer array, list or tensor of shape (N,), at least 0 each.
        strategy: ``"instance"``, ``"class"``, ``"sqrt"`` or ``"mix"``.
        num_samples: Draws in an epoch; ``None`` means N.
        seed: Seed of all draws, at least 0.
        epochs: Number of epochs E of the schedule; ``"mix"`` needs it, the others ignore it. In epoch e its progress
            is e / (E - 1), so that the first epoch is instance- and the last class-balanced, as are all that follow;
            with E = 1 it is 0 in the first.
        generator: Gives the seed in place of ``seed``: one number is drawn from it, here and never again. Processes
            that train together need generators in the same state.

    Attributes:
        epoch: The epoch that the next iteration draws.

    Raises:
        ValueError: If labels are no integers from 0 on, a number is out of range, the strategy is unknown, ``"mix"``
            gets no ``epochs``, or both ``seed`` and ``generator`` are given.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from ltnb.samplers import BalancedSampler
        >>> labels = [0] * 90 + [1] * 10
        >>> sampler = BalancedSampler(labels, "class", seed=1)
        >>> loader = DataLoader(labels, batch_size=50, sampler=sampler)
        >>> [sum(int(batch.sum()) for batch in loader) for epoch in range(3)]  # of 100 draws, those of the rare class
        [50, 55, 44]
        >>> sampler.set_epoch(1)  # as a run does that is taken up again after its first epoch
        >>> [sum(int(batch.sum()) for batch in loader) for epoch in range(1, 3)]
        [55, 44]

    Source: BALLAD section 3.2 (class), https://arxiv.org/abs/2111.14745; VL-LTR section 4 (sqrt),
    https://arxiv.org/abs/2111.13579; Decoupling (Kang et al. 2020; mix: the paper writes e / E, its code and this
    sampler reach 1 in the last epoch), https://arxiv.org/abs/1910.09217.
    """

    def __init__(
        self,
        labels: Any,
        strategy: Strategy,
        num_samples: int | None = None,
        seed: int = 0,
        epochs: int | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        array = check_label_array(labels, "labels")
        self.strategy: Strategy = check_choice(strategy, "strategy", STRATEGIES)
        self.num_samples = len(array) if num_samples is None else check_integer(num_samples, "num_samples", 1)
        self.epochs = None if epochs is None else check_integer(epochs, "epochs", 1)
        if strategy == "mix" and epochs is None:
            fail("epochs", "given for strategy 'mix', whose schedule runs over them", "None")
        self.seed = chosen_seed(seed, generator)
        self.epoch = 0
        # images ordered by class: those of the k-th class that occurs are _order[_starts[k] : _starts[k] + _counts[k]]
        self._order = np.argsort(array, kind="stable")
        _, self._starts, self._counts = np.unique(array[self._order], return_index=True, return_counts=True)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (0, 1, ...) that the next iteration draws."""
        self.epoch = check_integer(epoch, "epoch", 0)

    @property
    def progress(self) -> float:
        """Progress of ``"mix"`` in the next iteration: e / (E - 1), at most 1, and 0 in a first epoch; else 0."""
        if self.strategy != "mix" or self.epochs is None:
            return 0.0
        return min(self.epoch / max(self.epochs - 1, 1), 1.0)

    def draw(self) -> np.ndarray:
        """What the next iteration will draw, in order: ``np.int64`` array of shape (num_samples,). Changes nothing."""
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
        # a generator, whose body runs with the first index: a DataLoader with workers calls iter() more than once
        drawn = self.draw().tolist()
        self.epoch += 1
        yield from drawn

    def __len__(self) -> int:
        return self.num_samples


def create(name: str, labels: Any, **kwargs: Any) -> BalancedSampler:
    """Make a sampler by the name of its strategy.

    Args:
        name: One of `names`.
        labels: Class of each training image, of shape (N,).
        **kwargs: Other arguments of `BalancedSampler`.

    Returns:
        ``BalancedSampler(labels, name, **kwargs)``.

    Raises:
        ValueError: If no strategy has this name, or an argument is wrong.

    Example:
        >>> from ltnb import samplers
        >>> sampler = samplers.create("sqrt", [0, 0, 0, 0, 1], num_samples=3)
        >>> len(list(sampler))
        3
    """
    return create_from(dict.fromkeys(STRATEGIES, BalancedSampler), "sampler", name, (labels, name), kwargs)


def names() -> list[str]:
    """Names that `create` takes, in alphabetical order.

    Example:
        >>> from ltnb import samplers
        >>> samplers.names()
        ['class', 'instance', 'mix', 'sqrt']
    """
    return sorted(STRATEGIES)
