"""Fixtures shared by the test modules, and which of them ``make check`` leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

# each of these loads encoders, draws charts or starts other programs, and is far from a change of one loss or head
SLOW = (
    "test_clip_backbone.py test_clip_features.py test_clip_input_size.py test_clip_loading.py test_clip_mini.py "
    "test_clip_towers.py test_critters_data.py test_critters_texts.py test_data_caltech.py test_notebooks.py "
    "test_plots.py test_pretrain.py test_runner.py test_torchvision.py test_training_devices.py "
    "test_tuning_context_prompt.py test_typing.py"
).split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real features, photographs and split lists; tests that need it are skipped elsewhere."""
    path = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not (path / "README.md").is_file():
        pytest.skip(f"real material is not present: no {path}")
    return path
