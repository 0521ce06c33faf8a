"""The runner: parameters are checked before anything runs, runs survive a kill, a failing lesson stops nobody else."""

import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
import pytest

from ltnb import cli
from ltnb.runner import doctor, execution, folders
from ltnb.runner.catalogue import (
    Profile,
    builtin_profiles,
    check_overrides,
    find_lesson,
    load_profile,
    parse_text,
    read_parameters,
)
from ltnb.runner.committed import committed_record
from ltnb.runner.display import Display
from ltnb.runner.execution import Progress, Result, run_all, run_on_cluster, stages
from ltnb.runner.plan import plan, plan_one

REPO = Path(__file__).resolve().parents[1]

PARAMETERS = 'seed = 0\nout = ""\nlr = 0.1\nsteps = 2\nname = "a"\nwidths = [1, 2]\nfast = True\nfeatures = ""'
RECORD = {
    "schema": 1, "lesson": "x", "profile": "quick", "parameters": {"steps": 2}, "world": None, "date": "2026-01-01",
    "environment": {"python": "3"}, "cost": {"wall_s": 1.0}, "metrics": [], "claims": {},
}  # fmt: skip
WRITE = f"""
import json
from pathlib import Path
record = {RECORD} | {{"seed": seed}}
Path(out, "half.txt").write_text("begun")
"""
SAVE = 'Path(out, "record.json").write_text(json.dumps(record))'


