"""What the contract suite runs on: the names of ``ltnb.losses``, ``ltnb.heads`` and the checked functions.

A case (``contract/cases.py``) holds float64 example inputs in call order, the slow oracle, limit cases with known
values, changes of the input with a known effect, and tables of bad input. ``test_contract.py`` and
``test_samplers.py`` turn every entry into tests. A part that is registered without a case fails there.
"""

from collections.abc import Iterable

from contract.cases import ModuleCase
from contract.functions import FUNCTIONS
from contract.heads import HEADS
from contract.losses import LOSSES as LOSS_CASES
from contract.samplers import SAMPLERS

from ltnb import losses


def by_name(names: Iterable[str], cases: Iterable[ModuleCase]) -> list[ModuleCase]:
    """The cases of every name of a registry."""
    cases = list(cases)
    return [case for name in names for case in cases if case.part == name]


LOSSES = by_name(losses.names(), LOSS_CASES)
MODULES = LOSSES + HEADS

__all__ = ["FUNCTIONS", "HEADS", "LOSSES", "LOSS_CASES", "MODULES", "SAMPLERS"]
