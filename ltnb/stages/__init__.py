"""Head stages on frozen features: what can be done when pictures, and perhaps names, have been encoded already.

`head_stages` takes features and gives a report a row: zero-shot, a linear probe, its logits adjusted, the losses and
second stages of imbalanced learning, BALLAD's adapter, nearest means and neighbours, VL-LTR's head. Rows of one kind
are trained with one recipe (`ltnb.stages.recipes`), so that they differ in what their names say and in nothing else.

With an encoder at hand, `encode_layers`, `fit_decoder`, `finetune` and `second_stage` are what lesson ``01_ivlm`` puts
on all tokens of the tower, or does to the tower itself, and `tune_pair` and `tune_tower` train the towers of
``03_vl_ltr``.
"""

from ltnb.stages.bench import Bench
from ltnb.stages.costs import training_costs
from ltnb.stages.encoding import encode
from ltnb.stages.first_stage import (
    DecoderClassifier,
    Encoded,
    FirstStage,
    encode_layers,
    finetune,
    fit_decoder,
    second_stage,
)
from ltnb.stages.linear import LOSSES, adjust_as_chosen
from ltnb.stages.nearest import chosen_neighbours
from ltnb.stages.pairs import TowerRecipe, TunedPair, tune_pair, tune_tower, weights
from ltnb.stages.reading import AnchorRecipe
from ltnb.stages.recipes import ADAPTER, LANGUAGE, LINEAR, Recipe
from ltnb.stages.rows import ROWS, Row, head_stages, needs, report
from ltnb.stages.subsets import balanced_subset

__all__ = [
    "ADAPTER",
    "LANGUAGE",
    "LINEAR",
    "LOSSES",
    "ROWS",
    "AnchorRecipe",
    "Bench",
    "DecoderClassifier",
    "Encoded",
    "FirstStage",
    "Recipe",
    "Row",
    "TowerRecipe",
    "TunedPair",
    "adjust_as_chosen",
    "balanced_subset",
    "chosen_neighbours",
    "encode",
    "encode_layers",
    "finetune",
    "fit_decoder",
    "head_stages",
    "needs",
    "report",
    "second_stage",
    "training_costs",
    "tune_pair",
    "tune_tower",
    "weights",
]
