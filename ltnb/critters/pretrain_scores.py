"""What a pre-trained mini-CLIP can do: the zero-shot table in its log, on species that no lesson trains or tests on."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from ltnb._files import replacing
from ltnb.clip import TEMPLATES, extract_features, load, zero_shot_weights
from ltnb.clip.backbone import Backbone
from ltnb.critters.datasets import calibration_data
from ltnb.metrics import evaluate

WORLDS = {"telling": "calibration", "latin": "calibration_latin"}
"""Row of the table -> calibration world."""
GROUPS = ("overall", "many", "medium", "few")


def zero_shot_table(backbone: Backbone, *, seed: int = 0, test_per_class: int = 20) -> dict[str, Any]:
    """Zero-shot accuracy of a mini-CLIP on both calibration worlds.

    Args:
        backbone: what `ltnb.clip.load` gives.
        seed: of the data: which species are head and tail, and the individuals.
        test_per_class: pictures of a class.

    Returns:
        ``telling`` and ``latin``: accuracy in percent ``overall`` and in the groups ``many``, ``medium`` and ``few``;
        and how they were measured: ``template``, ``seed``, ``test_per_class``, ``precision``.
    """
    (template,) = TEMPLATES["single"]
    table: dict[str, Any] = {"template": template, "seed": seed, "test_per_class": test_per_class}
    table["precision"] = backbone.precision
    for row, world in WORLDS.items():
        data = calibration_data(world, seed, test_per_class=test_per_class)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # binomials are words that it never saw: that is the point
            weights = zero_shot_weights(backbone, data.class_names, template)
        test = extract_features(backbone, data.test, normalize=True)
        report = evaluate(test.x @ weights.cpu().T, test.y, data.group_counts)
        table[row] = {group: round(getattr(report, group), 2) for group in GROUPS}
    return table


def write_zero_shot(weights: str | os.PathLike[str]) -> dict[str, Any]:
    """Measure a weight file in float32 and put the table into the log beside it, all else left as it is.

    Args:
        weights: ``<model>.safetensors``, with ``<model>.log.json`` beside it.

    Returns:
        The table, see :func:`zero_shot_table`; in the log it stands under ``zero_shot``.
    """
    path = Path(weights)
    log_path = path.with_suffix(".log.json")
    log = json.loads(log_path.read_text())
    log["zero_shot"] = zero_shot_table(load(log["model"], path, precision="fp32"))
    with replacing(log_path) as temporary:
        temporary.write_text(json.dumps(log) + "\n")
    return log["zero_shot"]
