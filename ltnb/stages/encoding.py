"""From pictures and an encoder to features: what all head stages start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ltnb.data import FeatureData

if TYPE_CHECKING:
    from ltnb.clip import Backbone
    from ltnb.data import LongTailData


def encode(backbone: Backbone, data: LongTailData, templates: str | Sequence[str] = "a photo of a {}.") -> FeatureData:
    """Features of all pictures, as long as they come, and a text feature of length 1 for each class, on the CPU.

    Args:
        backbone: its towers as they stand; nothing follows them when they are trained later.
        data: see `ltnb.data.load`.
        templates: one template, or several whose text features are averaged, see `ltnb.clip.zero_shot_weights`.
    """
    from ltnb.clip import PARTS, embed, zero_shot_weights

    seen = embed(backbone, data, [])
    found: dict[str, Any] = {f"{part}_{k}": getattr(getattr(seen, part), k) for part in PARTS for k in "xy"}
    texts = zero_shot_weights(backbone, data.class_names, templates).cpu()
    of_classes: dict[str, Any] = {"class_names": data.class_names, "class_counts": data.class_counts}
    return FeatureData(**found, text_x=texts, **of_classes, unit_norm=False)
