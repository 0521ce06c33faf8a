"""Fixtures shared by the test modules, and which of them ``make check`` leaves out."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from packaging.version import Version

# files that load encoders, draw, compile or start other programs, far from a change of one loss or head
SLOW = (
    *("test_clip", "test_corpus", "test_critters", "test_data", "test_heads_saving", "test_lesson", "test_notebooks"),
    *("test_papers", "test_plots", "test_pretrain", "test_runner", "test_torchvision", "test_training", "test_tuning"),
    "test_typing",
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is not to run need not be imported either."""
    return True if config.option.markexpr == "not slow" and collection_path.name.startswith(SLOW) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    old = Version(importlib.metadata.version("torch")) < Version("2.13")
    for item in items:
        if item.path.name.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
        if old and "compile" in getattr(item, "originalname", ""):
            item.add_marker(pytest.mark.skip(reason="one graph was tried from torch 2.13 on; 2.4.1 breaks it"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real features, photographs and split lists; tests that need it are skipped elsewhere."""
    path = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not (path / "README.md").is_file():
        pytest.skip(f"real material is not present: no {path}")
    return path
