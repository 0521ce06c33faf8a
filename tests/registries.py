"""What the contract suite runs on: a new loss, head, sampler or function is tested by adding its case to a list.

A case (``contract/cases.py``) holds float64 example inputs in call order, the slow oracle, limit cases with known
values, changes of the input with a known effect, and tables of bad input. ``test_contract.py`` and
``test_samplers.py`` turn every entry into tests.
"""

from contract.functions import FUNCTIONS
from contract.heads import HEADS
from contract.losses import LOSSES
from contract.samplers import SAMPLERS

MODULES = LOSSES + HEADS

__all__ = ["FUNCTIONS", "HEADS", "LOSSES", "MODULES", "SAMPLERS"]
