"""VL-LTR's language-guided head with one text a class: what is left of it when features are all there is."""

from __future__ import annotations

from torch import Tensor

from ltnb.heads import LanguageGuidedHead
from ltnb.losses import LanguageGuidedLoss
from ltnb.stages.bench import Bench, Scorer
from ltnb.stages.recipes import LANGUAGE

TEMPERATURE = 0.07
"""tau of Eq. 7, where the paper begins."""


def stretched(bench: Bench, part: str) -> Tensor:
    """Features (N, D); those of length 1 are stretched to sqrt(D), about what comes out of a layer norm.

    So does lesson ``03_vl_ltr``: its learning rate is for such features.
    """
    return (bench.data.dim**0.5 if bench.data.unit_norm else 1.0) * bench.raw[part]


def fit_language_head(bench: Bench) -> LanguageGuidedHead:
    """Train the head of VL-LTR Eq. 4 to 7 on square-root samples under Eq. 9.

    With one text a class there is nothing to attend to: G_c is the text itself, so the text branch is zero-shot at
    tau = 0.07, which does not learn, and what is trained is the image branch.
    """
    head = LanguageGuidedHead(bench.anchors[:, None], temperature=TEMPERATURE, seed=bench.seed)
    loss = LanguageGuidedLoss()
    LANGUAGE.train(
        head,
        lambda head, batch: loss(*head(batch[0]), batch[1]),
        stretched(bench, "train"),
        bench.y["train"],
        strategy="sqrt",
        seed=bench.seed,
    )
    return head


def vl_ltr(bench: Bench, key: str) -> Scorer:
    """Scores (P_I + P_T) / 2 of VL-LTR Eq. 7."""
    head = fit_language_head(bench)
    return lambda part: head.predict_proba(stretched(bench, part))
