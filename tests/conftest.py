"""Fixtures shared by the test modules."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real features, photographs and split lists; tests that need it are skipped elsewhere."""
    path = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not (path / "README.md").is_file():
        pytest.skip(f"real material is not present: no {path}")
    return path
