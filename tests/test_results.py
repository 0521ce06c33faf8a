"""Records: what is written is read back, damage is named, and tables hold the right numbers in the right order."""

import dataclasses
import json
import math
import os
import subprocess

import numpy as np
import pandas as pd
import pytest
import torch

from ltnb.metrics import evaluate
from ltnb.results import (
    Record,
    collect,
    comparison,
    environment,
    load_record,
    load_standard,
    project_root,
    read_runs,
    save_record,
    summary,
)


def record(seed=0, overall=60.0, **changes):
    values = {
        "lesson": "02_ballad",
        "parameters": {"dataset": "critters_lt", "seed": seed, "epochs": 3},
        "seed": seed,
        "world": "critters-2",
        "environment": {"python": "3", "code": "c0ffee", "git_commit": str(seed)},
    }
    made = Record(**(values | changes))
    made.add_value("table5", "frozen", "overall", overall)
    made.add_value("table5", "frozen", "few", None)
    made.add_value("table5", "both", "overall", overall + 8)
    made.add_value("table6", "visual", "overall", 1.0)
    return made


def without_cost(made):
    return {name: value for name, value in made.to_dict().items() if name != "cost"}


# ---- one record


def test_round_trip(tmp_path):
    report = evaluate([0, 1, 1, 2], [0, 1, 2, 2], [200, 50, 5])
    given = {"dataset": "critters_lt", "lr": np.float32(0.5), "out": "x", "layers": (1, 2)}
    made = Record("02_ballad", given, seed=3, world="critters-2")
    made.add("table5", "both", report, epochs=np.int64(4), note="kept", loss=torch.tensor(float("nan")))
    made.add_value("table5", "both", "seconds", math.inf)
    made.claim("B1", np.float64(3.5), None)
    path = made.save(tmp_path / "deep" / "record.json")
    assert load_record(path) == load_record(path.parent) == made
    content = json.loads(path.read_text())
    assert content["schema"] == 1 and content["seed"] == 3 and content["world"].startswith("critters-")
    assert content["parameters"] == {"dataset": "critters_lt", "lr": 0.5, "layers": [1, 2]}
    assert content["claims"] == {"B1": {"left": 3.5, "right": None}}
    (row,) = content["metrics"]
    assert row == {
        "section": "table5", "row": "both", "overall": 75.0, "many": 100.0, "medium": 100.0, "few": 50.0,
        "precision": report.precision, "recall": report.recall, "f1": report.f1,
        "overall_se": None, "many_se": None, "medium_se": None, "few_se": 50.0,
        "epochs": 4, "note": "kept", "loss": None, "seconds": None,
    }  # fmt: skip
    assert content["cost"]["wall_s"] >= 0 and content["cost"]["peak_memory_mb"] > 50
    assert content["date"].endswith("+00:00")
    assert "NaN" not in path.read_text() and "Infinity" not in path.read_text()


def test_a_row_is_replaced_where_it_stands_and_values_are_found():
    made = record()
    made.add("table5", "frozen", evaluate([0, 1], [0, 1], [200, 5]))
    assert [row["row"] for row in made.metrics] == ["frozen", "both", "visual"]
    assert made.value("table5", "frozen", "overall") == 100
    assert made.value("table5", "frozen", "medium") is None
    assert made.value("table5", "frozen", "gap") == 0 and made.value("table5", "both", "gap") is None
    assert made.value("table5", "nowhere", "overall") is None
    assert made.quantity("02_ballad/table5/both/overall") == 68
    for name in ("01_ivlm/table5/both/overall", "table5/both"):
        with pytest.raises(ValueError, match="02_ballad/section/row/metric"):
            made.quantity(name)
    made.add("table5", "decoder", None, note="needs tokens")
    assert made.value("table5", "decoder", "overall") is None


def test_the_world_is_what_it_was_given():
    assert record(world=None).world is None and record().world == "critters-2"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.add_value("a", "b", "c", object()), "a/b/c must be"),
        (lambda r: r.add_value("a", "b", "c", {"x": 1}), "a/b/c must be"),
        (lambda r: r.add_value("a", "b", "c", np.zeros(2)), "a/b/c must be"),
        (lambda r: r.claim("B1", "high", 1.0), "B1/left must be a number"),
        (lambda r: r.add("a", "b", evaluate([0], [0], [1]), overall=3), "extra must be"),
        (lambda r: Record("x", {"a": {1}}, seed=0), r"parameters\['a'\] must be"),
    ],
)
def test_values_that_are_not_plain_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(record())


# ---- reading


def damaged(change):
    content = record().to_dict()
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a whole JSON file"),
        ('{"schema": NaN}', "NaN is not JSON"),
        ("[]", "must be a JSON object|is a JSON object"),
        (damaged(lambda c: c.update(schema=2)), "schema must be 1, got 2"),
        (damaged(lambda c: c.pop("claims")), r"missing \['claims'\]"),
        (damaged(lambda c: c.update(extra=1)), r"unknown \['extra'\]"),
        (damaged(lambda c: c.update(seed="0")), "seed must be int"),
        (damaged(lambda c: c["metrics"].append({"row": "x"})), r"metrics\[3\]"),
        (damaged(lambda c: c["metrics"][0].update(overall="60")), r"metrics\[0\].overall"),
        (damaged(lambda c: c["claims"].update(B1={"left": 1})), "claims.B1"),
    ],
)
def test_what_is_no_record_is_named(tmp_path, text, message):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        load_record(path)
    assert str(path) in str(error.value)


