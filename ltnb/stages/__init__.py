"""Head stages on frozen features: what can be done when pictures, and perhaps names, have been encoded already.

`head_stages` takes features and gives a report a row: zero-shot, a linear probe, its logits adjusted, the losses and
second stages of imbalanced learning, BALLAD's adapter, nearest means and neighbours, VL-LTR's head. Rows of one kind
are trained with one recipe (`ltnb.stages.recipes`), so that they differ in what their names say and in nothing else.
"""

from ltnb.stages.bench import Bench
from ltnb.stages.nearest import chosen_neighbours
from ltnb.stages.reading import AnchorRecipe
from ltnb.stages.recipes import ADAPTER, LANGUAGE, LINEAR, Recipe
from ltnb.stages.rows import ROWS, Row, head_stages, needs, report
from ltnb.stages.subsets import balanced_subset
from ltnb.stages.towers import TowerRecipe, TunedPair, tune_pair, tune_tower, weights

__all__ = [
    "ADAPTER",
    "LANGUAGE",
    "LINEAR",
    "ROWS",
    "AnchorRecipe",
    "Bench",
    "Recipe",
    "Row",
    "TowerRecipe",
    "TunedPair",
    "balanced_subset",
    "chosen_neighbours",
    "head_stages",
    "needs",
    "report",
    "tune_pair",
    "tune_tower",
    "weights",
]
