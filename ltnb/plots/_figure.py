"""The figure class that all plots return. Imported only when something is drawn, because it needs matplotlib."""

from __future__ import annotations

import io

import matplotlib.figure


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that a notebook shows once, as a PNG, without pyplot.

    pyplot keeps every figure alive until it is closed, warns after twenty, and shows a returned figure twice. A figure
    that stands on its own has none of these troubles, but IPython does not know how to show it before pyplot has been
    set up; ``_repr_png_`` is the answer that IPython asks any object for.
    """

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi)
        return buffer.getvalue()
