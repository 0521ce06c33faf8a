"""Lets ``pytest --nbval notebooks`` compare what two machines can agree on.

Text stands beside its HTML and Markdown twins, so only the text is compared; numbers, times and sizes in it are
replaced by placeholders (``tests/nbval_sanitize.cfg``).
"""

from pathlib import Path

SANITIZE = Path(__file__).resolve().parents[1] / "tests" / "nbval_sanitize.cfg"


def pytest_configure(config):
    if getattr(config.option, "nbval", False) and config.option.nbval_sanitize_with is None:
        config.option.nbval_sanitize_with = str(SANITIZE)


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html", "text/markdown")
