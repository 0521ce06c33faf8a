"""A pytest plugin (``-p tests.part_times``) that says how long each file of tests, or each lesson, took."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--times-to", metavar="FILE", help="write the table of times there too")


class Times:
    """Seconds of each file, as its tests report them; what a file imports when it is collected is not in them."""

    def __init__(self, config: Any) -> None:
        self.start = time.monotonic()
        self.files: Counter[str] = Counter()
        self.target = config.getoption("times_to")

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.files[report.nodeid.partition("::")[0]] += report.duration

    def table(self) -> list[str]:
        """The whole run, then every lesson and the ten slowest files of tests."""
        lessons = {name: seconds for name, seconds in self.files.items() if name.endswith(".ipynb")}
        shown = lessons.items() if lessons else self.files.most_common(10)
        name = "lessons" if lessons else "tests"
        whole = (f"{name}, all", time.monotonic() - self.start)
        return [f"{seconds:8.1f} s  {name}" for name, seconds in (whole, *shown)]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        lines = self.table()
        terminalreporter.section("how long each part took")
        terminalreporter.write_line("\n".join(lines))
        if self.target:
            Path(self.target).write_text("\n".join(lines) + "\n")


def pytest_configure(config: Any) -> None:
    config.pluginmanager.register(Times(config), "part-times")
