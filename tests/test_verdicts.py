"""Verdicts over paired seeds: scipy's paired t-test, Holm's procedure step by step, and each answer at its edge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ltnb.papers.claim import Claim
from ltnb.papers.verdicts import ANSWERS, verdicts
from ltnb.results import Record
from ltnb.results.paired import PairedDifference, holm, paired_difference, seeds_to_decide


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_differences_are_those_of_a_paired_t_test(n):
    rng = np.random.default_rng(n)
    left, right = rng.normal(60, 5, n), rng.normal(61, 5, n)
    test = stats.ttest_rel(right, left)
    low, high = test.confidence_interval(0.95)
    found = paired_difference(left.tolist(), right.tolist())
    assert found.n == n
    assert (found.low, found.high, found.p) == pytest.approx((low, high, test.pvalue))
    assert found.mean == pytest.approx((right - left).mean())


def test_only_seeds_that_have_both_numbers_are_paired():
    found = paired_difference([1.0, None, 3.0, math.nan, 5.0], [2.0, 9.0, None, 9.0, 7.0])
    assert (found.n, found.mean) == (2, 1.5)


def test_one_seed_has_no_interval_and_none_has_no_mean():
    one, none = paired_difference([1.0], [3.0]), paired_difference([None], [3.0])
    assert (one.n, one.mean) == (1, 2.0) and math.isnan(one.low) and math.isnan(one.p)
    assert none.n == 0 and math.isnan(none.mean)


@pytest.mark.parametrize(("by", "p"), [(0.0, 1.0), (2.0, 0.0), (0.1, 0.0)])
def test_differences_without_spread_are_a_point(by, p):
    left = [60.1, 61.3, 59.7, 64.9]
    found = paired_difference(left, [value + by for value in left])
    assert (found.low, found.high, found.p) == pytest.approx((by, by, p))
    assert found.sd == 0


def test_unequal_lengths_are_named():
    with pytest.raises(ValueError, match=r"right must be as many as left \(2\)"):
        paired_difference([1.0, 2.0], [1.0])


def holm_step_by_step(p_values: list[float]) -> list[bool]:
    """Which are decided at 5 %: the smallest against 5 % / m, the next against 5 % / (m - 1), until one fails."""
    left = {i: p for i, p in enumerate(p_values) if not math.isnan(p)}
    decided = [False] * len(p_values)
    while left:
        i = min(left, key=left.__getitem__)
        if left[i] > 0.05 / len(left):
            break
        decided[i] = True
        del left[i]
    return decided


def test_adjusted_p_values_decide_what_the_procedure_decides():
    rng, seen = np.random.default_rng(0), set()
    for _ in range(200):
        p = (rng.random(rng.integers(1, 9)) ** 4).tolist() + [math.nan] * int(rng.integers(2))
        decided = holm_step_by_step(p)
        assert [value <= 0.05 for value in holm(p)] == decided
        seen.add(sum(decided))
    assert len(seen) > 4
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


@pytest.mark.parametrize("comparisons", [1, 12])
@pytest.mark.parametrize(("mean", "sd"), [(1.0, 1.0), (-2.0, 1.5), (0.1, 0.6), (0.45, 3.0), (0.3, 0.1)])
def test_seeds_that_would_decide(mean, sd, comparisons):
    """Tried one number after the other."""
    n = 2
    while n <= 1000:
        error = sd / math.sqrt(n)
        low, high = stats.t.interval(1 - 0.05 / comparisons, n - 1, mean, error)
        inside = stats.t.interval(0.95, n - 1, mean, error)
        if low > 0 or high < 0 or (inside[0] >= -0.5 and inside[1] <= 0.5):
            break
        n += 1
    found = PairedDifference(5, mean, sd, 0.0, 0.0, 0.5)
    assert seeds_to_decide(found, comparisons=comparisons) == (n if n <= 1000 else None)


def test_seeds_are_not_guessed_from_one_or_where_a_thousand_would_not_do():
    assert seeds_to_decide(PairedDifference(1, 2.0, math.nan, math.nan, math.nan, math.nan)) is None
    assert seeds_to_decide(PairedDifference(5, 0.5, 30.0, 0.0, 0.0, 0.9)) is None


# ---- answers


def claim(number: int, direction: str = "higher") -> Claim:
    left, right = (f"09_test/table/{row}{number}/overall" for row in ("before", "after"))
    return Claim(f"T{number}", "test", "After is better.", "Table 1", left, right, direction, 60.0, 61.0)


def records(*differences: list[float | None]) -> list[Record]:
    """One record a seed; the first claim differs by the first list, and so on."""
    rng, result = np.random.default_rng(1), []
    for seed in range(len(differences[0])):
        record = Record("09_test", {}, seed=seed, environment={"any": 1}, date="now")
        for number, by in enumerate(differences):
            before = float(rng.normal(60, 5))  # seeds differ by more than methods: only pairs tell
            record.add_value("table", f"before{number}", "overall", before)
            record.add_value("table", f"after{number}", "overall", None if by[seed] is None else before + by[seed])
        result.append(record)
    return result


CLEAR = [2.0, 2.5, 1.8, 2.2, 2.1]


def answer(by: list[float | None], direction: str = "higher") -> str:
    (verdict,) = verdicts([claim(0, direction)], records(by))
    assert verdict.answer in ANSWERS
    return verdict.words


@pytest.mark.parametrize(
    ("by", "higher", "lower"),
    [
        (CLEAR, "reproduced", "contradicted"),
        ([-value for value in CLEAR], "contradicted", "reproduced"),
        ([0.1, -0.2, 0.2, 0.0, -0.1], "no difference", "no difference"),
        ([0.3, 0.31, 0.29, 0.3, 0.32], "no difference", "no difference"),  # sure, and too small to matter
        ([0.0] * 5, "no difference", "no difference"),
        ([None] * 5, "not measured", "not measured"),
    ],
)
def test_answers_by_hand(by, higher, lower):
    assert (answer(by), answer(by, "lower")) == (higher, lower)


def test_an_undecided_claim_says_what_would_decide():
    assert answer([3.0, -1.0, 2.0, 1.0, -0.5]) == "undecided (16 seeds would decide)"
    assert answer([30.0, -30.0, 20.0, -20.0, 1.0]) == "undecided (more than 1,000 seeds would decide)"


def test_fewer_than_five_paired_seeds_are_no_verdict():
    assert answer(CLEAR[:4]) == "undecided (5 seeds are needed, 4 there)"
    assert answer([*CLEAR[:4], None]) == "undecided (5 seeds are needed, 4 there)"


def test_the_correction_counts_the_measured_claims_of_the_paper():
    """A difference that alone would be decided is not among a dozen, and claims without numbers do not count."""
    edge, nothing = [1.0, 2.0, 0.2, 0.6, 1.4], [None] * 5
    noise = np.random.default_rng(3).normal(0, 4, (11, 5)).tolist()
    alone = verdicts([claim(k) for k in range(12)], records(edge, *[nothing] * 11))
    among = verdicts([claim(k) for k in range(12)], records(edge, *noise))
    assert (alone[0].answer, among[0].answer) == ("reproduced", "undecided")
    assert alone[0].p_holm == pytest.approx(alone[0].difference.p)
    assert among[0].p_holm == pytest.approx(min(1, 12 * among[0].difference.p))
    assert among[0].difference == alone[0].difference
    assert "higher" in claim(0).direction and among[0].seeds > 5


def test_the_interval_is_the_plain_one():
    (verdict,) = verdicts([claim(0)], records(CLEAR))
    low, high = stats.t.interval(0.95, 4, np.mean(CLEAR), stats.sem(CLEAR))
    assert verdict.interval == f"+2.1 [{low:+.1f}, {high:+.1f}], n = 5"
    (one,) = verdicts([claim(0)], records([2.0]))
    assert one.interval == "+2.0, n = 1"
    (none,) = verdicts([claim(0)], records([None]))
    assert none.interval == "–"
