"""The contract of every sampler in ``registries.py``; class counts of real data sets are in test_real_counts."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from contract import oracles
from contract.cases import SamplerCase
from registries import SAMPLERS
from torch.utils.data import DataLoader

from ltnb.data.longtail import pareto_counts
from ltnb.samplers import STRATEGIES, BalancedSampler, create, names, sampling_probabilities

samplers = pytest.mark.parametrize("case", SAMPLERS, ids=lambda case: case.name)
strategies = pytest.mark.parametrize("strategy", STRATEGIES)

COUNTS = np.array([400, 1, 90, 30, 5])
CLASSES = np.array([0, 1, 3, 4, 6])
LABELS = np.random.default_rng(0).permutation(np.repeat(CLASSES, COUNTS))


def progress_of(case: SamplerCase, epoch: int) -> float:
    return epoch / (case.epochs - 1) if case.scheduled else 0.0


@samplers
def test_sampler_yields_as_many_valid_indices_as_its_length(case: SamplerCase):
    for num_samples in (None, 1, 100, len(LABELS), 3 * len(LABELS) + 7):
        sampler = case.build(labels=LABELS, num_samples=num_samples)
        drawn = list(sampler)
        assert len(sampler) == len(drawn) == (num_samples or len(LABELS))
        assert all(type(index) is int and 0 <= index < len(LABELS) for index in drawn)


@samplers
@pytest.mark.parametrize("epoch", [0, 1, 3])
def test_sampler_histograms_are_within_four_sigma(case: SamplerCase, epoch: int):
    draws = 100 * len(LABELS)
    sampler = case.build(labels=LABELS, num_samples=draws, seed=5)
    sampler.set_epoch(epoch)
    drawn = np.array(list(sampler))
    p_class = np.array(case.probabilities(COUNTS, progress_of(case, epoch)))
    p_image = (p_class / COUNTS)[np.searchsorted(CLASSES, LABELS)]

    def sigmas(indices: np.ndarray, p: np.ndarray, per_image: bool) -> np.ndarray:
        histogram = np.bincount(indices if per_image else np.searchsorted(CLASSES, LABELS[indices]), minlength=len(p))
        return (histogram - len(indices) * p) / np.sqrt(len(indices) * p * (1 - p))

    assert np.abs(sigmas(drawn, p_class, per_image=False)).max() <= 4
    # the order carries nothing: the first tenth has the same law
    assert np.abs(sigmas(drawn[: draws // 10], p_class, per_image=False)).max() <= 4
    # 526 images: five sigma leaves a correct sampler a chance of 3e-4 to fail, and the seed is fixed
    each = sigmas(drawn, p_image, per_image=True)
    assert np.abs(each).max() <= 5
    # too even is wrong as well, unless images are drawn without replacement
    assert 0.75 < np.square(each).mean() < 1.25 if case.with_replacement else np.abs(each).max() < 1e-9


@samplers
def test_sampler_draws_classes_neither_too_uneven_nor_too_even(case: SamplerCase):
    """Squared deviations of 400 classes: chi-squared, unless the classes have fixed numbers; four sigma each way."""
    counts = pareto_counts(600, 5, 400)
    labels = np.repeat(np.arange(400), counts)
    sampler = case.build(labels=labels, num_samples=20 * len(labels), seed=3)
    sampler.set_epoch(1)
    p = np.array(case.probabilities(counts, progress_of(case, 1)))
    expected = 20 * len(labels) * p
    squares = np.square(np.bincount(labels[list(sampler)], minlength=400) - expected) / (expected * (1 - p))
    if case.with_replacement:
        assert abs(squares.mean() - 1) < 4 * (2 / 400) ** 0.5
    else:
        assert squares.max() < 1e-9


@samplers
def test_sampler_without_replacement_is_a_permutation(case: SamplerCase):
    for epoch in range(2):
        sampler = case.build(labels=LABELS)
        sampler.set_epoch(epoch)
        assert (sorted(sampler) == list(range(len(LABELS)))) == (not case.with_replacement)
        partial = list(case.build(labels=LABELS, num_samples=len(LABELS) // 2))
        assert (len(set(partial)) == len(partial)) == (not case.with_replacement)


def test_sampler_makes_another_permutation_for_every_round():
    order = list(BalancedSampler(LABELS, "instance", num_samples=2 * len(LABELS)))
    first, second = order[: len(LABELS)], order[len(LABELS) :]
    assert sorted(first) == sorted(second) and first != second


@samplers
def test_sampler_draw_depends_on_seed_and_epoch_alone(case: SamplerCase):
    def drawn(seed: int, epoch: int) -> list[int]:
        np.random.seed(epoch)  # noqa: NPY002  the global generators must not matter
        torch.manual_seed(seed + epoch)
        sampler = case.build(labels=LABELS, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert drawn(0, 1) == drawn(0, 1)
    different = {tuple(drawn(seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(different) == 9
    state = torch.get_rng_state()
    list(case.build(labels=LABELS))
    assert torch.equal(torch.get_rng_state(), state)


@samplers
def test_sampler_takes_labels_of_any_kind(case: SamplerCase):
    expected = list(case.build(labels=LABELS))
    for labels in (LABELS.tolist(), torch.from_numpy(LABELS), LABELS.astype(np.int32), torch.from_numpy(LABELS).int()):
        assert list(case.build(labels=labels)) == expected


# Epochs: what a loop sees depends on the epoch alone, whatever kind of loop it is -------------------------------------

EPOCHS = 6  # two more than the schedule of "mix" has


def epochs_by_draw(case: SamplerCase) -> list[list[int]]:
    """What each epoch has to be, from samplers that are never iterated."""
    drawn = []
    for epoch in range(EPOCHS):
        sampler = case.build(labels=LABELS, num_samples=60)
        sampler.set_epoch(epoch)
        drawn.append(sampler.draw().tolist())
    assert len({tuple(indices) for indices in drawn}) == EPOCHS
    return drawn


def loader_of(case: SamplerCase, **options) -> tuple[BalancedSampler, DataLoader]:
    sampler = case.build(labels=LABELS, num_samples=60)
    return sampler, DataLoader(torch.arange(len(LABELS)), sampler=sampler, **{"batch_size": 16, **options})


def seen(loader) -> list[int]:
    return torch.cat([batch.reshape(-1) for batch in loader]).tolist()


@samplers
def test_a_plain_loop_sees_every_epoch(case: SamplerCase):
    sampler, loader = loader_of(case)
    assert [seen(loader) for _ in range(EPOCHS)] == epochs_by_draw(case)
    bare = case.build(labels=LABELS, num_samples=60)
    assert [list(bare) for _ in range(EPOCHS)] == epochs_by_draw(case)
    assert sampler.epoch == bare.epoch == EPOCHS


@samplers
def test_loader_processes_see_the_same(case: SamplerCase):
    _, loader = loader_of(case, num_workers=1, persistent_workers=True)
    assert [seen(loader) for _ in range(3)] == epochs_by_draw(case)[:3]


@pytest.mark.parametrize("persistent", [False, True])
def test_loader_processes_see_the_same_without_batches(persistent: bool):
    """There torch calls iter() on the sampler itself, and twice."""
    _, loader = loader_of(SAMPLERS[0], num_workers=1, persistent_workers=persistent, batch_size=None)
    assert [seen(loader) for _ in range(2)] == epochs_by_draw(SAMPLERS[0])[:2]


@samplers
@pytest.mark.parametrize("begin", [0, 2])
def test_a_loop_that_calls_set_epoch_sees_the_same(case: SamplerCase, begin: int):
    """As Lightning does, which makes the first iterator before it says the epoch; a run may begin with a later one."""
    sampler, loader = loader_of(case)
    batches = iter(loader)
    for epoch in range(begin, EPOCHS):
        sampler.set_epoch(epoch)
        if epoch > begin:
            batches = iter(loader)
        assert seen(batches) == epochs_by_draw(case)[epoch]


@samplers
def test_a_loader_prepared_by_accelerate_sees_the_same(case: SamplerCase):
    from accelerate import Accelerator
    from accelerate.data_loader import skip_first_batches

    sampler, loader = loader_of(case)
    prepared = Accelerator(cpu=True).prepare_data_loader(loader)
    assert [seen(prepared) for _ in range(3)] == epochs_by_draw(case)[:3]
    rest = skip_first_batches(prepared, 1)  # a run that is taken up again within an epoch
    assert seen(rest) == epochs_by_draw(case)[3][16:]


@samplers
def test_accelerate_goes_on_with_the_epoch_of_the_prepared_loader(case: SamplerCase):
    from accelerate import Accelerator

    _, loader = loader_of(case)
    prepared = Accelerator(cpu=True).prepare_data_loader(loader)
    prepared.set_epoch(2)
    assert [seen(prepared) for _ in range(3)] == epochs_by_draw(case)[2:5]


def test_a_resumed_lightning_loop_with_loader_processes_draws_the_epoch_that_the_sampler_was_told():
    """It makes the first iterator, which draws at once, before it says the epoch."""
    sampler, loader = loader_of(SAMPLERS[0], num_workers=1)
    sampler.set_epoch(2)  # the user, before Trainer.fit
    batches = iter(loader)
    for epoch in range(2, 4):
        sampler.set_epoch(epoch)
        if epoch > 2:
            batches = iter(loader)
        assert seen(batches) == epochs_by_draw(SAMPLERS[0])[epoch]


@samplers
def test_a_resumed_loop_goes_on_with_its_epoch(case: SamplerCase):
    sampler, loader = loader_of(case)
    sampler.set_epoch(2)
    assert [seen(loader) for _ in range(2)] == epochs_by_draw(case)[2:4]
    sampler.set_epoch(1)
    assert [seen(loader) for _ in range(2)] == epochs_by_draw(case)[1:3]


@samplers
def test_an_epoch_begins_with_its_first_index(case: SamplerCase):
    sampler, loader = loader_of(case)
    expected = epochs_by_draw(case)
    for _ in range(3):  # none of this uses an epoch up
        iter(sampler), iter(loader), len(sampler), len(loader), sampler.draw(), sampler.progress
    first = iter(sampler)
    assert next(first) == expected[0][0] and sampler.epoch == 1
    assert list(sampler) == expected[1]  # another iteration beside it
    assert list(first) == expected[0][1:]
    assert next(iter(loader)).tolist() == expected[2][:16]  # a loop that is left is an epoch too
    assert seen(loader) == expected[3]


@samplers
def test_a_generator_gives_the_seed(case: SamplerCase):
    def built(state: int) -> BalancedSampler:
        return case.build(labels=LABELS, generator=torch.Generator().manual_seed(state))

    one, same, other = built(1), built(1), built(2)
    assert [list(one), list(one)] == [list(same), list(same)]
    assert case.build(labels=LABELS, seed=other.seed).draw().tolist() == list(other) != built(1).draw().tolist()
    shared = torch.Generator().manual_seed(1)
    first, second = (case.build(labels=LABELS, generator=shared) for _ in range(2))
    assert first.seed == one.seed != second.seed
    state = shared.get_state()
    list(second)
    assert torch.equal(shared.get_state(), state)


def test_create_makes_the_sampler_of_a_strategy():
    assert set(names()) == set(STRATEGIES)
    for name in names():
        sampler = create(name, LABELS, seed=3, epochs=2)
        assert isinstance(sampler, BalancedSampler)
        assert list(sampler) == list(BalancedSampler(LABELS, name, seed=3, epochs=2))
    with pytest.raises(ValueError, match=r"name must be a sampler .*, got 'clas'; did you mean 'class'\?"):
        create("clas", LABELS)
    with pytest.raises(ValueError, match="epochs must be given"):
        create("mix", LABELS)


@strategies
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_probabilities_equal_the_slow_oracle(strategy: str, progress: float):
    for kind in (np.array, list, torch.tensor):
        p = sampling_probabilities(kind(COUNTS.tolist()), strategy, progress)
        assert p.dtype == np.float64
        assert p.sum() == pytest.approx(1, abs=1e-15)
        expected = oracles.sampling_probabilities(COUNTS, strategy, progress)
        np.testing.assert_allclose(p, expected, rtol=1e-14, atol=0)


def test_mix_runs_from_instance_to_class():
    instance, uniform = (sampling_probabilities(COUNTS, name) for name in ("instance", "class"))
    assert np.array_equal(sampling_probabilities(COUNTS, "mix"), instance)
    assert np.array_equal(sampling_probabilities(COUNTS, "mix", 1.0), uniform)
    sampler = BalancedSampler(LABELS, "mix", epochs=5)
    steps = []
    for _ in range(7):
        steps.append(sampler.progress)
        list(sampler)
    assert steps == [0, 0.25, 0.5, 0.75, 1, 1, 1]
    single = BalancedSampler(LABELS, "mix", epochs=1)
    assert single.progress == 0
    single.set_epoch(1)
    assert single.progress == 1


def test_equal_counts_make_all_strategies_equal():
    for strategy in STRATEGIES:
        np.testing.assert_allclose(sampling_probabilities([7] * 4, strategy, 0.3), 0.25, rtol=1e-15)


@strategies
def test_a_million_draws_take_less_than_three_tenths_of_a_second(strategy: str):
    counts = pareto_counts(1280, 5, 1000)
    sampler = BalancedSampler(np.repeat(np.arange(1000), counts), strategy, num_samples=1_000_000, epochs=1)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        drawn = sum(1 for _ in sampler)
        seconds.append(time.process_time() - start)
    assert drawn == 1_000_000
    assert min(seconds) < 0.3
