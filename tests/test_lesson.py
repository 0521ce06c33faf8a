"""The frame of a lesson: checked parameters, figures and the record in their place, claims that read the record."""

import numpy as np
import pytest

from ltnb.critters.attributes import WORLD_VERSION
from ltnb.lesson import claims, frame
from ltnb.metrics import evaluate
from ltnb.papers import CLAIMS
from ltnb.results import real_heads

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


LEAD = "table6/visual/overall - table6/language/overall"


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
    wanted = claim_between("table6/language/overall", "table6/visual/overall")
    assert table.loc[wanted.id, "this run"] == "60.0 → 90.0 (+30.0, too small to decide)"  # ten test pictures
    assert table.loc[wanted.id, "paper"] == "+0.2" and table.loc[wanted.id, "verdict"] == "no standard run"
    assert run.record.claims[wanted.id] == {"left": 60.0, "right": 90.0}
    assert (table["this run"] == "not measured").sum() == len(table) - 1


def claim_between(left: str, right: str):
    (found,) = (c for c in CLAIMS if c.left.endswith(left) and c.right.endswith(right))
    return found


def test_published_rows_of_other_data_sets_stay_out():
    run = frame.start("02_ballad", PARAMETERS)
    run.record.add("table7", "b_only", report(9))
    table = run.table("table7", "ballad/table7", baseline="neither")
    assert list(table.index) == ["neither", "a only", "a and b", "b only"]
    assert table.loc["b only", ("this run", "overall")] == "90.0"
    assert table.loc["b only", ("published", "overall")] == "67.2 (+4.6)"


def test_published_numbers_stand_as_printed_and_ours_with_one_decimal():
    run = frame.start("01_ivlm", PARAMETERS)
    run.record.add("table5", "marc_less_latin", report(9))
    table = run.table("table5", "ivlm/table5", ("overall", "few"))
    published = table["published"]
    assert len(published) == 16  # of both data sets: each row has a counterpart here
    assert (published.overall["marc less latin"], published.few["zero shot more"]) == ("71.82", "43.41")
    assert published.overall["disalign less"] == "48.43" and "45.0" not in set(published.overall)
    assert table["this run"].overall["marc less latin"] == "90.0"


def test_a_run_on_features_names_no_data_set_and_no_encoder():
    given = {"latin_dataset": "critters_latin_lt", "small_backbone": "mini-vit-s", "features": "x.npz"}
    parameters = frame.start("07_your_features", {**PARAMETERS, **given}).record.parameters
    assert {parameters[k] for k in ("dataset", "latin_dataset", "backbone", "small_backbone")} == {""}


def stored(monkeypatch, differences: list[float]) -> None:
    """Standard runs of 02_ballad in which the visual adapter is better than the language one by so much."""
    runs = []
    for seed, by in enumerate(differences):
        parameters = {**PARAMETERS, "profile": "standard", "seed": seed}
        run = frame.Record("02_ballad", parameters, seed=seed, profile="standard", world=WORLD_VERSION)
        run.add_value("table6", "language", "overall", 60.0 + seed)
        run.add_value("table6", "visual", "overall", 60.0 + seed + by)
        runs.append(run)
    monkeypatch.setattr(claims, "load_standard", lambda lesson: runs)


def test_the_standard_runs_decide_and_this_run_stands_beside(monkeypatch):
    """Also where this run points the other way."""
    stored(monkeypatch, [1.0, 1.2, 0.9, 1.1, 1.3])
    run = frame.start("02_ballad", PARAMETERS)
    run.record.add("table6", "language", evaluate([0] * 200 + [1] * 200, [0] * 200 + [1] * 200, [200, 5]))
    run.record.add("table6", "visual", evaluate([0] * 300 + [1] * 100, [0] * 200 + [1] * 200, [200, 5]))
    found, other = run.found(section="table6").data.splitlines()
    assert found == (
        "- **B10.** Adapting the visual side beats adapting the language side. Paper: 67.0 → 67.2. "
        "Standard runs: +1.1 [+0.9, +1.3], n = 5, **reproduced**. This run: 100.0 → 75.0 (-25.0)."
    )
    assert other.endswith("Verdict: no standard run of these settings yet. This run: not measured.")
    assert run.claims().set_index("claim").loc["B10", ["standard runs", "verdict"]].tolist() == [
        "+1.1 [+0.9, +1.3], n = 5",
        "reproduced",
    ]
    stored(monkeypatch, [-1.0, -1.2, -0.9])
    few = frame.start("02_ballad", PARAMETERS).found(section="table6").data
    assert "n = 3, **undecided (5 seeds are needed, 3 there)**." in few
    with pytest.raises(ValueError, match=r"section must be one that a claim rests on .*table6.*, got 'table66'"):
        run.found(section="table66")