def write_notebook(path: Path, *sources: str, parameters: str = PARAMETERS) -> Path:
    """A lesson whose first cell is its parameters; sources that begin with # are headings."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    for source in sources:
        new = nbformat.v4.new_markdown_cell if source.startswith("#") else nbformat.v4.new_code_cell
        notebook.cells.append(new(source))
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A stand-in for a clone: its own notebooks and its own runs folder."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ltnb"\n')
    write_notebook(tmp_path / "notebooks" / "01_good.ipynb", "## 1 Work", WRITE, "## 2 End", SAVE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str, **options):
    """The command in a process of its own, as a user starts it."""
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.Popen(
        [sys.executable, "-m", "ltnb", *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def usage_error(capsys, *arguments: str) -> str:
    """What a wrong argument says: exit status 2, one line on stderr, nothing on stdout, nothing run."""
    try:
        status = cli.main(list(arguments))
    except SystemExit as stop:  # argparse's own
        status = stop.code
    out, err = capsys.readouterr()
    assert status == 2 and out == "" and err.count("\n") == 1 and "Traceback" not in err, (status, out, err)
    assert not list(Path("runs").rglob("*.ipynb"))
    return err


# ---- parameters


def test_parameters_are_read_in_order(tmp_path):
    source = 'a = 1\nb: float = 1e-4  # comment\nc = [1, "x"]\nd = None\ne = -2\nf = {"k": (1, 2)}'
    path = write_notebook(tmp_path / "n.ipynb", parameters=source)
    assert list(read_parameters(path).items()) == [
        ("a", 1), ("b", 1e-4), ("c", [1, "x"]), ("d", None), ("e", -2), ("f", {"k": (1, 2)}),
    ]  # fmt: skip


@pytest.mark.parametrize("source", ["a = 1 + n", "a = b = 1", "a, b = 1, 2", "import os", "a = open('f')", "a = ("])
def test_parameters_cell_holds_literals_only(tmp_path, source):
    path = write_notebook(tmp_path / "n.ipynb", parameters=source)
    with pytest.raises(ValueError, match="n.ipynb"):
        read_parameters(path)


def test_exactly_one_parameters_cell(tmp_path):
    path = write_notebook(tmp_path / "n.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("b = 1", metadata={"tags": ["parameters"]}))
    nbformat.write(notebook, path)
    with pytest.raises(ValueError, match="exactly one .* it has 2"):
        read_parameters(path)
    (tmp_path / "torn.ipynb").write_text('{"cells": [')
    with pytest.raises(ValueError, match="torn.ipynb is not a notebook"):
        read_parameters(tmp_path / "torn.ipynb")


DEFAULTS = {"lr": 0.1, "steps": 2, "fast": True, "name": "a", "widths": [1, 2], "pair": (0.1, 0.2), "any": None}


@pytest.mark.parametrize(
    "name, value, expected",
    [("lr", 1, 1.0), ("lr", 1e-4, 1e-4), ("steps", 5, 5), ("fast", False, False), ("name", "", ""),
     ("widths", [], []), ("widths", (3,), [3]), ("pair", [1, 2], (1.0, 2.0)), ("any", "x", "x"), ("any", 3, 3)],
)  # fmt: skip
def test_fitting_values_are_taken(name, value, expected):
    given = check_overrides("lesson", DEFAULTS, {name: value})[name]
    assert given == expected and type(given) is type(expected)


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("lr", "1e-4", "parameter 'lr' of lesson: expected float, got str '1e-4' (in YAML write 1.0e-4)"),
        ("lr", "2E5", "(in YAML write 2.0e5)"),
        ("lr", "0.5", "expected float, got str '0.5' (write 0.5 without quotes)"),
        ("lr", "much", "expected float, got str 'much'"),
        ("lr", True, "expected float, got bool True"),
        ("lr", None, "expected float, got NoneType None"),
        ("steps", True, "expected int, got bool True"),
        ("steps", 1.5, "expected int, got float 1.5"),
        ("fast", 1, "expected bool, got int 1"),
        ("name", False, "expected str, got bool False (in YAML put quotes around yes, no, on and off)"),
        ("name", 3, "expected str, got int 3"),
        ("widths", "12", "expected list, got str '12'"),
        ("widths", [1, "2"], "parameter 'widths' of lesson, element 1: expected int, got str '2'"),
        ("leraning", 1, "lesson has no parameter 'leraning' (it has: lr, steps"),
        ("step", 1, "lesson has no parameter 'step'; did you mean 'steps'?"),
    ],
)
def test_wrong_values_name_parameter_type_and_value(name, value, message):
    with pytest.raises(ValueError) as error:
        check_overrides("lesson", DEFAULTS, {name: value})
    assert message in str(error.value)


@pytest.mark.parametrize(
    "name, text, expected",
    [("lr", "1e-4", 1e-4), ("lr", "2", 2.0), ("steps", "7", 7), ("fast", "false", False), ("fast", "True", True),
     ("name", "3", "3"), ("widths", "[4]", [4]), ("any", "plain", "plain"), ("any", "3", 3)],
)  # fmt: skip
def test_command_line_text_is_read_as_the_default_asks(name, text, expected):
    value = parse_text("lesson", DEFAULTS, name, text)
    assert value == expected and type(value) is type(expected)


# ---- profiles and plans


def write_profile(text: str) -> str:
    Path("mine.yaml").write_text(text)
    return "mine.yaml"


def test_builtin_profiles_load():
    assert set(builtin_profiles()) == {"quick", "standard"}
    assert load_profile("quick").seeds == (0,)
    assert len(load_profile("standard").seeds) >= 3
    assert all(parameters["profile"] == "standard" for parameters in load_profile("standard").lessons.values())


@pytest.mark.parametrize(
    "text, message",
    [
        ("lessons: {01_good: {lr: 1e-4}}", "in YAML write 1.0e-4"),
        ("lessons: {01_good: {learning_rate: 0.1}}", "has no parameter 'learning_rate'"),
        ("lessons: {01_god: {}}", "unknown lesson '01_god'; did you mean '01_good'?"),
        ("lessons: {01_good: [1]}", "must be a mapping"),
        ("lessons: {01_good: {steps: 1, steps: 2}}", "'steps' stands twice"),
        ("lessons: {01_good: {}}\nseed: [1]", "unknown key 'seed'; did you mean 'seeds'?"),
        ("lessons: {01_good: {}}\nseeds: [1, 1]", "seeds must be distinct"),
        ("lessons: {01_good: {}}\nseeds: 3", "seeds must be distinct"),
        ("lessons: {01_good: {}}\nseeds_of: [1]", "'seeds_of' must be a mapping"),
        ("lessons: {01_good: {}}\nseeds_of: {01_god: [1]}", "'01_god'; did you mean '01_good'"),
        ("lessons: {01_good: {}}\nseeds_of: {01_good: [1, 1]}", "seeds must be distinct"),
        ("lessons: {01_good: {out: x}}", "parameter 'out' is the runner's own"),
        ("lessons: {01_good: {features: gone.npz}}", "parameter 'features': no such file: gone.npz"),
        ("lessons: [01_good]", "is not a profile"),
        ("lessons: {", "is not YAML"),
    ],
)
def test_a_wrong_profile_is_an_error_before_anything_runs(project, capsys, text, message):
    assert message in usage_error(capsys, "reproduce", "--profile", write_profile(text))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("reproduce", "--profile", "quik"), "unknown profile 'quik'; did you mean 'quick'?"),
        (("reproduce", "--profile", "gone.yaml"), "no such profile file"),
        (("reproduce", "--jobs", "many"), "invalid int value"),
        (("run", "01_good", "-p", "lr", "much"), "expected float, got str 'much'"),
        (("run", "01_good", "-p", "lr", "1", "-p", "lr", "2"), "given twice"),
        (("run", "01_good", "-p", "stepps", "1"), "did you mean 'steps'?"),
        (("run", "01_good", "--jobs", "0"), "--jobs must be at least 1"),
        (("run", "01_good", "--name", "../x"), "--name must be a plain folder name"),
        (("run", "01_good", "--name", ".."), "--name must be a plain folder name, got '..'"),
        (("run", "01_good", "--name", "."), "--name must be a plain folder name, got '.'"),
        (("run", "01_good", "--name", ""), "--name must be a plain folder name, got ''"),
        (("run", "01_good", "-p", "seed", "-1"), "parameter 'seed' of 01_good must be a whole number from 0 on"),
        (("run", "02_bad"), "unknown lesson '02_bad'"),
        (("run", "gone.ipynb"), "no such notebook"),
        (("report",), "no finished runs in"),
        (("produce",), "invalid choice"),
        ((), "required"),
    ],
)  # fmt: skip
def test_wrong_arguments_say_so_in_one_line(project, capsys, arguments, message):
    assert message in usage_error(capsys, *arguments)


def test_lessons_must_take_seed_and_out(project):
    write_notebook(project / "notebooks" / "02_bare.ipynb", parameters="lr = 0.1")
    with pytest.raises(ValueError, match="02_bare has no parameter 'seed'"):
        plan_one("02_bare", {}, project / "runs")


def test_paths_are_made_absolute(project):
    (project / "f.npz").write_bytes(b"1")
    task = plan_one("01_good", {"features": "f.npz"}, Path("runs"))
    assert task.parameters["features"] == str(project / "f.npz")
    assert task.folder == str(project / "runs" / "01_good" / "seed0")


def test_weights_of_every_backbone_are_found_from_the_lessons_own_folder(project):
    (project / "w.pt").write_bytes(b"1")
    parameters = f'{PARAMETERS}\nbackbone = ""\nsecond_backbone = ""'
    write_notebook(project / "notebooks" / "02_two.ipynb", parameters=parameters)
    weights = {"backbone": "ViT-B-16:w.pt", "second_backbone": "RN50:w.pt"}
    task = plan_one("02_two", weights, Path("runs"))
    assert task.parameters["backbone"] == f"ViT-B-16:{project / 'w.pt'}"
    assert task.parameters["second_backbone"] == f"RN50:{project / 'w.pt'}"
    (project / "w.pt").write_bytes(b"22")
    assert plan_one("02_two", weights, Path("runs")).key != task.key


def test_key_follows_the_pictures_of_a_folder(project):
    write_notebook(project / "notebooks" / "02_own.ipynb", parameters=f'{PARAMETERS}\ndataset = "critters_lt"')
    pictures, elsewhere = project / "pictures", project / "elsewhere"
    for folder in (pictures / "cat", elsewhere):
        folder.mkdir(parents=True)
    (pictures / "dog").symlink_to(elsewhere)
    (pictures / "cat" / "up").symlink_to(pictures)  # goes round in a circle
    (pictures / "cat" / "gone.png").symlink_to("nowhere")
    keys = []
    for change in (
        lambda: (pictures / "cat" / "a.png").write_bytes(b"1"),
        lambda: (pictures / "cat" / "b.png").write_bytes(b"1"),
        lambda: (pictures / "cat" / "b.png").write_bytes(b"22"),
        lambda: os.utime(pictures / "cat" / "b.png", ns=(0, 0)),
        lambda: (pictures / "cat" / "b.png").rename(pictures / "cat" / "c.png"),
        lambda: (elsewhere / "d.png").write_bytes(b"1"),
    ):
        change()
        first, again = (plan_one("02_own", {"dataset": "folder:pictures"}, Path("runs")).key for _ in range(2))
        assert first == again
        keys.append(first)
    assert len(set(keys)) == len(keys)


def test_key_follows_the_standard_rows_that_a_lesson_shows(project):
    write_notebook(project / "notebooks" / "02_rows.ipynb", parameters=f'{PARAMETERS}\nprofile = "quick"')
    quick, standard = (plan_one("02_rows", {"profile": name}, Path("runs")) for name in ("quick", "standard"))
    records = project / "figures" / "records"
    records.mkdir(parents=True)
    for content in ("{}", "{ }"):
        (records / "02_rows.json").write_text(content)
        before, quick = quick, plan_one("02_rows", {"profile": "quick"}, Path("runs"))
        assert quick.key != before.key
    (records / "01_good.json").write_text("{}")
    assert plan_one("02_rows", {"profile": "quick"}, Path("runs")).key == quick.key
    (records / "real").mkdir()
    (records / "real" / "regime.json").write_text("{}")  # rows of real CLIP are shown as well
    assert plan_one("02_rows", {"profile": "quick"}, Path("runs")).key != quick.key
    # the file is made of the standard runs: writing it must not make them stale
    assert plan_one("02_rows", {"profile": "standard"}, Path("runs")).key == standard.key


def test_key_follows_everything_the_result_depends_on(project):
    (project / "f.npz").write_bytes(b"1")
    first = plan_one("01_good", {"features": "f.npz"}, Path("runs"))
    assert plan_one("01_good", {"features": "f.npz"}, Path("elsewhere")).key == first.key
    assert plan_one("01_good", {"features": "f.npz", "steps": 3}, Path("runs")).key != first.key
    (project / "f.npz").write_bytes(b"22")
    assert plan_one("01_good", {"features": "f.npz"}, Path("runs")).key != first.key
    before = plan_one("01_good", {}, Path("runs"))
    write_notebook(project / "notebooks" / "01_good.ipynb", WRITE, "x = 1", SAVE)
    assert plan_one("01_good", {}, Path("runs")).key != before.key


def test_a_lesson_may_have_seeds_of_its_own(project):
    write_notebook(project / "notebooks" / "02_more.ipynb")
    text = "seeds: [0, 1]\nseeds_of: {02_more: [0, 1, 2]}\nlessons: {01_good: {}, 02_more: {}}"
    profile = load_profile(write_profile(text))
    tasks = plan(profile, Path("runs"))
    assert [(task.lesson, task.seed) for task in tasks] == [
        *(("01_good", seed) for seed in (0, 1)),
        *(("02_more", seed) for seed in (0, 1, 2)),
    ]
    assert [task.seed for task in plan(profile, Path("runs"), seeds=[5])] == [5, 5]


def test_plan_is_lessons_times_seeds(project):
    write_notebook(project / "notebooks" / "02_more.ipynb")
    profile = load_profile(write_profile("seeds: [4, 5]\nlessons: {01_good: {steps: 9}, 02_more: }"))
    tasks = plan(profile, project / "runs")
    assert [(task.lesson, task.seed) for task in tasks] == [
        ("01_good", 4), ("01_good", 5), ("02_more", 4), ("02_more", 5)]  # fmt: skip
    assert tasks[0].parameters == {"steps": 9, "seed": 4, "out": "."}
    assert [task.label for task in plan(profile, project / "runs", ["02_more"], (7,))] == ["02_more seed 7"]
    with pytest.raises(ValueError, match="did you mean '02_more'"):
        plan(profile, project / "runs", ["02_mor"])


def test_two_notebooks_of_one_name_do_not_share_a_folder(project, capsys):
    write_notebook(project / "my" / "01_good.ipynb")
    name = write_profile("lessons: {01_good: {}, my/01_good.ipynb: {}}")
    message = usage_error(capsys, "reproduce", "--profile", name)
    assert "profile mine: '01_good' and 'my/01_good.ipynb' would write into one folder" in message
    assert len(plan(load_profile(name), project / "runs", ["my/01_good.ipynb"])) == 1


# ---- running


def records(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("record.json"))}


def test_a_failing_lesson_does_not_stop_the_others(project):
    write_notebook(project / "notebooks" / "00_bad.ipynb", "## Trouble", "raise KeyError('no such\\n thing')")
    write_profile("seeds: [1]\nlessons: {00_bad: , 01_good: {steps: 3}}")
    process = command("reproduce", "--profile", "mine.yaml", "--jobs", "1")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "00_bad seed 1 failed at code cell 3 (Trouble): KeyError: 'no such\\n thing'" in err, err
    assert "the notebook as far as it came: runs/mine/00_bad/seed1.failed" in err
    assert "Traceback" not in err
    assert "01_good seed 1:" in err and "2 End" in err  # progress: a line a section
    folder = project / "runs" / "mine"
    assert sorted(str(path.relative_to(folder)) for path in folder.glob("*/*")) == [
        "00_bad/seed1.failed",
        "01_good/seed1",
    ]
    failed = nbformat.read(folder / "00_bad/seed1.failed/00_bad.ipynb", as_version=4)
    assert any(output.output_type == "error" for cell in failed.cells for output in cell.get("outputs", []))
    names = sorted(path.name for path in (folder / "01_good/seed1").iterdir())
    assert names == ["01_good.ipynb", "done.json", "half.txt", "record.json"]
    assert json.loads((folder / "01_good/seed1/record.json").read_text())["seed"] == 1
    done = json.loads((folder / "01_good/seed1/done.json").read_text())
    assert done["parameters"] == {"steps": 3, "seed": 1, "out": "."}


def test_kernel_is_this_interpreter_and_ltnb_this_copy(project, monkeypatch):
    """A kernelspec of the machine that is called python3 too, and start-up files of the user's, stay out."""
    spec = project / "elsewhere" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text('{"argv": ["false"], "display_name": "wrong", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(project / "elsewhere"))
    source = """
import json, os, sys, ltnb
from pathlib import Path
facts = {"python": sys.executable, "ltnb": ltnb.__file__, "threads": os.environ["OMP_NUM_THREADS"], "cwd": os.getcwd()}
Path(out, "facts.json").write_text(json.dumps(facts))
"""
    write_notebook(project / "notebooks" / "01_good.ipynb", source)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("ltnb.runner.execution.available_cores", lambda: 7)
    (result,) = run_all([plan_one("01_good", {}, project / "runs")], jobs=2, progress=Progress())
    assert result.status == "done", result.error
    facts = json.loads((result.folder / "facts.json").read_text())
    assert facts["python"] == sys.executable and facts["threads"] == "3"
    assert Path(facts["ltnb"]) == REPO / "ltnb" / "__init__.py"
    assert facts["cwd"] == str(result.folder) + ".partial"


def test_a_notebook_that_does_not_name_its_language_runs(project):
    path = write_notebook(project / "notebooks" / "01_good.ipynb", WRITE, SAVE)
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.clear()
    nbformat.write(notebook, path)
    (result,) = run_all([plan_one("01_good", {}, project / "runs")], jobs=1, progress=Progress())
    assert result.status == "done", result.error


SLOW = """
import time
Path(out, "pid.txt").write_text(str(__import__("os").getpid()))
time.sleep(0 if Path("{flag}").exists() else 60)
"""


def test_killed_in_the_middle_goes_on_from_there(project):
    """SIGKILL with one run finished and another half-written: no process is left, and the records end up the same."""
    flag = project / "fast"
    write_notebook(project / "notebooks" / "02_slow.ipynb", WRITE, SLOW.format(flag=flag), SAVE)
    write_profile("seeds: [3]\nlessons: {01_good: {}, 02_slow: }")
    arguments = ("reproduce", "--profile", "mine.yaml", "--jobs", "1")
    runs = project / "runs" / "mine"
    process = command(*arguments)
    pid_file = runs / "02_slow" / "seed3.partial" / "pid.txt"
    wait_for(lambda: pid_file.is_file() and pid_file.read_text())
    kernel = int(pid_file.read_text())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not Path(f"/proc/{kernel}").exists() or "Z" in Path(f"/proc/{kernel}/stat").read_text().split()[2])
    assert set(records(runs)) == {"01_good/seed3/record.json"}
    first = (runs / "01_good" / "seed3" / "done.json").stat().st_mtime_ns

    flag.touch()
    process = command(*arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "[1/2] 01_good seed 3: kept" in err and "[2/2] 02_slow seed 3: done" in err
    assert (runs / "01_good" / "seed3" / "done.json").stat().st_mtime_ns == first
    assert not list(runs.rglob("*.partial"))
    expected = RECORD | {"seed": 3}
    assert {name: json.loads(text) for name, text in records(runs).items()} == {
        "01_good/seed3/record.json": expected, "02_slow/seed3/record.json": expected}  # fmt: skip


def wait_for(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def finished_run(project: Path, **parameters):
    """A finished run without the cost of a kernel."""
    task = plan_one("01_good", parameters, project / "runs")
    (folders.prepare(task) / "record.json").write_text(json.dumps(RECORD | {"seed": task.seed}))
    folders.finish(task, 1.0)
    return task


def test_only_whole_and_valid_runs_are_kept(project):
    task = finished_run(project)
    assert folders.is_finished(task)
    assert not folders.is_finished(plan_one("01_good", {"steps": 5}, project / "runs"))
    record = Path(task.folder) / "record.json"
    record.write_text(record.read_text()[:5])  # truncated
    assert not folders.is_finished(task)
    record.unlink()
    assert not folders.is_finished(task)
    task = finished_run(project)
    (Path(task.folder) / "done.json").write_text('{"key": ')
    assert not folders.is_finished(task)
    task = finished_run(project)
    folders.forget(task)
    assert not folders.is_finished(task)


def test_a_lesson_that_writes_a_broken_record_has_failed(project):
    task = plan_one("01_good", {}, project / "runs")
    partial = folders.prepare(task)
    for content, message in ((json.dumps(RECORD)[:50], "not a whole JSON file"), ("{}", "schema must be 1")):
        (partial / "record.json").write_text(content)
        with pytest.raises(ValueError, match=message):
            folders.finish(task, 1.0)
    assert not Path(task.folder).exists()


def test_a_new_run_replaces_the_stale_one_only_when_it_is_through(project):
    old = finished_run(project)
    new = plan_one("01_good", {"steps": 5}, project / "runs")
    partial = folders.prepare(new)
    assert folders.is_finished(old)
    (partial / "figure.png").write_bytes(b"")
    folders.finish(new, 2.0)
    assert folders.is_finished(new) and not folders.is_finished(old)


def test_two_commands_do_not_share_a_folder(project):
    with folders.lock(project / "runs"):
        with pytest.raises(ValueError, match=rf"process {os.getpid()}\) works in"):
            with folders.lock(project / "runs", patience=0.2):
                pass
    with folders.lock(project / "runs", patience=0.2):
        pass


@pytest.mark.parametrize("code", ["ENOSYS", "ENOTSUP", "EOPNOTSUPP", "ENOLCK", "EINVAL", "EIO"])
def test_a_file_system_without_locks_is_said_and_used(project, monkeypatch, capsys, code):
    fcntl = pytest.importorskip("fcntl")

    def broken(*_):
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    monkeypatch.setattr(fcntl, "flock", broken)
    with folders.lock(project / "runs", patience=0.2) as lock_fd:
        assert lock_fd is None
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("warning: ") and str(project / "runs") in err
    assert os.strerror(getattr(errno, code)) in err


@pytest.mark.parametrize("code", ["EWOULDBLOCK", "EAGAIN", "EACCES"])
def test_only_these_mean_that_somebody_holds_the_lock(project, monkeypatch, code):
    fcntl = pytest.importorskip("fcntl")

    def held(*_):
        raise OSError(getattr(errno, code), "held")

    monkeypatch.setattr(fcntl, "flock", held)
    with pytest.raises(ValueError, match=r"another ltnb command \(process unknown\) works in"):
        with folders.lock(project / "runs", patience=0.2):
            pass


def test_a_runs_folder_that_cannot_be_written_is_named(project, capsys):
    (project / "file").write_text("")
    (project / "file2").mkdir()
    (project / "file2" / "run").write_text("")
    places = [("file", "Not a directory"), ("file2", "Not a directory")]
    if Path("/sys/kernel").is_dir():  # a file system on which nobody can make a folder
        places.append(("/sys/kernel", ""))
    for place, message in places:
        assert cli.main(["run", "01_good", "--runs-dir", place]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        assert f"ltnb run: cannot keep runs in {place}/run: {message}" in err, err


def test_a_full_disk_loses_nothing_that_was_finished(project):
    """done.json cannot be written: the new run has failed, what stood there before is still there."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    old = finished_run(project)
    new = plan_one("01_good", {"steps": 5}, project / "runs")
    partial = folders.prepare(new)
    (partial / f".done.new.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        folders.finish(new, 1.0)
    assert folders.is_finished(old) and not folders.is_finished(new)
    fill = """
import os
from pathlib import Path
Path(out, f".done.new.{os.getppid()}.tmp").symlink_to("/dev/full")
"""
    write_notebook(project / "notebooks" / "02_full.ipynb", fill)
    tasks = [plan_one(name, {}, project / "runs") for name in ("02_full", "01_good")]
    full, kept = run_all(tasks, jobs=1, progress=Progress())
    assert (full.status, kept.status) == ("failed", "kept")
    assert full.error.startswith("the end: OSError: ") and "No space left on device" in full.error
    assert full.folder.name == "seed0.failed" and (full.folder / "02_full.ipynb").is_file()


def test_leftovers_of_killed_runs_make_way(project):
    task = plan_one("01_good", {}, project / "runs")
    lesson = Path(task.folder).parent
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("kept")
    for leave in ("folder", "file", "link", "dangling link"):
        lesson.mkdir(parents=True, exist_ok=True)
        for path in (folders.partial_folder(task), Path(task.folder), Path(task.folder + ".failed")):
            if leave == "folder":
                (path / ".jupyterx1").mkdir(parents=True)
                (path / ".done.json.77.tmp").write_text("{")
            elif leave == "file":
                path.write_text("")
            else:
                path.symlink_to(elsewhere if leave == "link" else project / "gone")
        partial = folders.prepare(task)
        assert list(partial.iterdir()) == [] and not partial.is_symlink()
        (partial / "record.json").write_text(json.dumps(RECORD | {"seed": 0}))
        folders.finish(task, 1.0)
        assert folders.is_finished(task) and folders.finished_folders(project / "runs") == [Path(task.folder)]
        assert [path.name for path in lesson.iterdir()] == ["seed0"]
        shutil.rmtree(lesson)
    assert (elsewhere / "mine.txt").read_text() == "kept"


def test_where_nothing_can_be_renamed_it_is_copied(project, monkeypatch):
    def rename(source, target):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source))

    def copy(source, target, **options):
        assert Path(source).name != "done.json"  # half of a copy is never a finished run
        if Path(source).name == stop:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(source, target, **options)

    real, stop = shutil.copy2, "figure.png"
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(shutil.move, "__defaults__", (copy,))
    task = plan_one("01_good", {}, project / "runs")
    for stop in ("figure.png", ""):
        partial = folders.prepare(task)
        (partial / "record.json").write_text(json.dumps(RECORD | {"seed": 0}))
        (partial / "figure.png").write_bytes(b"1")
        if stop:
            with pytest.raises(OSError):
                folders.finish(task, 1.0)
        else:
            folders.finish(task, 1.0)
        assert folders.is_finished(task) == (not stop)
    assert (Path(task.folder) / "figure.png").is_file() and not partial.exists()


def test_stray_folders_are_left_out_and_said_once(project, capsys):
    lesson = project / "runs" / "02_ballad"
    for name in (
        "seed10",
        "seed2",
        "seed0_old",
        "seed0 copy",
        "seed01",
        "seed-1",
        "seed",
        "Seed0",
        "seed٣",
        "seed3.failed",
    ):
        (lesson / name).mkdir(parents=True)
        (lesson / name / "done.json").write_text("{}")
    (lesson / "seed4.partial").mkdir()  # killed between the last two steps
    (lesson / "seed4.partial" / "done.json").write_text("{}")
    (lesson / "seed5").mkdir()  # never finished
    (lesson / "seed6").write_text("a file")
    (lesson / "seed7").symlink_to(lesson / "seed2")
    (lesson / "seed8").symlink_to("gone")
    checkpoints = project / "runs" / ".ipynb_checkpoints" / "seed0"
    checkpoints.mkdir(parents=True)
    (checkpoints / "done.json").write_text("{}")
    assert [path.name for path in folders.finished_folders(project / "runs")] == ["seed2", "seed7", "seed10"]
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "02_ballad/seed0_old" in err and "02_ballad/seed0 copy" in err and "seed4" not in err and "seed5" not in err
    shutil.rmtree(project / "runs")
    assert folders.finished_folders(project / "runs") == [] and capsys.readouterr().err == ""


def test_any_name_runs_and_prints_anywhere(project):
    """Spaces, braces and other letters in names, and a standard output that cannot print them."""
    write_notebook(project / "notebooks" / "03 мой {урок}.ipynb", WRITE, SAVE)
    environment = {**os.environ, "PYTHONPATH": str(REPO), "PYTHONIOENCODING": "ascii", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "ltnb", "run", "03 мой {урок}", "--runs-dir", "мои runs {x} 100%"],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "[1/1] 03 ??? {????} seed 0: done" in done.stderr
    assert "executed notebooks, figures and records: ??? runs {x} 100%/run" in done.stdout
    folder = project / "мои runs {x} 100%" / "run" / "03 мой {урок}" / "seed0"
    assert sorted(path.name for path in folder.iterdir()) == [
        "03 мой {урок}.ipynb",
        "done.json",
        "half.txt",
        "record.json",
    ]


def test_stopped_with_ctrl_c(project):
    """No kernel is left, what was finished is kept, and the command ends at once."""
    write_notebook(project / "notebooks" / "02_slow.ipynb", WRITE, SLOW.format(flag=project / "gone"), SAVE)
    finished_run(project, seed=3)
    # tests that run in the background have Ctrl-C ignored, and would hand that on
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = command("run", "02_slow", start_new_session=True, preexec_fn=listening)
    pid_file = project / "runs" / "run" / "02_slow" / "seed0.partial" / "pid.txt"
    wait_for(lambda: pid_file.is_file() and pid_file.read_text())
    kernel = int(pid_file.read_text())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "stopped; what is finished is kept" in err and "Traceback" not in err, err
    assert not Path(f"/proc/{kernel}").exists()
    assert not list((project / "runs").rglob("seed0"))
    assert folders.is_finished(plan_one("01_good", {"seed": 3}, project / "runs"))


def pretend(task) -> Result:
    """What a cluster's worker would do, without a kernel."""
    if task.seed == 1:
        raise RuntimeError("worker lost")
    return Result(task, "done", 1.0, Path(task.folder))


def test_the_same_tasks_on_a_cluster(project, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(execution, "execute", pretend)
    tasks = [plan_one("01_good", {"seed": seed}, project / "runs") for seed in range(3)]
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as local:
        results = run_on_cluster(tasks, local.scheduler_address, Progress())
    assert [result.task.seed for result in results] == [0, 1, 2]
    assert [result.status for result in results] == ["done", "failed", "done"]
    assert results[1].error == "worker lost"


def test_a_killed_worker_of_a_cluster_loses_nothing(project):
    """Its kernel goes with it, and the cluster runs the task again."""
    distributed = pytest.importorskip("distributed")
    flag = project / "fast"
    write_notebook(project / "notebooks" / "02_slow.ipynb", WRITE, SLOW.format(flag=flag), SAVE)
    task = plan_one("02_slow", {}, project / "runs")
    pid_file = folders.partial_folder(task) / "pid.txt"
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as local:
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(run_on_cluster, [task], local.scheduler_address, Progress())
            wait_for(lambda: pid_file.is_file() and pid_file.read_text())
            kernel = int(pid_file.read_text())
            flag.touch()
            os.kill(local.workers[0].pid, signal.SIGKILL)
            (result,) = waiting.result(timeout=120)
    assert result.status == "done" and folders.is_finished(task), result
    assert not Path(f"/proc/{kernel}").exists()


def test_no_scheduler_there(project, capsys):
    pytest.importorskip("distributed")
    with pytest.raises(ValueError, match="no dask scheduler at 'tcp://127.0.0.1:1'"):
        run_on_cluster([], "tcp://127.0.0.1:1", Progress(), timeout="0.5s")


# ---- what is shown


def test_stages_are_headings():
    cells = [
        {"cell_type": "code", "source": ["# not a heading"]},
        {"cell_type": "markdown", "source": ["# **Title**\n", "text\n", "```\n", "# code\n", "```\n"]},
        {"cell_type": "code", "source": "x"},
        {"cell_type": "markdown", "source": "no heading"},
        {"cell_type": "markdown", "source": "## 2 `Next`"},
    ]
    assert stages(cells) == ["", "Title", "Title", "Title", "2 Next"]


def screen(text: str) -> list[str]:
    """What a terminal shows in the end: lines, with the cursor moved and lines erased as the codes in the text say."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[\??\d*(?:;\d+)*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\r" or part.endswith("m") and part[0] == "\x1b" or part in ("\x1b[?25l", "\x1b[?25h"):
            pass  # back to the line's beginning, which is then erased; colours; the cursor hidden and shown
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part.startswith("\x1b"):
            assert re.fullmatch(r"\x1b\[\d+A", part), part
            row -= int(part[2:-1])
        else:
            lines[row] += part
    return lines


def show(stream, task, in_place: bool | None) -> str | None:
    """Two tasks on a display; gives what the stream held while the first was still running."""
    with Display(stream, total=2, in_place=in_place) as display:
        display.started(task)
        for cell, stage in ((1, "1 Work"), (2, "1 Work"), (3, "2 End – é")):
            display.advanced(task, cell, 3, stage)
        display.bars.refresh()
        stream.flush()
        during = stream.getvalue() if isinstance(stream, io.StringIO) else None
        display.ended(Result(task, "done", 67.0, Path(task.folder)))
        display.ended(Result(task, "failed", 2.0, Path(task.folder), "code cell 1: ValueError: x"))
    return during


def test_display_in_a_log_and_on_a_terminal(project, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    task = plan_one("01_good", {}, project / "runs")
    log, terminal = io.StringIO(), io.StringIO()
    show(log, task, False)
    lines = log.getvalue().splitlines()
    assert [line.split()[-1] for line in lines] == ["started", "Work", "é", "1:07", "s"]
    assert "\x1b" not in log.getvalue()
    (bar,) = screen(show(terminal, task, True))  # redrawn in place: one line, however often
    assert re.fullmatch(r"01_good seed 0 \S{24} 2/3 0:00:0\d 2 End – é", bar), bar
    assert screen(terminal.getvalue()) == [
        "[1/2] 01_good seed 0: done in 1:07",
        "[2/2] 01_good seed 0: FAILED after 2 s",
        "",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "utf-8"])
@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_any_terminal_can_show_the_display(project, monkeypatch, encoding, term):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "40")  # narrower than the line of a task
    write_notebook(project / "notebooks" / "03_мой урок.ipynb")
    task = plan_one("03_мой урок", {}, project / "runs")
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    show(stream, task, True)
    stream.flush()
    text = raw.getvalue().decode(encoding)
    name = task.label if encoding == "utf-8" else "03_??? ???? seed 0"
    assert f"[2/2] {name}: FAILED after 2 s" in text
    assert ("\x1b" in text) == (term == "xterm")
    lines = screen(text) if term == "xterm" else text.splitlines()
    assert len(lines) == (3 if term == "xterm" else 5)


def test_a_closed_pipe_ends_the_runs(project):
    """As in ``ltnb reproduce 2>&1 | head``: what still runs is ended, and the pipe's error is the caller's."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            if "1 Work" in text:
                raise BrokenPipeError
            return super().write(text)

    write_notebook(project / "notebooks" / "02_slow.ipynb", "## 1 Work", WRITE, SLOW.format(flag=project / "gone"))
    tasks = [plan_one(name, {}, project / "runs") for name in ("02_slow", "01_good")]
    with pytest.raises(BrokenPipeError), Display(Gone(), total=2) as display:
        run_all(tasks, jobs=1, progress=display)
    assert not any(folders.is_finished(task) for task in tasks)


def test_find_lesson_takes_a_path(project):
    assert find_lesson("notebooks/01_good.ipynb") == project / "notebooks" / "01_good.ipynb" == find_lesson("01_good")


# ---- lessons in place, and the doctor


def make_lessons(*arguments: str) -> subprocess.CompletedProcess:
    """``make lessons`` in the working directory, with the Python that runs this as if it were .venv's."""
    recipe = ["make", "-f", str(REPO / "Makefile"), "lessons", f"BIN={Path(sys.executable).parent}", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.run(recipe, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_lessons_are_re_executed_in_place(project):
    (project / ".venv" / "etc").mkdir(parents=True)
    for name in ("constraints.txt", ".venv/.installed"):
        (project / name).touch()
    good = project / "notebooks" / "03_good.ipynb"
    bad = write_notebook(project / "notebooks" / "01_bad.ipynb", "print(1)\nprint(2)", "raise ValueError(seed)")
    noisy = write_notebook(project / "notebooks" / "02_noisy.ipynb", "import sys\nprint('no', file=sys.stderr)")
    before = bad.read_text(), noisy.read_text()
    write_notebook(good, "# Title", "print(1, flush=True)\nprint(2)", "open('here').read()")
    (project / "notebooks" / "here").write_text("")
    notebook = nbformat.read(good, as_version=4)
    notebook.metadata |= {"widgets": {}, "kernelspec": {"name": "mine", "display_name": "x", "language": "python"}}
    notebook.cells[1].metadata["editable"] = True
    notebook.cells[2].metadata |= {"tags": [], "execution": {}}
    nbformat.write(notebook, good)
    done = make_lessons()
    assert done.returncode != 0
    assert (
        "ValueError: 0" in re.sub(r"\x1b\[[0-9;]*m", "", done.stderr) and "cell 1 writes to stderr: no" in done.stderr
    )
    assert (bad.read_text(), noisy.read_text()) == before
    notebook = nbformat.read(good, as_version=4)  # comes after those that failed
    assert [cell.get("execution_count") for cell in notebook.cells] == [1, None, 2, 3]
    assert [(output.name, output.text) for output in notebook.cells[2].outputs] == [("stdout", "1\n2\n")]
    assert notebook.cells[3].outputs[0].data == {"text/plain": "''"}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert notebook.metadata == {"kernelspec": kernel, "language_info": {"name": "python"}}
    assert [dict(cell.metadata) for cell in notebook.cells] == [{"tags": ["parameters"]}, {}, {}, {}]
    gone = make_lessons("LESSONS=04_gone")
    assert gone.returncode != 0 and "notebooks/04_gone.ipynb" in gone.stdout + gone.stderr
    assert "03_good" not in gone.stderr


def test_doctor_reports_what_is_broken(project, capsys, monkeypatch):
    """Findings, never an exception; the exit status says whether the quick profile can run."""

    def broken():
        raise OSError("cannot open\n shared object")

    def missing(name):
        return None if name == "papermill" else find_spec(name)

    find_spec = doctor.importlib.util.find_spec
    monkeypatch.setattr(doctor, "_open_clip", broken)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", missing)
    monkeypatch.setenv("LTNB_DATA", str(project))
    (project / "cifar-100-python").mkdir()
    assert cli.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "OSError: cannot open shared object" in out and "papermill: pip install" in out
    assert "torch" in out and "cores" in out and "01_good" in out
    lines = [line.split() for line in out.splitlines()]
    states = {words[2]: words[0] for words in lines if words[1:2] == ["data"]}
    assert [name for name, state in states.items() if state == "ok"] == ["critters", "cifar100_lt"]
    assert [name for name, state in states.items() if state == "--"] == [
        "caltech101_lt",
        "imagenet_lt",
        "places_lt",
        "inat2018",
    ]


# ---- the final table


def finished_lesson(project: Path, lesson: str, seed: int, rows: dict, profile: str = "standard", **parameters) -> Path:
    """A finished run whose record holds these headline rows (overall, many, medium, few)."""
    from ltnb.results import Record

    folder = project / "runs" / profile / lesson / f"seed{seed}"
    parameters = {"dataset": "folder:x", "seed": seed, "out": ".", **parameters}
    record = Record(lesson, parameters, seed, profile, environment={"python": "3"}, cost={"wall_s": 1.0})
    for name, values in rows.items():
        record.add("headline", name, None, **dict(zip(("overall", "many", "medium", "few"), values, strict=True)))
    record.add_value("other", "row", "overall", 99.9)
    folder.mkdir(parents=True)
    record.save(folder / "record.json")
    (folder / "done.json").write_text("{}")
    return folder


def test_report_prints_the_table_and_collects_records(project, capsys):
    for seed, few in ((0, 10.0), (1, 20.0), (10, 30.0)):
        rows = {"zero-shot": (50.0, 51.0, None, few), "decoupled": (60.04, 61.0, 62.0, 63.0)}
        finished_lesson(project, "02_ballad", seed, rows)
    finished_lesson(project, "00_start", 0, {})
    (project / "runs" / "standard" / "02_ballad" / "seed7.failed").mkdir()
    assert cli.main(["report", "--profile", "standard", "--write-records"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:4] == [
        "02_ballad, folder:x, standard, seed 0 1 10",
        "                  all        many      medium         few",
        "zero-shot  50.0 ± 0.0  51.0 ± 0.0           – 20.0 ± 10.0",
        "decoupled  60.0 ± 0.0  61.0 ± 0.0  62.0 ± 0.0  63.0 ± 0.0",
    ]
    assert "99.9" not in out
    content = json.loads((project / "figures" / "records" / "02_ballad.json").read_text())
    assert [run["seed"] for run in content["runs"]] == [0, 1, 10]
    assert "wrote figures/records/02_ballad.json" in out


def test_runs_with_other_parameters_are_not_averaged(project, capsys):
    finished_lesson(project, "02_ballad", 0, {"a": (1.0, 1.0, 1.0, 1.0)}, steps=1)
    finished_lesson(project, "02_ballad", 1, {"a": (3.0, 3.0, 3.0, 3.0)}, steps=2)
    assert cli.main(["report", "--profile", "standard"]) == 0
    out = capsys.readouterr().out
    assert out.count("02_ballad,") == 2 and "2.0" not in out


def ballad_run(project: Path, seed: int, by: float, profile: str = "standard") -> Path:
    """A run in which the visual adapter is better than the language one by so much."""
    from ltnb.results import load_record

    folder = finished_lesson(project, "02_ballad", seed, {"a": (1.0, 1.0, 1.0, 1.0)}, profile)
    record = load_record(folder)
    record.add_value("table6", "language", "overall", 60.0 + seed)
    record.add_value("table6", "visual", "overall", 60.0 + seed + by)
    record.save(folder / "record.json")
    return folder


def test_the_final_table_has_the_verdicts_of_the_standard_runs(project, capsys):
    for seed, by in enumerate([1.0, 1.2, 0.9, 1.1, 1.3]):
        ballad_run(project, seed, by)
    ballad_run(project, 0, -4.0, "quick")
    assert cli.main(["report"]) == 0
    before = capsys.readouterr().out.split("\n\n")[1]
    title, head, row = before.splitlines()
    assert title.endswith("verdicts are of the standard runs (none of these settings yet)")
    assert row.split() == ["B10", "+0.2", "–", "no", "standard", "run", "60.0", "→", "56.0", "(-4.0)"]
    assert cli.main(["report", "--profile", "standard", "--write-records"]) == 0
    assert "B10  +0.2   +1.1 [+0.9, +1.3], n = 5  reproduced" in capsys.readouterr().out
    assert cli.main(["report"]) == 0
    title, head, row = capsys.readouterr().out.rstrip().split("\n\n")[1].splitlines()
    assert title == "02_ballad, claims of the paper; verdicts are of the standard runs"
    assert head.split() == ["paper", "standard", "runs", "verdict", "this", "run"]
    assert row == "B10  +0.2   +1.1 [+0.9, +1.3], n = 5  reproduced  60.0 → 56.0 (-4.0)"


def test_the_readme_says_what_the_standard_runs_say(project, capsys):
    from ltnb.critters.attributes import WORLD_VERSION
    from ltnb.results import load_record
    from ltnb.runner import readme

    text = f"# Mine\n\n{readme.BEGIN}\nold\n{readme.END}\n\nThe end.\n"
    (project / "README.md").write_text(text)
    assert "No standard run" in readme.standard_section(project)
    for seed, by in enumerate([1.0, 1.2, 0.9, 1.1, 1.3]):
        record = load_record(folder := ballad_run(project, seed, by))
        record.world = WORLD_VERSION
        record.save(folder / "record.json")
    assert cli.main(["report", "--profile", "standard", "--write-records"]) == 0
    assert "wrote README.md" in capsys.readouterr().out
    before, begin, rest = (project / "README.md").read_text().partition(readme.BEGIN)
    section, end, after = rest.partition(readme.END)
    assert (before, after) == ("# Mine\n\n", "\n\nThe end.\n") and "old" not in section
    assert "Claims of the papers measured in the world" in section and ": 1 in all, 1 reproduced." in section
    assert "| a | 1.0 ± 0.0 | 1.0 ± 0.0 | 1.0 ± 0.0 | 1.0 ± 0.0 |" in section
    assert "(BALLAD Table 6) | +0.2 | +1.1 [+0.9, +1.3], n = 5 | reproduced |" in section
    (project / "README.md").write_text("# No markers\n")
    assert readme.write_section() is None


def test_the_readme_here_follows_from_the_committed_records():
    from ltnb.runner import readme

    section = (REPO / "README.md").read_text().partition(readme.BEGIN)[2].partition(readme.END)[0]
    assert section.strip() == readme.standard_section(REPO).strip()


def test_a_standard_run_whose_record_is_committed_is_not_made_again(project, capsys, monkeypatch):
    """Unless code, lesson or parameters changed; its numbers stand in the table all the same."""
    from ltnb.results import Record
    from ltnb.results.standard import collect
    from ltnb.runner import committed

    profile = {"01_good": {"steps": 3}}
    standard = Profile("standard", (0, 1), profile)
    monkeypatch.setattr("ltnb.runner.catalogue.load_profile", lambda name: standard)
    monkeypatch.setattr(committed, "code_version", lambda lesson: "c0de")
    defaults = read_parameters(project / "notebooks" / "01_good.ipynb")
    parameters = {**defaults, "steps": 3, "seed": 1}
    made = Record("01_good", parameters, seed=1, profile="standard", environment={"code": "c0de"})
    made.add_value("headline", "zero-shot", "overall", 12.5)
    made.save(project / "elsewhere" / "record.json")
    (project / "figures" / "records").mkdir(parents=True)
    collect([project / "elsewhere"], "01_good", project / "figures" / "records")
    assert cli.main(["reproduce", "--profile", "standard"]) == 0
    out, err = capsys.readouterr()
    assert "01_good seed 1: its record is committed" in err and "seed 0: its record" not in err
    assert "12.5" in out
    assert (project / "runs/standard/01_good/seed0/done.json").is_file()
    assert not (project / "runs/standard/01_good/seed1").exists()
    assert cli.main(["reproduce", "--profile", "standard", "--seeds", "1", "--force"]) == 0
    assert (project / "runs/standard/01_good/seed1/done.json").is_file()

    (task,) = plan(Profile("standard", (1,), profile), Path("other"))
    assert committed_record(task) == made
    monkeypatch.setattr(committed, "code_version", lambda lesson: "c0df")
    assert committed_record(task) is None
    monkeypatch.setattr(committed, "code_version", lambda lesson: "c0de")
    (task,) = plan(Profile("standard", (0,), profile), Path("other"))
    assert committed_record(task) is None
    (task,) = plan(Profile("standard", (1,), {"01_good": {"steps": 4}}), Path("other"))
    assert committed_record(task) is None


def test_make_records_runs_the_standard_profile_and_collects_it():
    makefile = (REPO / "Makefile").read_text()
    (recipe,) = re.findall(r"^records: \$\(STAMP\)  ## .+\n((?:\t.+\n)+)", makefile, flags=re.M)
    commands = [line.partition(" -m ltnb ")[2] for line in recipe.splitlines()]
    assert commands == ["reproduce --profile standard $(ARGS)", "report --profile standard --write-records"]
    assert re.search(r"^\.PHONY:.* records\b", makefile, flags=re.M)


def test_only_standard_runs_become_records(project, capsys):
    finished_lesson(project, "02_ballad", 0, {"a": (1.0, 1.0, 1.0, 1.0)}, profile="quick")
    assert cli.main(["report", "--write-records"]) == 2
    assert "of profile 'quick'" in capsys.readouterr().err
    assert not (project / "figures" / "records" / "02_ballad.json").exists()


def test_a_truncated_record_is_named(project, capsys):
    folder = finished_lesson(project, "02_ballad", 0, {"a": (1.0, 1.0, 1.0, 1.0)})
    record = folder / "record.json"
    record.write_text(record.read_text()[:100])
    assert cli.main(["report", "--profile", "standard"]) == 2
    err = capsys.readouterr().err
    assert str(record.relative_to(project)) in err and "not a whole JSON file" in err and err.count("\n") == 1


def test_a_table_and_the_doctor_print_anywhere(project, monkeypatch):
    finished_lesson(project, "02_ballad", 0, {"zero-shot": (50.0, 51.0, None, 10.0)})
    finished_lesson(project, "02_ballad", 1, {"zero-shot": (50.0, 51.0, None, 10.0)})
    monkeypatch.setattr(doctor, "examine", lambda: [doctor.Finding("ok", "папка", "D:/é – █")])
    for encoding, row, found in (
        ("ascii", "50.0 +- 0.0  51.0 +- 0.0           - 10.0 +- 0.0", "?????  D:/? - #"),
        ("latin-1", "50.0 ± 0.0  51.0 ± 0.0           -  10.0 ± 0.0", "?????  D:/é - #"),
        ("cp1252", "50.0 ± 0.0  51.0 ± 0.0           –  10.0 ± 0.0", "?????  D:/é – #"),
        ("cp437", "50.0 ± 0.0  51.0 ± 0.0           -  10.0 ± 0.0", "?????  D:/é - █"),
        ("utf-8", "50.0 ± 0.0  51.0 ± 0.0           –  10.0 ± 0.0", "папка  D:/é – █"),
    ):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, newline=""))
        assert cli.main(["report", "--profile", "standard"]) == 0 and cli.main(["doctor"]) == 0
        text = raw.getvalue().decode(encoding)
        assert row.split() == text.splitlines()[2].split()[1:] and found in text


def test_a_closed_pipe_is_no_error(project):
    finished_lesson(project, "02_ballad", 0, {"zero-shot": (50.0, 51.0, None, 10.0)})
    process = command("report", "--profile", "standard")
    process.stdout.close()
    assert process.wait(timeout=60) == 0 and process.stderr.read() == ""
    process.stderr.close()


def test_a_missing_package_is_named_with_its_pip_line(project, capsys, monkeypatch):
    find_spec = doctor.importlib.util.find_spec
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None if name == "rich" else find_spec(name))
    assert "running lessons needs rich: pip install 'ltnb[notebooks]'" in usage_error(capsys, "run", "01_good")
    monkeypatch.undo()
    monkeypatch.chdir(project)
    monkeypatch.setitem(sys.modules, "distributed", None)
    profile = write_profile("lessons: {01_good: {}}")
    message = usage_error(capsys, "reproduce", "--profile", profile, "--scheduler", "tcp://127.0.0.1:1")
    assert "distributed is missing: pip install 'ltnb[cluster]'" in message
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert "yaml is missing: pip install 'ltnb[notebooks]'" in usage_error(capsys, "reproduce")
