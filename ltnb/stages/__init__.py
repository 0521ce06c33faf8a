"""Head stages on frozen features: what can be done when pictures, and perhaps names, have been encoded already.

`head_stages` takes features and gives a report a row: zero-shot, a linear probe, its logits adjusted, the losses and
second stages of imbalanced learning, BALLAD's adapter, nearest means and neighbours, VL-LTR's head. Rows of one kind
are trained with one recipe (`ltnb.stages.recipes`), so that they differ in what their names say and in nothing else.

With an encoder at hand, `encode`, `fit_decoder`, `finetune` and `second_stage` are what lesson ``01_ivlm`` puts on all
tokens of the tower, or does to the tower itself.
"""

from ltnb.stages.bench import Bench
from ltnb.stages.costs import training_costs
from ltnb.stages.encoding import encode
from ltnb.stages.linear import LOSSES, adjust_as_chosen
from ltnb.stages.recipes import ADAPTER, LANGUAGE, LINEAR, Recipe
from ltnb.stages.rows import ROWS, Row, head_stages, needs, report
from ltnb.stages.subsets import balanced_subset
from ltnb.stages.tower import DecoderClassifier, Encoded, FirstStage, encode_layers, finetune, fit_decoder, second_stage

__all__ = [
    "ADAPTER",
    "LANGUAGE",
    "LINEAR",
    "LOSSES",
    "ROWS",
    "Bench",
    "DecoderClassifier",
    "Encoded",
    "FirstStage",
    "Recipe",
    "Row",
    "adjust_as_chosen",
    "balanced_subset",
    "encode",
    "encode_layers",
    "finetune",
    "fit_decoder",
    "head_stages",
    "needs",
    "report",
    "second_stage",
    "training_costs",
]
