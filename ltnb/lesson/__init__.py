"""What stands around the ideas of a lesson: its record, its tables and verdicts, and the checks of its exercises."""

from ltnb.lesson.checks import (
    check_adapter,
    check_balanced_softmax,
    check_class_balanced_loss,
    check_class_wise_contrast,
    check_clip_loss,
    check_image_text_loss,
    check_language_guided_text,
    check_linguistic_score,
    check_logit_adjustment,
    check_marc,
    check_variance_ratio,
    check_zero_shot,
)
from ltnb.lesson.frame import GROUPS, Lesson, open_data, start

__all__ = [
    "GROUPS",
    "Lesson",
    "check_adapter",
    "check_balanced_softmax",
    "check_class_balanced_loss",
    "check_class_wise_contrast",
    "check_clip_loss",
    "check_image_text_loss",
    "check_language_guided_text",
    "check_linguistic_score",
    "check_logit_adjustment",
    "check_marc",
    "check_variance_ratio",
    "check_zero_shot",
    "open_data",
    "start",
]
