"""The rows: what each is called here and in which published table, what it needs, and what it costs to ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ltnb._checks import check_choice, fail
from ltnb.data import FeatureData
from ltnb.data.longtail import Convention
from ltnb.metrics import Report
from ltnb.stages import adapter, language, linear, nearest, second
from ltnb.stages.bench import Bench, Scorer


@dataclass(frozen=True)
class Row:
    """One row of the table of head stages.

    Attributes:
        title: what it is called in charts.
        run: ``run(bench, key)`` trains what is needed and gives the scores.
        kind: ``"no training"``, ``"loss"``, ``"adjustment"``, ``"second stage"``, ``"adapter"`` or ``"text head"``.
        published: table and key of the row that a paper prints of it, see `ltnb.papers.reported`; None where none does.
        text: whether it needs text features.
        validation: whether it is another row without validation rows, and so left out.
        counts: whether it differs from the probe, or from another row, by the class counts alone: where all classes are
            of one size it says nothing new.
    """

    title: str
    run: Callable[[Bench, str], Scorer]
    kind: str
    published: tuple[str, str] | None = None
    text: bool = False
    validation: bool = False
    counts: bool = False


ROWS: dict[str, Row] = {
    "zero_shot": Row("zero-shot", nearest.zero_shot, "no training", ("ivlm/table1", "zero_shot"), text=True),
    "ncm": Row("nearest class mean", nearest.ncm, "no training", ("vl_ltr/table1", "ncm")),
    "knn": Row("nearest neighbours", nearest.knn, "no training", ("vl_ltr/table4", "knn")),
    "linear_probe": Row("linear probe", linear.probe, "loss", ("ivlm/table1", "linear_probe")),
    "focal": Row("focal loss", linear.under_loss, "loss", ("ivlm/table1", "focal")),
    "ldam": Row("LDAM", linear.under_loss, "loss", ("ivlm/table1", "ldam")),
    "cbw": Row("class-balanced weights", linear.under_loss, "loss", ("ivlm/table1", "cbw"), counts=True),
    "generalized_reweight": Row("generalised re-weighting", linear.under_loss, "loss", counts=True),
    "balanced_softmax": Row(
        "Balanced Softmax", linear.under_loss, "loss", ("ivlm/table1", "balanced_softmax"), counts=True
    ),
    "lade": Row("LADE", linear.under_loss, "loss", ("ivlm/table1", "lade")),
    "logit_adjusted": Row("probe, logits adjusted", linear.adjusted, "adjustment", counts=True),
    "logit_adjusted_chosen": Row(
        "probe, adjusted as chosen", linear.adjusted_as_chosen, "adjustment", validation=True, counts=True
    ),
    "tau": Row("probe, tau-normalised", second.tau_normalized, "adjustment", ("vl_ltr/table1", "tau")),
    "crt": Row("cRT", second.crt, "second stage", ("ivlm/table1", "crt"), counts=True),
    "lws": Row("LWS", second.bent, "second stage", ("ivlm/table1", "lws")),
    "disalign": Row("DisAlign", second.bent, "second stage", ("ivlm/table1", "disalign")),
    "marc": Row("MARC", second.bent, "second stage", ("ivlm/table1", "marc")),
    "adapter_instance": Row(
        "adapter, samples as they are",
        adapter.adapter,
        "adapter",
        ("ballad/figure4", "zero_shot_adapter"),
        counts=True,
    ),
    "adapter_sqrt": Row(
        "adapter, square-root samples", adapter.adapter, "adapter", ("ballad/table8", "sqrt"), counts=True
    ),
    "adapter_class": Row("adapter, balanced samples", adapter.adapter, "adapter", ("ballad/table8", "class")),
    "adapter_class_chosen": Row("adapter, balanced, λ chosen", adapter.adapter_as_chosen, "adapter", validation=True),
    "vl_ltr": Row("VL-LTR's head, one text", language.vl_ltr, "text head", ("vl_ltr/table1", "vl_ltr"), text=True),
}
"""Key -> row, in the order in which tables and charts show them. Published numbers of a key are of other features, and
of more than a head: IVLM's losses sit on a decoder, BALLAD's adapters on tuned towers, VL-LTR's head on many texts."""


def needs(data: FeatureData, key: str) -> str:
    """What a row lacks on some features; empty when it can be measured.

    Args:
        data: features and labels.
        key: one of `ROWS`.

    Raises:
        ValueError: there is no such row.
    """
    row = ROWS[check_choice(key, "key", tuple(ROWS))]
    if row.text and data.text_x is None:
        return "needs text_x, a text feature of each class"
    if row.validation and data.val_x is None:
        return "needs val_x and val_y, by which a setting is chosen"
    return ""


def report(bench: Bench, key: str) -> Report:
    """One row: train what it needs and score it on the test rows.

    Args:
        bench: features, labels and seed; notes what was chosen, named and validated.
        key: one of `ROWS`.

    Raises:
        ValueError: there is no such row, or the features lack what it needs.
    """
    lacking = needs(bench.data, key)
    if lacking:
        fail("key", "a row that the features allow", f"{key!r}, which {lacking}")
    scorer = ROWS[key].run(bench, key)
    found, bench.predicted[key] = bench.evaluate(scorer)
    if "val" in bench.x:
        bench.validated[key] = bench.recall_on_validation(scorer)
    return found


def head_stages(
    data: FeatureData,
    *,
    seed: int = 0,
    keys: Iterable[str] | None = None,
    temperature: float = 0.01,
    group_counts: Any = None,
    convention: Convention = "strict",
) -> dict[str, Report]:
    """All head stages on some features: row -> report on the test rows.

    Linear heads, and second stages on the probe, see features of length 1; adapters see them as they came. Settings
    that a row chooses are chosen on validation rows, never on test rows.

    Args:
        data: features and labels; see `ltnb.data.load_features`.
        seed: of initial weights and batches.
        keys: rows to measure, of `ROWS`; None means all that the features allow.
        temperature: see `Bench`.
        group_counts: see `Bench`.
        convention: see `Bench`.

    Raises:
        ValueError: a key is no row, or asks for what the features lack, or another argument is out of its range.

    Example:
        >>> import torch
        >>> from ltnb.data import FeatureData
        >>> from ltnb.stages import head_stages
        >>> texts, y = torch.eye(3), torch.tensor([0] * 30 + [1] * 6 + [2] * 2)
        >>> x = texts[y] + 0.1 * torch.randn(38, 3, generator=torch.Generator().manual_seed(0))
        >>> data = FeatureData(train_x=x, train_y=y, test_x=x, test_y=y, text_x=texts)
        >>> {key: found.overall for key, found in head_stages(data, keys=["zero_shot", "ncm"]).items()}
        {'zero_shot': 100.0, 'ncm': 100.0}
    """
    bench = Bench(data, seed=seed, temperature=temperature, group_counts=group_counts, convention=convention)
    wanted = [key for key in ROWS if not needs(data, key)] if keys is None else list(keys)
    for key in wanted:
        check_choice(key, "keys", tuple(ROWS))
    return {key: report(bench, key) for key in wanted}
