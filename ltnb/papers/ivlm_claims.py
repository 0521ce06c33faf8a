"""IVLM's claims, each tied to a table and to two quantities that lesson 01_ivlm records.

That zero-shot CLIP is flat over the groups, that it is near chance on names that tell nothing, and that a linear probe
is worse on few than on many are premises of the rendered worlds, so none of them is a claim.
"""

from __future__ import annotations

from functools import partial

from ltnb.papers.claim import Claim, claim_of

_claim = partial(claim_of, "ivlm", "IVLM", "01_ivlm")

_ZERO_SHOT = "The zero-shot groups contradict this overall (they give 74.76); the caption repeats it, so it is used."
_ZERO_SHOT_RN = "The zero-shot groups contradict this overall (they give 55.78)."

# fmt: off
IVLM_CLAIMS: tuple[Claim, ...] = (
    _claim(1, "Table 1", "On ImageNet-LT a linear probe falls below zero-shot CLIP.",
           "table1/zero_shot/overall", 70.54, "lower", "table1/linear_probe/overall", 67.38,
           f"{_ZERO_SHOT} The other way round on Places-LT (37.69 to 38.18) and iNaturalist18 (5.45 to 10.03)."),
    _claim(2, "Table 1", "A decoder with plain softmax beats a linear probe.",
           "table1/linear_probe/overall", 67.38, "higher", "table1/softmax/overall", 75.05),
    _claim(3, "Table 1", "A decoder with plain softmax on the frozen tower beats full fine-tuning.",
           "table1/full_finetuning/overall", 68.54, "higher", "table1/softmax/overall", 75.05,
           "Close on iNaturalist18: 65.43 to 65.57."),
    _claim(4, "Table 1", "CoOp (ours sees the whole long tail) falls below zero-shot CLIP.",
           "table1/zero_shot/overall", 70.54, "lower", "table1/coop/overall", 60.30,
           f"{_ZERO_SHOT} Tables 7 and 8 have one shot a class, Section 5.5 says few; Table 1 does not say."),
    _claim(5, "Table 1", "A decoder with plain softmax beats prompt tuning (CoOp).",
           "table1/coop/overall", 60.30, "higher", "table1/softmax/overall", 75.05,
           "Places-LT agrees: 26.10 to 40.15."),
    _claim(6, "Table 1", "Balanced Softmax beats softmax overall.",
           "table1/softmax/overall", 75.05, "higher", "table1/balanced_softmax/overall", 79.03,
           "iNaturalist18 (65.57 to 70.59) and Places-LT (40.15 to 47.36) agree."),
    _claim(7, "Table 1", "Balanced Softmax beats softmax on few.",
           "table1/softmax/few", 49.10, "higher", "table1/balanced_softmax/few", 70.37),
    _claim(8, "Table 1", "Class-balanced re-weighting beats softmax on few.",
           "table1/softmax/few", 49.10, "higher", "table1/cbw/few", 58.64),
    _claim(9, "Table 1", "Calibrating the margins in a second stage (MARC) beats re-training the classifier (cRT).",
           "table1/crt/overall", 75.22, "higher", "table1/marc/overall", 79.32,
           "DisAlign agrees with 79.26. In the released code cRT does not re-initialise the classifier."),
    _claim(10, "Table 2", "On iNaturalist (here: in the Latin world), cRT beats Balanced Softmax.",
           "table2/balanced_softmax/overall", 70.59, "higher", "table2/crt/overall", 73.24,
           "The other way round in Table 1, 79.03 to 75.22, and Table 3, 47.36 to 41.91."),
    _claim(11, "Table 4", "A larger backbone raises the decoder with softmax.",
           "table4/one_stage_small/overall", 68.14, "higher", "table4/one_stage_large/overall", 75.05,
           "Two-stage agrees: 73.23 to 79.26."),
    _claim(12, "Table 5",
           "On iNaturalist (here: in the Latin world), more pre-training data lowers a decoder with Balanced Softmax.",
           "table5/balanced_softmax_less_latin/overall", 70.59, "lower",
           "table5/balanced_softmax_more_latin/overall", 60.94,
           "CLIP's 400M pairs against Laion's 2B, which differ in more than their number; both are finished, and "
           "our smaller amount is a fifth of one stream. Places-LT: 47.36 to 47.45."),
    _claim(13, "Table 6", "On a ResNet, Balanced Softmax does better with full fine-tuning than with the decoder.",
           "table6/decoder_balanced_softmax/overall", 53.83, "higher", "table6/full_balanced_softmax/overall", 60.47,
           "Section 5.3 says so. No decoder row of ImageNet-LT reaches plain full finetuning either (57.61)."),
    _claim(14, "Table 6", "On a ResNet, the decoder with plain softmax falls below zero-shot CLIP.",
           "table6/zero_shot/overall", 53.62, "lower", "table6/decoder_softmax/overall", 48.01,
           f"{_ZERO_SHOT_RN} Places-LT agrees: 32.17 to 26.77."),
    _claim(15, "Table 1", "A decoder with Balanced Softmax beats zero-shot CLIP overall.",
           "table1/zero_shot/overall", 70.54, "higher", "table1/balanced_softmax/overall", 79.03,
           f"The paper's headline; LADE: 79.44. {_ZERO_SHOT} iNaturalist18 and Places-LT agree."),
)
# fmt: on
"""The claims of IVLM, I1 to I15, in the order in which they are shown."""
