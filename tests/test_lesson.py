"""The frame of a lesson: checked parameters, figures and the record in their place, claims that read the record."""

import numpy as np
import pytest

from ltnb import lesson as frame
from ltnb.metrics import evaluate
from ltnb.papers import CLAIMS

PARAMETERS = {
    "dataset": "critters_lt",
    "backbone": "mini-vit",
    "profile": "quick",
    "seed": 3,
    "out": "",
    "device": "cpu",
    "precision": "fp32",
    "features": "",
}


def report(right: int):
    targets = np.arange(10) % 2
    predictions = np.where(np.arange(10) < right, targets, 1 - targets)
    return evaluate(predictions, targets, [200, 5])


@pytest.mark.parametrize("name", ["dataset", "backbone", "profile", "seed", "out", "device", "precision"])
def test_a_missing_or_mistyped_parameter_is_named(name):
    broken = {k: v for k, v in PARAMETERS.items() if k != name}
    with pytest.raises(ValueError, match=name):
        frame.start("02_ballad", broken)
    with pytest.raises(ValueError, match=name):
        frame.start("02_ballad", {**PARAMETERS, name: None})


def test_nothing_is_written_without_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = frame.start("02_ballad", PARAMETERS)
    assert "Nothing written" in run.finish()
    assert list(tmp_path.iterdir()) == []


def test_record_and_figures_are_written(tmp_path):
    from ltnb import plots
    from ltnb.results import load_record

    run = frame.start("02_ballad", {**PARAMETERS, "out": str(tmp_path / "run")})
    run.record.add("table6", "visual", report(8))
    figure = run.keep(plots.group_bars({"a": report(8)}), "bars")
    assert figure is not None and (tmp_path / "run" / "bars.png").stat().st_size > 1000
    run.finish()
    saved = load_record(tmp_path / "run" / "record.json")
    assert saved.value("table6", "visual", "overall") == 80.0 and saved.seed == 3


def test_claims_take_the_measured_numbers_and_say_what_is_missing():
    run = frame.start("02_ballad", PARAMETERS)
    run.record.add("table6", "language", report(6))
    run.record.add("table6", "visual", report(9))
    table = run.claims().set_index("claim")
    wanted = next(
        c for c in CLAIMS if c.left.endswith("table6/language/overall") and c.right.endswith("table6/visual/overall")
    )
    assert table.loc[wanted.id, "points the same way"] == "yes"
    assert table.loc[wanted.id, "this run"] == "60.0 → 90.0"
    assert run.record.claims[wanted.id] == {"left": 60.0, "right": 90.0}
    assert (table["points the same way"] == "not measured here").sum() == len(table) - 1


def test_published_rows_of_other_data_sets_stay_out():
    run = frame.start("02_ballad", PARAMETERS)
    run.record.add("table7", "b_only", report(9))
    table = run.table("table7", "ballad/table7")
    assert list(table["source"]).count("published") == 4
    assert "90.0" in set(table["overall"])
