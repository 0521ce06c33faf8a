"""The frame of a lesson: checked parameters, figures and the record in their place, claims that read the record."""

import numpy as np
import pytest

from ltnb.critters.attributes import WORLD_VERSION
from ltnb.lesson import frame
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


def test_published_numbers_stand_as_printed_and_ours_with_one_decimal():
    run = frame.start("01_ivlm", PARAMETERS)
    run.record.add("table5", "marc_less_latin", report(9))
    table = run.table("table5", "ivlm/table5", ("overall", "few")).set_index("row")
    published = table[table["source"] == "published"]
    assert len(published) == 16  # of both data sets: each row has a counterpart here
    assert (published.loc["marc_less_latin", "overall"], published.loc["zero_shot_more", "few"]) == ("71.82", "43.41")
    assert published.loc["disalign_less", "overall"] == "48.43" and "45.0" not in set(published["overall"])
    assert table[table["source"] == "this run"].loc["marc_less_latin", "overall"] == "90.0"
    run.record.add("table1", "zero_shot", report(9))
    run.record.add("table1", "linear_probe", report(6))
    assert (
        "I1." in run.verdict("table1")
        and "Paper: 70.54 → 67.38. This run: the same way, 90.0 → 60.0." in (run.verdict("table1").splitlines()[0])
    )


def test_a_run_on_features_names_no_data_set_and_no_encoder():
    given = {"latin_dataset": "critters_latin_lt", "small_backbone": "mini-vit-s", "features": "x.npz"}
    parameters = frame.start("01_ivlm", {**PARAMETERS, **given}).record.parameters
    assert {parameters[k] for k in ("dataset", "latin_dataset", "backbone", "small_backbone")} == {""}


def test_the_verdict_of_a_section_is_computed_from_the_record():
    run = frame.start("02_ballad", PARAMETERS)
    assert run.verdict("table6").count("This run: not measured here.") == 2
    run.record.add("table6", "language", report(9))
    run.record.add("table6", "visual", report(6))
    run.record.add("table6", "both", report(5))
    against, agrees = run.verdict("table6").splitlines()
    assert "Paper: 67.0 → 67.2. This run: the other way, 90.0 → 60.0." in against
    assert "Paper: 66.8 → 67.2. This run: the same way, 50.0 → 60.0." in agrees
    run.record.add("table6", "both", report(6))
    assert "This run: no difference, 60.0 → 60.0." in run.verdict("table6")
    assert "equal" in set(run.claims()["points the same way"])
    with pytest.raises(ValueError, match=r"section must be one that a claim rests on .*table6.*, got 'table66'"):
        run.verdict("table66")


def test_the_record_says_which_encoder_was_used():
    from ltnb import clip

    run = frame.start("02_ballad", PARAMETERS)
    model = run.uses(clip.load("mini-vit", device="cpu", precision="fp32"))
    (facts,) = run.record.environment["backbones"]
    assert facts["weights"] == model.weights_hash[:16]
    assert {facts[k] for k in ("name", "pretrained", "precision", "interpolation")} == {
        "mini-vit", "shipped", "fp32", "bicubic",
    }  # fmt: skip
    assert facts["quick_gelu"] is False and facts["image_size"] == 48
    assert run.record.to_dict()["environment"]["backbones"] == [facts]


def test_standard_runs_stand_beside_a_run_only_where_they_measured_the_same(monkeypatch):
    given = {**PARAMETERS, "imbalance": 100, "size": "quick", "epochs_a": 1}
    longer = {"profile": "standard", "size": "standard", "epochs_a": 2, "seed": 0, "device": "auto"}
    stored = [frame.Record("02_ballad", {**given, **longer}, seed=0, profile="standard", world=WORLD_VERSION)]
    monkeypatch.setattr(frame, "load_standard", lambda lesson: stored)
    assert frame.start("02_ballad", given).standard == stored
    for change in ({"imbalance": 10}, {"dataset": "cifar100_lt"}, {"backbone": "mini-rn"}, {"features": "x.npz"}):
        assert frame.start("02_ballad", {**given, **change}).standard == []
    old = [frame.Record("02_ballad", {**given, **longer}, seed=0, world="critters-0")]
    monkeypatch.setattr(frame, "load_standard", lambda lesson: old)
    assert frame.start("02_ballad", given).standard == []


def test_a_world_without_standard_runs_says_so_in_its_tables(monkeypatch):
    longer = {**PARAMETERS, "imbalance": 100, "profile": "standard", "seed": 0}
    records = {
        world: frame.Record("02_ballad", longer, seed=0, profile="standard", world=world)
        for world in ("critters-0", WORLD_VERSION)
    }
    for record in records.values():
        record.add("table6", "visual", report(7))

    def sources(stored: list, **change) -> list[list[str]]:
        monkeypatch.setattr(frame, "load_standard", lambda lesson: stored)
        run = frame.start("02_ballad", {**PARAMETERS, "imbalance": 100, **change})
        run.record.add("table6", "visual", report(9))
        return run.table("table6")[["source", "row", "overall"]].to_numpy().tolist()

    mine = ["this run", "visual", "90.0"]
    none_yet = ["standard", f"no standard run of {WORLD_VERSION} yet", "–"]
    assert sources([]) == [mine, none_yet]
    assert sources([records["critters-0"]]) == [mine, none_yet], "numbers of another world are not shown"
    assert sources([records["critters-0"], records[WORLD_VERSION]]) == [mine, ["standard, 1 seed", "visual", "70.0"]]
    assert sources([records[WORLD_VERSION]], imbalance=10) == [mine]
    assert sources([], features="x.npz") == sources([], dataset="cifar100_lt") == [mine]


@pytest.mark.parametrize("name, value", [("epochs_a", 0), ("batch_b", -1), ("lr_a", 0.0), ("variant", "papr")])
def test_a_value_that_cannot_work_is_named_before_anything_is_computed(name, value):
    good = {**PARAMETERS, "epochs_a": 1, "batch_b": 8, "lr_a": 0.1, "variant": "code"}
    frame.start("02_ballad", good, variant=("paper", "code"))
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got {value!r}"):
        frame.start("02_ballad", {**good, name: value}, variant=("paper", "code"))


def test_a_run_on_given_features_names_neither_data_set_nor_encoder():
    run = frame.start("02_ballad", {**PARAMETERS, "features": "x.npz"})
    assert run.record.parameters["dataset"] == run.record.parameters["backbone"] == ""
    assert run.record.world is None and run.record.parameters["features"] == "x.npz"
