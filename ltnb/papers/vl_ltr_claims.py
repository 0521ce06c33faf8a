"""VL-LTR's claims, each tied to a table and to two quantities that lesson 03_vl_ltr records.

That zero-shot CLIP is flat over the groups and near chance on names that tell nothing are premises of the rendered
worlds, so neither is a claim.
The overall of the VL-LTR rows does not follow from their groups: see the note of Table 1.
"""

from __future__ import annotations

import math
from functools import partial

from ltnb.papers.claim import Claim, claim_of

_claim = partial(claim_of, "vl_ltr", "VL-LTR", "03_vl_ltr")

# fmt: off
VL_LTR_CLAIMS: tuple[Claim, ...] = (
    _claim(1, "Table 1", "VL-LTR beats fine-tuning on images alone.",
           "table1/baseline/overall", 60.5, "higher", "table1/vl_ltr/overall", 70.1,
           "Places-LT (39.7 to 48.0) agrees."),
    _claim(2, "Table 1", "VL-LTR beats fine-tuning on images alone on few.",
           "table1/baseline/few", 34.5, "higher", "table1/vl_ltr/few", 50.8),
    _claim(3, "Table 1", "The gap between many and few is smaller with VL-LTR than with images alone (Figure 4).",
           "table1/baseline/gap", 39.9, "lower", "table1/vl_ltr/gap", 27.0),
    _claim(4, "Table 1", "VL-LTR beats zero-shot CLIP.",
           "table1/zero_shot/overall", 59.8, "higher", "table1/vl_ltr/overall", 70.1,
           "On few it is the other way round, 58.6 to 50.8."),
    _claim(5, "Table 4", "Class-wise pre-training helps.",
           "table4/no_cvlp/overall", 62.8, "higher", "table4/vl_ltr/overall", 70.1),
    _claim(6, "Table 4", "CLIP's weights help, without distillation on either side.",
           "table4/random/overall", 46.8, "higher", "table4/no_distillation/overall", 66.2,
           "The text compares the random row with number 1, which has distillation as well."),
    _claim(7, "Table 4", "Distillation helps.",
           "table4/no_distillation/overall", 66.2, "higher", "table4/vl_ltr/overall", 70.1),
    _claim(8, "Table 4", "The language-guided head beats a linear classifier.",
           "table4/fc/overall", 62.1, "higher", "table4/vl_ltr/overall", 70.1),
    _claim(9, "Table 4", "The language-guided head beats nearest neighbours.",
           "table4/knn/overall", 63.9, "higher", "table4/vl_ltr/overall", 70.1),
    _claim(10, "Table 4", "Nearest neighbours, which see the text, beat a linear classifier, which does not.",
           "table4/fc/overall", 62.1, "higher", "table4/knn/overall", 63.9),
    _claim(11, "Table 4", "Selected anchor sentences beat the first ones.",
           "table4/cut_off/overall", 69.7, "higher", "table4/vl_ltr/overall", 70.1,
           "In the released code the first 64 sentences are 64 of the 80 prompts."),
    _claim(12, "Table 8", "Where names tell nothing, VL-LTR beats fine-tuning on images alone.",
           "table8/baseline_latin/overall", 72.6, "higher", "table8/vl_ltr_latin/overall", 74.6),
    _claim(13, "Table 9", "Distilling similarities beats distilling features.",
           "table9/feature_0_5/overall", 68.0, "higher", "table9/logits_0_5/overall", 70.1),
    _claim(14, "Table 9", "Distilling similarities with weight 0.5 beats 0.1.",
           "table9/logits_0_1/overall", 68.3, "higher", "table9/logits_0_5/overall", 70.1),
    _claim(15, "Table 10", "A corpus and prompts beat prompts alone.",
           "table10/prompt_only/overall", 69.4, "higher", "table10/wiki_prompt/overall", 70.1,
           "Places-LT (47.3 to 48.0) agrees; on many it is the other way round, 77.9 to 77.8."),
    _claim(16, "Table 10", "A corpus and prompts beat prompts alone on few.",
           "table10/prompt_only/few", 49.3, "higher", "table10/wiki_prompt/few", 50.8),
    _claim(17, "Figure 6", "Class-wise pre-training helps to find pictures of rare concepts.",
           "figure6/clip/rare", math.nan, "higher", "figure6/after_cvlp/rare", math.nan,
           "The paper shows pictures and prints no number; ours is the mean average precision over the rare words."),
)
