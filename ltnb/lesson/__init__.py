"""What stands around the ideas of a lesson: its record, its tables and its verdicts."""

from ltnb.lesson.frame import GROUPS, Lesson, open_data, start

__all__ = ["GROUPS", "Lesson", "open_data", "start"]
