"""The one training loop of the lessons: batches, schedule, mixed precision, best epoch and resume, on `accelerate`."""

from ltnb.training.cost import Energy, StepCost, measured_energy, step_cost
from ltnb.training.exact import fit_exactly
from ltnb.training.history import History
from ltnb.training.loop import fit
from ltnb.training.optimisation import make_optimizer, scheduled_lr
from ltnb.training.probe import fit_linear_probe
from ltnb.training.sources import TensorSource

__all__ = [
    "Energy",
    "History",
    "StepCost",
    "TensorSource",
    "fit",
    "fit_exactly",
    "fit_linear_probe",
    "make_optimizer",
    "measured_energy",
    "scheduled_lr",
    "step_cost",
]