def test_a_difference_is_too_small_below_two_standard_errors(monkeypatch):
    """Of 100 pictures of each class: 2 · sqrt(two of 0.8 · 0.2 / 199) is 8 points, less one and more one picture."""
    monkeypatch.setattr(claims, "load_standard", lambda lesson: [])
    wanted = claim_between("table7/neither/few", "table7/b_only/few")
    error = 100 * (2 * 0.8 * 0.2 / 199) ** 0.5
    for more in (-15, -14, 14, 15):
        run = frame.start("02_ballad", PARAMETERS)
        for row, right in (("neither", 160), ("b_only", 160 + more)):
            answers = [0] * 200 + [1] * right + [0] * (200 - right)
            run.record.add("table7", row, evaluate(answers, [0] * 200 + [1] * 200, [200, 5]))
        here = run.claims().set_index("claim").loc[wanted.id, "this run"]
        other = 100 * ((160 + more) / 200 * (40 - more) / 200 / 199) ** 0.5
        small = abs(more / 2) < 2 * (error**2 / 2 + other**2) ** 0.5
        assert here.endswith("too small to decide)") == small, more
    gap = claim_between("table5/frozen/gap", "table5/both/gap")
    run = frame.start("02_ballad", PARAMETERS)
    for row in ("frozen", "both"):
        run.record.add("table5", row, evaluate([0, 0, 1, 0], [0, 0, 1, 1], [200, 5]))
    (error,) = (each.error for each in claims.findings(run.record, []) if each.verdict.claim == gap)
    assert error == pytest.approx(50 * 2**0.5)  # few alone: 50 of each


def test_a_number_without_standard_error_is_shown_alone(monkeypatch):
    monkeypatch.setattr(claims, "load_standard", lambda lesson: [])
    run = frame.start("02_ballad", PARAMETERS)
    run.record.add_value("table6", "language", "overall", 60.0)
    run.record.add_value("table6", "visual", "overall", 60.1)
    verdict = run.found(section="table6").data.splitlines()[0]
    assert verdict.endswith(f"Verdict: no standard run of {WORLD_VERSION} yet. This run: 60.0 → 60.1 (+0.1).")


@pytest.mark.parametrize(
    ("differences", "field", "expected"),
    [
        ([1.0, 1.2, 0.9, 1.1, 1.3], "{table6/language/overall}", "62.0"),
        ([1.0, 1.2, 0.9, 1.1, 1.3], f"{{{LEAD}}}", "+1.1 (95 % interval +0.9 to +1.3)"),
        ([-1.0, -1.0], f"{{{LEAD}:words}}", "1.0 points less (95 % interval -1.0 to -1.0)"),
        (
            [-1.0, 1.2],
            f"{{{LEAD}:words}}",
            "0.1 points more (95 % interval -13.9 to +14.1, so 2 seeds do not decide it)",
        ),
        ([0.5], f"{{{LEAD}:words}}", "0.5 points more (one seed)"),
        ([], f"{{{LEAD}:words}}", "20.0 points less (one run)"),
        ([], "{table6/visual/overall - table6/both/overall:words}", "0.5 points less (one run, too small to decide)"),
        ([], "{table6/visual/overall}", "80.0"),
        ([], "{table6/visual/overall -\n table6/language/overall:words}", "20.0 points less (one run)"),
        ([], "{table6/visual/overall:whole}", "80"),
        ([], "{table6/nobody/overall:whole}", "–"),
        ([], "{table6/visual/overall - table6/nobody/overall}", "–"),
        ([], "$\\frac{a}{b}$ and $x_{a/b}$", "$\\frac{a}{b}$ and $x_{a/b}$"),
    ],
)
def test_sentences_take_their_numbers_from_the_standard_runs(monkeypatch, differences, field, expected):
    """An oracle by hand; this run, where there are none, has 100, 80 and 80.5 % of 400 pictures right."""
    stored(monkeypatch, differences)
    run = frame.start("02_ballad", PARAMETERS)
    for row, wrong in (("language", 0), ("visual", 80), ("both", 78)):
        answers = [1] * wrong + [0] * (200 - wrong) + [1] * 200
        run.record.add("table6", row, evaluate(answers, [0] * 200 + [1] * 200, [200, 5]))
    text = run.found(f"See {field}.").data
    assert text.endswith(f" See {expected}.")
    assert text.startswith(
        f"**Standard runs, {len(differences)} seed" if differences else "**Numbers of this run alone, no standard"
    )


