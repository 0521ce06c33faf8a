"""BALLAD's claims, each tied to a table or figure and to two quantities that lesson 02_ballad records.

That zero-shot CLIP is about equal on many, medium and few is a premise of the rendered worlds, so it is not a claim by
itself; B1 asks what the paper concludes from it, that fine-tuning opens the gap. Where a table ranks several variants,
each comparison of the paper's winner with a rival is a claim of its own.
"""

from __future__ import annotations

import math
from functools import partial

from ltnb.papers.claim import Claim, claim_of

_NOT_PRINTED = math.nan
_TWO_TABLES = "Table 4 prints 61.6 (many 75.5, few 41.0) for the tuned setting, Table 5 66.1; both on the claimed side."
_FROM_TEXT = "The bars are not legible; the numbers stand in Section 4.3.2."
_ONE_POINT = "Only the best point, 67.1 at about 0.2, is printed; the tables give 67.2 for it."
_RIVAL = (
    "The paper's strongest rival started from CLIP is PaCo. Ours is the strongest vision-only method started from the "
    "same image tower that the lesson trains, which need not be PaCo: the record names it."
)

_claim = partial(claim_of, "ballad", "BALLAD", "02_ballad")

# fmt: off
BALLAD_CLAIMS: tuple[Claim, ...] = (
    _claim(1, "Table 5", "Fine-tuning both towers opens a gap between many and few that zero-shot CLIP does not have.",
           "table5/frozen/gap", 1.8, "higher", "table5/both/gap", 17.2, f"Gap = many minus few. {_TWO_TABLES}"),
    _claim(2, "Table 5", "Fine-tuning both towers raises many.",
           "table5/frozen/many", 59.4, "higher", "table5/both/many", 71.3, _TWO_TABLES),
    _claim(3, "Table 5", "Fine-tuning both towers pushes few below zero-shot CLIP.",
           "table5/frozen/few", 57.6, "lower", "table5/both/few", 54.1, _TWO_TABLES),
    _claim(4, "Figure 4", "Decoupled training (first the towers, then the adapter) beats training them jointly.",
           "figure4/joint/overall", 66.0, "higher", "figure4/decoupled/overall", 67.2, _FROM_TEXT),
    _claim(5, "Figure 4", "The decoupled adapter beats fine-tuning alone for as many epochs.",
           "figure4/finetuned/overall", 66.4, "higher", "figure4/decoupled/overall", 67.2, _FROM_TEXT),
    _claim(6, "Figure 4", "Joint training of towers and adapter falls below plain fine-tuning.",
           "figure4/finetuned/overall", 66.4, "lower", "figure4/joint/overall", 66.0, _FROM_TEXT),
    _claim(7, "Figure 4", "An adapter on the frozen zero-shot model helps even without balancing.",
           "figure4/zero_shot/overall", 58.2, "higher", "figure4/zero_shot_adapter/overall", 61.8, _FROM_TEXT),
    _claim(8, "Table 4", "Starting both towers from CLIP beats starting them from random weights.",
           "table4/random_random/overall", 0.1, "higher", "table4/pretrained_pretrained/overall", 61.6, _TWO_TABLES),
    _claim(9, "Table 4", "The visual tower's pre-trained weights matter more than the language tower's.",
           "table4/random_pretrained/overall", 0.1, "higher", "table4/pretrained_random/overall", 15.6),
    _claim(10, "Table 6", "Adapting the visual side beats adapting the language side.",
           "table6/language/overall", 67.0, "higher", "table6/visual/overall", 67.2),
    _claim(11, "Table 6", "Adapting the visual side beats adapting both sides.",
           "table6/both/overall", 66.8, "higher", "table6/visual/overall", 67.2),
    _claim(12, "Figure 5", "A residual factor of 0.2 beats no adaptation (0.0).",
           "figure5/lambda_0_0/overall", _NOT_PRINTED, "higher", "figure5/lambda_0_2/overall", 67.1, _ONE_POINT),
    _claim(13, "Figure 5", "A residual factor of 0.2 beats replacing the feature by the adapted one (1.0).",
           "figure5/lambda_1_0/overall", _NOT_PRINTED, "higher", "figure5/lambda_0_2/overall", 67.1, _ONE_POINT),
    _claim(14, "Table 7", "Balancing Phase B raises few.",
           "table7/neither/few", 39.0, "higher", "table7/b_only/few", 59.5),
    _claim(15, "Table 7", "Balancing Phase B alone beats no balancing overall.",
           "table7/neither/overall", 62.6, "higher", "table7/b_only/overall", 67.2),
    _claim(16, "Table 7", "Balancing Phase B alone beats balancing both phases overall.",
           "table7/a_and_b/overall", 66.9, "higher", "table7/b_only/overall", 67.2, "Places-LT agrees: 45.5 to 46.5."),
    _claim(17, "Table 7", "Balancing Phase A as well costs accuracy on many.",
           "table7/b_only/many", 71.0, "lower", "table7/a_and_b/many", 70.7, "Places-LT agrees: 46.7 to 44.6."),
    _claim(18, "Table 8", "Class-balanced sampling beats square-root sampling on few.",
           "table8/sqrt/few", 50.9, "higher", "table8/class/few", 59.5),
    _claim(19, "Table 8", "Class-balanced sampling beats mix-balanced sampling on few.",
           "table8/mix/few", 59.1, "higher", "table8/class/few", 59.5),
    _claim(20, "Table 9", "BALLAD beats the zero-shot model that it starts from.",
           "table9/zero_shot/overall", 58.2, "higher", "table9/ballad/overall", 67.2,
           "So in all twelve pairs of the table."),
    _claim(21, "Table 10", "One prompt beats an ensemble of prompts.",
           "table10/ensemble/overall", 66.8, "higher", "table10/single/overall", 67.2,
           "The table's caption is Table 8's."),
    _claim(22, "Table 10", "One prompt beats a prompt drawn at random.",
           "table10/random/overall", 66.9, "higher", "table10/single/overall", 67.2,
           "On few the random prompt is ahead, 59.8 to 59.5."),
    _claim(23, "and TACKLE (BMVC) Table 1", "BALLAD beats the strongest rival started from the same CLIP image tower.",
           "tables1_3/best_rival/overall", 60.2, "higher", "tables1_3/ballad/overall", 67.2, _RIVAL),
    _claim(24, "Table 5", "Fine-tuning both towers raises overall.",
           "table5/frozen/overall", 58.2, "higher", "table5/both/overall", 66.1, _TWO_TABLES),
)
# fmt: on
"""The claims of BALLAD, B1 to B24, in the order in which they are shown."""