def test_missing_record(tmp_path):
    with pytest.raises(FileNotFoundError, match="no record at .*run the lesson with out="):
        load_record(tmp_path)


def test_an_interrupted_write_leaves_the_old_record(tmp_path, monkeypatch):
    path = save_record(record(overall=1.0), tmp_path / "record.json")
    before = path.read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save_record(record(overall=2.0), path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["record.json"]


# ---- several seeds


def write_runs(folder, seeds, **changes):
    for seed in seeds:
        (folder / f"seed{seed}").mkdir(parents=True)
        record(seed, overall=60.0 + seed**2, **changes).save(folder / f"seed{seed}")
    return [folder / f"seed{seed}" for seed in seeds]


def test_collect_and_load_standard(tmp_path):
    runs = write_runs(tmp_path / "runs", [2, 0, 1])
    target = tmp_path / "figures" / "records"
    target.mkdir(parents=True)
    assert collect(runs, "02_ballad", target) == target / "02_ballad.json"
    standard = load_standard("02_ballad", root=tmp_path)
    assert [r.seed for r in standard] == [0, 1, 2]
    assert [without_cost(r) for r in standard] == [without_cost(load_record(run)) for run in sorted(runs)]
    assert load_standard("00_other", root=tmp_path) == []


def test_seeds_are_committed_as_they_come(tmp_path):
    """Another seed joins those of the same conditions; new code begins anew."""
    target = tmp_path / "02_ballad.json"

    def seeds() -> dict[int, float]:
        return {run.seed: run.value("table5", "frozen", "overall") for run in read_runs(target, "02_ballad")}

    collect(write_runs(tmp_path / "a", [2, 0]), "02_ballad", target)
    collect(write_runs(tmp_path / "b", [1]), "02_ballad", target)
    assert seeds() == {0: 60, 1: 61, 2: 64}
    (again,) = write_runs(tmp_path / "c", [2])
    changed = load_record(again)
    changed.add_value("table5", "frozen", "overall", 3.0)
    changed.save(again)
    collect([again], "02_ballad", target)
    assert seeds() == {0: 60, 1: 61, 2: 3}
    collect(write_runs(tmp_path / "d", [3], environment={"code": "decade"}), "02_ballad", target)
    assert seeds() == {3: 69}
    target.write_text("{")
    with pytest.raises(ValueError, match="02_ballad.json is not a whole JSON file"):
        collect([again], "02_ballad", target)


def test_load_standard_finds_the_checkout_from_any_folder_in_it(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ltnb"\n')
    (tmp_path / "figures" / "records").mkdir(parents=True)
    (tmp_path / "notebooks" / "deep").mkdir(parents=True)
    (tmp_path / "notebooks" / "pyproject.toml").write_text('[project]\nname = "another"\n')
    collect(write_runs(tmp_path / "runs", [5]), "02_ballad", tmp_path / "figures" / "records")
    monkeypatch.chdir(tmp_path / "notebooks" / "deep")
    assert project_root() == tmp_path
    assert [r.seed for r in load_standard("02_ballad")] == [5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lesson": "01_ivlm"}, "lesson '01_ivlm', not '02_ballad'"),
        ({"profile": "standard"}, "differ in profile"),
        ({"world": "critters-0"}, "differ in world"),
        ({"parameters": {"dataset": "critters_lt", "epochs": 4}}, "differ in epochs"),
        ({"environment": {"python": "3", "code": "decade"}}, "differ in code"),
        ({"environment": {"python": "3"}}, "differ in code"),
    ],
)
def test_runs_that_cannot_be_averaged_are_refused(tmp_path, change, message):
    runs = write_runs(tmp_path / "a", [0, 1]) + write_runs(tmp_path / "b", [2], **change)
    with pytest.raises(ValueError, match=message):
        collect(runs, "02_ballad", tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_a_seed_counts_once_and_nothing_is_not_merged(tmp_path):
    runs = write_runs(tmp_path / "a", [0]) + write_runs(tmp_path / "b", [0])
    with pytest.raises(ValueError, match="seed 0 is already taken"):
        collect(runs, "02_ballad", tmp_path)
    with pytest.raises(ValueError, match="run_dirs"):
        collect([], "02_ballad", tmp_path)
    with pytest.raises(FileNotFoundError, match="no record at"):
        collect([tmp_path], "02_ballad", tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema": 1, "lesson": "x", "runs": []}', '{"schema": 1, "lesson": "l"}']
)
def test_damaged_standard_file_is_named(tmp_path, text):
    path = tmp_path / "l.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"l\.json"):
        read_runs(path, "l")


# ---- tables


def test_summary_is_numpys_mean_and_sample_deviation():
    runs = [record(seed, overall=value) for seed, value in enumerate([60.0, 61.5, 58.25])]
    runs[1].add_value("table5", "frozen", "few", 40.0)
    table = summary(runs, "table5", ["overall", "few"]).set_index("row")
    assert list(table.index) == ["frozen", "both"]
    np.testing.assert_allclose(table.overall, [np.mean([60, 61.5, 58.25]), np.mean([68, 69.5, 66.25])])
    np.testing.assert_allclose(table.overall_sd, np.std([60, 61.5, 58.25], ddof=1))
    assert list(table.overall_n) == [3, 3] and list(table.few_n) == [1, 0]
    assert table.few["frozen"] == 40 and math.isnan(table.few_sd["frozen"]) and math.isnan(table.few["both"])


def test_comparison_sets_sources_side_by_side():
    published = pd.DataFrame({"row": ["P2", "both"], "many": [1.0, np.nan], "few": ["", "3"], "overall": [70.54, None]})
    standard = [record(seed, overall=60.0 + seed) for seed in range(3)]
    table = comparison("table5", record(overall=64.04), standard, published, ["overall", "few"])
    assert list(table.columns) == [
        (source, column) for source in ("published", "standard, 3 seeds", "this run") for column in ("overall", "few")
    ]
    assert list(table.index) == ["P2", "both", "frozen"]  # what only we have comes last
    assert table.to_numpy().tolist() == [
        ["70.54", "–", "–", "–", "–", "–"],
        ["–", "3.0", "69.0 ± 1.0", "–", "72.0", "–"],
        ["–", "–", "61.0 ± 1.0", "–", "64.0", "–"],
    ]


def test_differences_to_a_baseline_are_paired_by_seed():
    published = pd.DataFrame({"key": ["frozen", "both", "odd"], "overall": [58.2, 66.13, np.nan]})
    standard = [record(seed, overall=60.0 + 3 * seed) for seed in range(3)]
    for seed, made in enumerate(standard):
        made.add_value("table5", "both", "overall", 60.0 + 3 * seed + [8, 9, 10.3][seed])
    table = comparison("table5", record(), standard, published, ["overall"], baseline="frozen", names={"both": "Both"})
    assert list(table.index) == ["frozen", "Both", "odd"]
    spread = np.std([8, 9, 10.3], ddof=1)
    both = np.mean([68, 72, 76.3]), np.std([68, 72, 76.3], ddof=1)
    assert table.loc["Both"].tolist() == [
        "66.13 (+7.93)",
        f"{both[0]:.1f} ± {both[1]:.1f} (+9.1 ± {spread:.1f})",
        "68.0 (+8.0)",
    ]
    assert table.loc["frozen"].tolist() == ["58.2", "63.0 ± 3.0", "60.0"]
    assert table.loc["odd"].tolist() == ["–", "–", "–"]
    with pytest.raises(ValueError, match="baseline must be one of frozen, both, odd, got 'nothing'"):
        comparison("table5", record(), standard, published, baseline="nothing")


def test_comparison_without_published_or_standard_rows():
    table = comparison("table6", record())
    assert table.index.tolist() == ["visual"] and table.to_numpy().tolist() == [["1.0", "–", "–", "–"]]
    assert set(table.columns.get_level_values(0)) == {"this run"}
    assert comparison("table6", record(), [record()])["standard, 1 seed"].overall.tolist() == ["1.0"]
    missing = comparison("table6", record(), no_standard="none yet")
    assert missing.columns[-1] == ("none yet", "") and missing["none yet", ""].tolist() == ["–"]
    assert "none yet" not in comparison("table6", record(), [record()], no_standard="none yet").columns
    with pytest.raises(ValueError, match="section must be one of table5, table6, got 'table7'"):
        comparison("table7", record())


def test_comparison_takes_the_papers_tables_as_they_are():
    from ltnb.papers import reported

    table = comparison("table5", record(), reported=reported("ballad/table5"))
    assert table.index.tolist()[:3] == ["frozen", "visual", "language"]
    assert table["published"].overall.tolist()[0] == "58.2"
    assert list(dict.fromkeys(table.columns.get_level_values(0))) == ["published", "this run"]


# ---- environment


def test_environment_names_what_is_there(tmp_path, monkeypatch):
    found = environment()
    assert torch.__version__.startswith(found["torch"]) and found["numpy"] == np.__version__  # or + "+cu130"
    assert found["device"] and found["threads"] == torch.get_num_threads()
    assert environment("cpu")["device"]

    for command in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=b", "commit", "-q", "--allow-empty", "-m", "c"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ltnb"\n')
    monkeypatch.chdir(tmp_path)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert environment()["git_commit"] == commit
    monkeypatch.setenv("PATH", "")
    assert environment()["git_commit"] is None  # no git


def test_every_field_of_a_record_is_written():
    assert {f.name for f in dataclasses.fields(Record)} | {"schema"} == set(record().to_dict())