def test_sentences_name_what_is_no_number(monkeypatch):
    run = frame.start("02_ballad", PARAMETERS)
    for field in (
        "{a/b/c - d/e}",
        "{a/b/c/d}",
        "{a/b/c:words}",
        "{a/b/c - d/e/f:percent}",
        "{a/b/c - d/e/f - g/h/i}",
        "{a/b/c - d/e/f:whole}",
    ):
        with pytest.raises(ValueError, match="text must be with"):
            run.found(field)


def test_a_table_has_the_numbers_of_a_real_clip_beside_ours():
    """Against the committed file, read by hand."""
    run = frame.start("02_ballad", PARAMETERS)
    for row in ("probe", "balanced"):
        run.record.add("two_by_two", row, evaluate([0, 1], [0, 1], [200, 5]))
    pairs = {"probe": "linear_probe", "balanced": "adapter_class", "nobody": "no such key"}
    table = run.table("two_by_two", baseline="probe", real=pairs)
    (real,) = (each for each in real_heads() if each.name == frame.REAL)
    group = f"real {frame.REAL}"
    assert list(table[group]) == ["overall", "few"]
    probe, balanced = (np.array(real.stages[key].values["few"]) for key in ("linear_probe", "adapter_class"))
    assert table.loc["probe", (group, "few")].startswith(f"{probe.mean():.1f}")
    assert (
        f"({(balanced - probe).mean():+.1f} ± {(balanced - probe).std(ddof=1):.1f})"
        in table.loc["balanced", (group, "few")]
    )


def test_a_chart_of_gains_shows_the_differences_of_the_table(monkeypatch):
    """Points at the table's own differences; names choose and order the rows."""
    stored(monkeypatch, [1.0, 2.0, 3.0])
    run = frame.start("02_ballad", PARAMETERS)
    for row, overall in (("language", 60.0), ("visual", 59.0), ("both", 61.5)):
        run.record.add_value("table6", row, "overall", overall)
    names = {"both": "both sides", "visual": "visual side"}
    figure = run.gains("table6", "ballad/table6", ("overall",), baseline="language", names=names)
    (ax,) = figure.axes
    points = {each.get_label(): each.lines[0].get_xdata().tolist() for each in ax.containers}
    assert points["published"] == pytest.approx([-0.2, 0.2])
    assert points["standard, 3 seeds"] == pytest.approx([2.0])
    assert points["this run"] == pytest.approx([1.5, -1.0])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["both sides", "visual side"]
    assert "over language" in ax.get_xlabel()


# ---- parameters of the notebook that calls


@pytest.fixture
def shell():
    """An IPython of its own, as a kernel has one."""
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.clear_instance()
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_lesson_finds_its_parameters_by_itself(shell):
    cells = [
        "# the lesson's\n" + "\n".join(f"{name} = {value!r}" for name, value in PARAMETERS.items()),
        "# Parameters\nseed = 7\nlr_a = 0.5",  # what papermill adds
        "%pylab_nothing = 1",
        "import numpy as np\nwidth = 3",  # not a parameters cell
        "broken = 1\nbroken = ",
        "from ltnb.lesson import start\nlesson = start('02_ballad')",
    ]
    for cell in cells:
        shell.run_cell(cell, store_history=True)
    found = shell.user_ns["lesson"].record.parameters
    assert found == {k: v for k, v in PARAMETERS.items() if k != "out"} | {"seed": 7, "lr_a": 0.5}
    shell.run_cell("seed = 9", store_history=True)
    shell.run_cell("lesson = start('02_ballad')", store_history=True)
    assert shell.user_ns["lesson"].record.seed == 9


