"""The one training loop of the lessons: batches, schedule, mixed precision, best epoch and resume, on `accelerate`."""

from ltnb.training.batches import TensorSource
from ltnb.training.history import History
from ltnb.training.loop import fit
from ltnb.training.optimisation import make_optimizer, scheduled_lr
from ltnb.training.probe import fit_linear_probe

__all__ = ["History", "TensorSource", "fit", "fit_linear_probe", "make_optimizer", "scheduled_lr"]
