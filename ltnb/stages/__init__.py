"""Head stages on frozen features: what can be done when pictures, and perhaps names, have been encoded already.

`head_stages` takes features and gives a report a row: zero-shot, a linear probe, its logits adjusted, the losses and
second stages of imbalanced learning, BALLAD's adapter, nearest means and neighbours, VL-LTR's head. Rows of one kind
are trained with one recipe (`ltnb.stages.recipes`), so that they differ in what their names say and in nothing else.
"""

from ltnb.stages.bench import Bench
from ltnb.stages.encoding import encode
from ltnb.stages.linear import adjust_as_chosen
from ltnb.stages.recipes import ADAPTER, LANGUAGE, LINEAR, Recipe
from ltnb.stages.rows import ROWS, Row, head_stages, needs, report
from ltnb.stages.subsets import balanced_subset

__all__ = [
    "ADAPTER",
    "LANGUAGE",
    "LINEAR",
    "ROWS",
    "Bench",
    "Recipe",
    "Row",
    "adjust_as_chosen",
    "balanced_subset",
    "encode",
    "head_stages",
    "needs",
    "report",
]