def test_a_lesson_finds_its_parameters_where_no_history_is_kept(shell):
    """As nbval runs it: the names are those of the lesson's own cell, the values those of the notebook."""
    cell = "\n".join(f"{name} = {value!r}" for name, value in PARAMETERS.items())
    for source in (cell, "seed = 7", "from ltnb.lesson import start", "lesson = start('07_your_features')"):
        shell.run_cell(source, store_history=False)
    found = shell.user_ns["lesson"].record.parameters
    assert found["seed"] == 7 and found["dataset"] == "critters_lt"


def test_outside_of_a_notebook_parameters_are_given():
    with pytest.raises(ValueError, match="parameters must be given outside of a notebook, got None"):
        frame.start("02_ballad")


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
    monkeypatch.setattr(claims, "load_standard", lambda lesson: stored)
    assert frame.start("02_ballad", given).standard == stored
    for change in ({"imbalance": 10}, {"dataset": "cifar100_lt"}, {"backbone": "mini-rn"}, {"features": "x.npz"}):
        assert frame.start("02_ballad", {**given, **change}).standard == []
    old = [frame.Record("02_ballad", {**given, **longer}, seed=0, world="critters-0")]
    monkeypatch.setattr(claims, "load_standard", lambda lesson: old)
    assert frame.start("02_ballad", given).standard == []


def test_a_world_without_standard_runs_says_so_in_its_tables(monkeypatch):
    longer = {**PARAMETERS, "imbalance": 100, "profile": "standard", "seed": 0}
    records = {
        world: frame.Record("02_ballad", longer, seed=0, profile="standard", world=world)
        for world in ("critters-0", WORLD_VERSION)
    }
    for record in records.values():
        record.add("table6", "visual", report(7))

    def groups(stored: list, **change) -> dict[str, str]:
        monkeypatch.setattr(claims, "load_standard", lambda lesson: stored)
        run = frame.start("02_ballad", {**PARAMETERS, "imbalance": 100, **change})
        run.record.add("table6", "visual", report(9))
        table = run.table("table6", columns=("overall",))
        return {group: table.loc["visual", (group, column)] for group, column in table.columns}

    mine = {"this run": "90.0"}
    none_yet = {**mine, f"no standard run of {WORLD_VERSION} yet": "–"}
    assert groups([]) == none_yet
    assert groups([records["critters-0"]]) == none_yet, "numbers of another world are not shown"
    assert groups([records["critters-0"], records[WORLD_VERSION]]) == {"standard, 1 seed": "70.0", **mine}
    assert groups([records[WORLD_VERSION]], imbalance=10) == mine
    assert groups([], features="x.npz") == groups([], dataset="cifar100_lt") == mine


@pytest.mark.parametrize(
    "name, value", [("epochs_a", 0), ("batch_b", -1), ("lr_a", 0.0), ("lr_a", "1e-3"), ("variant", "papr")]
)
def test_a_value_that_cannot_work_is_named_before_anything_is_computed(name, value):
    good = {**PARAMETERS, "epochs_a": 1, "batch_b": 8, "lr_a": 0.1, "variant": "code"}
    frame.start("02_ballad", good, variant=("paper", "code"))
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got {value!r}"):
        frame.start("02_ballad", {**good, name: value}, variant=("paper", "code"))


def test_a_run_on_given_features_names_neither_data_set_nor_encoder():
    run = frame.start("02_ballad", {**PARAMETERS, "features": "x.npz"})
    assert run.record.parameters["dataset"] == run.record.parameters["backbone"] == ""
    assert run.record.world is None and run.record.parameters["features"] == "x.npz"
