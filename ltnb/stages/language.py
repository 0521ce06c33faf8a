"""VL-LTR's language-guided head with one text a class: what is left of it when features are all there is."""

from __future__ import annotations

from ltnb.heads import LanguageGuidedHead
from ltnb.losses import LanguageGuidedLoss
from ltnb.stages.bench import Bench, Scorer
from ltnb.stages.recipes import LANGUAGE

TEMPERATURE = 0.07
"""tau of Eq. 7, where the paper begins."""


def vl_ltr(bench: Bench, key: str) -> Scorer:
    """P_I + P_T of VL-LTR Eq. 7, trained on square-root samples under Eq. 9.

    With one text a class there is nothing to attend to: G_c is the text itself, so the text branch is zero-shot, which
    does not learn, and what is trained is the image branch. Features of length 1 are stretched to sqrt(D), about what
    comes out of a layer norm, as lesson ``03_vl_ltr`` does, so that its learning rate means the same.
    """
    stretch = bench.data.dim**0.5 if bench.data.unit_norm else 1.0
    head = LanguageGuidedHead(bench.anchors[:, None], temperature=TEMPERATURE, seed=bench.seed)
    loss = LanguageGuidedLoss()
    LANGUAGE.train(
        head,
        lambda head, batch: loss(*head(batch[0]), batch[1]),
        stretch * bench.raw["train"],
        bench.y["train"],
        strategy="sqrt",
        seed=bench.seed,
    )
    return lambda part: head.predict_proba(stretch * bench.raw[part])
