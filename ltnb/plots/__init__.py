"""Charts of the lessons: one function a chart, each returns its matplotlib figure and shows nothing by itself.

A notebook shows a figure that stands last in a cell, or that is given to ``display``. matplotlib and seaborn are
imported when the first chart is drawn.
"""

from ltnb.plots.answers import answer_intervals
from ltnb.plots.bars import group_bars
from ltnb.plots.before_after import before_after
from ltnb.plots.curves import loss_curves
from ltnb.plots.distribution import class_distribution
from ltnb.plots.embedding import neighbour_purity, tsne, tsne_embedding, tsne_panels
from ltnb.plots.gain import per_class_gain
from ltnb.plots.gains import gains_by_source
from ltnb.plots.grid import image_grid
from ltnb.plots.intervals import gain_intervals
from ltnb.plots.modalities import modalities
from ltnb.plots.regime import regime_curves
from ltnb.plots.regions import decision_regions
from ltnb.plots.schematic import schematic
from ltnb.plots.similarity import similarity_map
from ltnb.plots.style import GROUP_COLOURS, PALETTE, panels, save, use_style
from ltnb.plots.sweeps import sweep

__all__ = [
    "GROUP_COLOURS",
    "PALETTE",
    "answer_intervals",
    "before_after",
    "class_distribution",
    "decision_regions",
    "gain_intervals",
    "gains_by_source",
    "group_bars",
    "image_grid",
    "loss_curves",
    "neighbour_purity",
    "modalities",
    "panels",
    "per_class_gain",
    "regime_curves",
    "save",
    "schematic",
    "similarity_map",
    "sweep",
    "tsne",
    "tsne_embedding",
    "tsne_panels",
    "use_style",
]
