"""Hygiene of the lessons as committed: a reader sees every figure, another machine can run them, a diff stays readable.

The rules are functions of a notebook and give a list of complaints; bad notebooks show below that they can complain.
Whether the outputs can be computed again is nbval's part (``make nbval``).
"""

import ast
import copy
import os
import re
import statistics
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat
import pytest

from ltnb.runner.catalogue import load_profile, read_parameters
from ltnb.runner.lessons import normalise

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LIMIT = 1_500_000
COMMON = {"dataset": str, "backbone": str, "profile": str, "seed": int, "out": str, "device": str, "precision": str}
BADGE = re.compile(
    r"\(https://colab\.research\.google\.com/github/[\w.-]+/[\w.-]+/blob/[\w./-]*?/?(notebooks/[\w.-]+\.ipynb)\)"
)
FOLDERS = "|".join(["work", "root", "home", "Users", "opt", "mnt", "srv", "tmp", "var", "usr"])
ABSOLUTE = re.compile(rf"(?<![\w.:/~>)}}\]-])/(?:{FOLDERS})/\w|[A-Z]:\\\\\w")


def source(cell) -> str:
    return "".join(cell["source"])


def code_cells(notebook) -> list:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and source(cell).strip()]


def outputs(notebook) -> list:
    return [output for cell in code_cells(notebook) for output in cell.get("outputs", [])]


def tagged(notebook) -> list:
    return [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])]


def rule_one_parameters_cell(notebook, path):
    if len(tagged(notebook)) != 1:
        return [f"needs exactly one cell tagged 'parameters', has {len(tagged(notebook))}"]
    if "injected-parameters" in str([cell["metadata"] for cell in notebook["cells"]]):
        return ["has an injected-parameters cell: commit the lesson, not a papermill copy"]
    complaints = []
    for statement in ast.parse(source(tagged(notebook)[0])).body:
        try:
            ast.literal_eval(statement.value)
        except (ValueError, AttributeError):
            complaints.append(f"parameters cell holds more than literals: {ast.unparse(statement)}")
    return complaints


def rule_common_parameters(notebook, path):
    try:
        defaults = read_parameters(path)
    except ValueError:
        return []  # rule_one_parameters_cell says why
    wrong = [name for name, kind in COMMON.items() if not isinstance(defaults.get(name), kind)]
    complaints = [f"parameter {name!r} is missing or not {COMMON[name].__name__}" for name in wrong]
    if not wrong and (defaults["profile"], defaults["seed"], defaults["out"]) != ("quick", 0, ""):
        complaints.append("the committed defaults are profile='quick', seed=0, out=''")
    return complaints


def rule_kernelspec(notebook, path):
    metadata = notebook["metadata"]
    complaints = []
    if metadata.get("kernelspec", {}).get("name") != "python3":
        complaints.append(f"kernelspec must be python3, is {metadata.get('kernelspec')}")
    extra = set(metadata) - {"kernelspec", "language_info"}
    if extra:
        complaints.append(f"metadata of other tools: {sorted(extra)} (make lessons removes it)")
    keys = {key for cell in notebook["cells"] for key in cell["metadata"]}
    keys -= {"tags", "jupyter", "jp-MarkdownHeadingCollapsed"}
    if keys:
        complaints.append(f"cell metadata of other tools: {sorted(keys)} (make lessons removes it)")
    return complaints


def rule_badge(notebook, path):
    first = notebook["cells"][0]
    badges = BADGE.findall(source(first)) if first["cell_type"] == "markdown" else []
    expected = f"notebooks/{path.name}"
    if badges != [expected] or "colab-badge.svg" not in source(first):
        return [f"the first cell needs one Colab badge that leads to {expected}, found {badges}"]
    return []


def rule_title(notebook, path):
    return (
        []
        if re.match(r"\s*# \S", source(notebook["cells"][0]))
        else ["the first cell must begin with the title: # ..."]
    )


def rule_no_absolute_path(notebook, path):
    texts = [source(cell) for cell in notebook["cells"]]
    for output in outputs(notebook):
        texts.append("".join(output.get("text", "")))
        texts.append("".join(output.get("traceback", "")))
        texts += ["".join(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    return [f"absolute path near {match.group()!r}" for text in texts for match in ABSOLUTE.finditer(text)]


def rule_no_stderr_and_no_error(notebook, path):
    complaints = [f"stderr: {''.join(o['text'])[:80]!r}" for o in outputs(notebook) if o.get("name") == "stderr"]
    return complaints + [f"error: {o['ename']}" for o in outputs(notebook) if o["output_type"] == "error"]


def rule_every_cell_executed_in_order(notebook, path):
    counts = [cell.get("execution_count") for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        return [f"code cells must be executed once, from top to bottom; execution counts are {counts}"]
    return []


def rule_short_cells(notebook, path):
    lengths = [len(source(cell).strip().splitlines()) for cell in code_cells(notebook)]
    complaints = [f"code cell {i} has {n} lines (at most 40)" for i, n in enumerate(lengths, 1) if n > 40]
    if lengths and statistics.median(lengths) > 10:
        complaints.append(f"the median code cell has {statistics.median(lengths)} lines (at most 10)")
    return complaints


def rule_png_only(notebook, path):
    allowed = {"text/plain", "text/html", "text/markdown", "text/latex", "image/png"}
    kinds = {kind for output in outputs(notebook) for kind in output.get("data", {})}
    return [f"output of kind {kind}" for kind in sorted(kinds - allowed)]


def rule_text_outputs_do_not_depend_on_the_object(notebook, path):
    texts = ["".join(o.get("data", {}).get("text/plain", "")) for o in outputs(notebook)]
    return [f"an object's address is shown: {text[:80]!r}" for text in texts if re.search(r" at 0x[0-9a-f]+>", text)]


def rule_asserts(notebook, path):
    found = any(isinstance(node, ast.Assert) for cell in code_cells(notebook) for node in ast.walk(parsed(cell)))
    return [] if found else ["no assert: nothing in it can fail"]


def rule_figures(notebook, path):
    return [] if any("image/png" in output.get("data", {}) for output in outputs(notebook)) else ["no figure"]


def parsed(cell) -> ast.AST:
    """A cell's syntax tree, magics and shell lines left out."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source(cell).splitlines()]
    return ast.parse("\n".join(lines))


def texts(notebook) -> list[str]:
    return [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def rule_one_sitting(notebook, path):
    """60 cells at most before the appendix, which is folded."""
    cells, complaints = notebook["cells"], []
    starts = [i for i, cell in enumerate(cells) if source(cell).startswith("## Appendix")]
    if (starts or [len(cells)])[0] > 60:
        complaints.append(f"{(starts or [len(cells)])[0]} cells before the appendix (at most 60)")
    if any(not cells[i]["metadata"].get("jp-MarkdownHeadingCollapsed") for i in starts):
        complaints.append("the heading of the appendix must be collapsed")
    return complaints


def rule_more_text_than_code(notebook, path):
    text, code = (sum(map(len, parts)) for parts in (texts(notebook), map(source, code_cells(notebook))))
    return [f"{text} characters of text, {code} of code: text must be as long at least"] if text < code else []


def rule_plumbing_is_folded(notebook, path):
    complaints = []
    for cell in code_cells(notebook):
        plumbing = re.search(r"import google\.colab|lesson = start\(", source(cell))
        plumbing = plumbing or {"parameters", "solution"} & set(cell["metadata"].get("tags", []))
        if plumbing and not cell["metadata"].get("jupyter", {}).get("source_hidden"):
            complaints.append(f"must be folded away: {source(cell)[:60]!r}")
        if "globals()" in source(cell):
            complaints.append("globals() in a cell: lesson.start finds the parameters")
    return complaints


def rule_opens_with_a_picture(notebook, path):
    for cell in notebook["cells"]:
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            return []
        if cell["cell_type"] == "markdown" and "\n## " in f"\n{source(cell)}":
            return ["a picture must stand before the first section"]
    return ["no picture"]


def rule_exercises(notebook, path):
    titles = re.findall(r"^### Exercise \d.*$", "\n".join(texts(notebook)), re.M)
    complaints = [] if 3 <= len(titles) <= 5 else [f"{len(titles)} exercises (three to five)"]
    form = re.compile(r"### Exercise \d \((easy|medium|hard|open)(, \d+ minutes)?\): \S")
    complaints += [f"an exercise has a difficulty and minutes: {title}" for title in titles if not form.match(title)]
    checks = [cell for cell in code_cells(notebook) if re.search(r"^check_\w+\(", source(cell), re.M)]
    if sum("solution" in cell["metadata"].get("tags", []) for cell in checks) < 1:
        complaints.append("no solution that a check_... confirms")
    return complaints


def rule_references_have_links(notebook, path):
    found = [text for text in texts(notebook) if text.startswith("## References")]
    if len(found) != 1:
        return ["needs one cell that begins with ## References"]
    return [
        f"without a link: {line}" for line in found[0].splitlines() if line.startswith("- ") and "](http" not in line
    ]


RULES = [rule for name, rule in sorted(globals().items()) if name.startswith("rule_")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.removeprefix("rule_"))
def test_lesson(rule, path):
    complaints = rule(nbformat.read(path, as_version=4), path)
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_lesson_is_small_and_normalised(path):
    assert path.stat().st_size < LIMIT
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert normalise(copy.deepcopy(notebook))[0] == notebook, "make lessons writes another metadata"


def test_there_are_lessons():
    """Without lessons the rules above would have nothing to look at, and all would pass."""
    assert len(NOTEBOOKS) >= 5


@pytest.mark.parametrize("name", ["quick", "standard"])
def test_profiles_name_lessons_that_exist(name):
    lessons = set(load_profile(name).lessons)
    assert lessons <= {path.stem for path in NOTEBOOKS}
    if name == "quick":
        assert lessons == {path.stem for path in NOTEBOOKS}, "every lesson runs in the quick profile"


# ---- the rules can complain


def good_notebook() -> nbformat.NotebookNode:
    cell, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    badge = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    link = "(https://colab.research.google.com/github/owner/ltnb/blob/main/notebooks/00_x.ipynb)"
    notebook = nbformat.v4.new_notebook()
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    lines = [
        'dataset = "critters_lt"', 'backbone = "mini-vit"', 'profile = "quick"', "seed = 0", 'out = ""',
        'device = "auto"', 'precision = "auto"',
    ]  # fmt: skip
    hidden = {"jupyter": {"source_hidden": True}}
    solution = "check_zero_shot(\n    zero_shot\n)"
    exercises = "\n\n".join(f"### Exercise {i} (easy, 5 minutes): so" for i in (1, 2, 3))
    notebook.cells = [
        text(f"# Title\n{badge}{link}"),
        cell("\n".join(lines), metadata={"tags": ["parameters"], **hidden}, execution_count=1),
        cell("x = 1\nassert x == 1\nprint(x)", execution_count=2),
        text(f"## 1. An idea\n{'words ' * 40}"),
        text(exercises),
        cell(solution, metadata={"tags": ["solution"], **hidden}, execution_count=3),
        text("## References\n\n- One, [2020](https://example.org)"),
        text("## Appendix", metadata={"jp-MarkdownHeadingCollapsed": True}),
    ]
    figure = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 1x1>"})
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n"), figure]
    return normalise(notebook)[0]


def complaints(notebook, tmp_path) -> list[str]:
    path = tmp_path / "00_x.ipynb"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbformat on notebooks that are bad on purpose
        nbformat.write(notebook, path)
    return [f"{rule.__name__}: {text}" for rule in RULES for text in rule(notebook, path)]


def test_a_good_lesson_has_no_complaint(tmp_path):
    assert complaints(good_notebook(), tmp_path) == []


def break_sitting(n):
    n.cells[3:3] = [nbformat.v4.new_markdown_cell("words")] * 60


def break_appendix(n):
    n.cells[-1].metadata = {}


def break_text(n):
    n.cells[2].source += f"\nlong = '{'x' * 2000}'"


def break_fold(n):
    n.cells[1].metadata = {"tags": ["parameters"]}


def break_solution_fold(n):
    n.cells[5].metadata = {"tags": ["solution"]}


def break_globals(n):
    n.cells[2].source += "\nglobals()"


def break_opening(n):
    n.cells[0].source += "\n\n## 0. Words first"


def break_number_of_exercises(n):
    n.cells[4].source = n.cells[4].source.replace("### Exercise 3", "### Not 3")


def break_minutes(n):
    n.cells[4].source = n.cells[4].source.replace(", 5 minutes", "", 1).replace("easy", "soon", 1)


def break_check(n):
    n.cells[5].source = "x"


def break_reference(n):
    n.cells[6].source += "\n- Two, 2021"


def break_tag(n):
    n.cells[1].metadata = {}


def break_second_tag(n):
    n.cells[2].metadata = {"tags": ["parameters"]}


def break_literal(n):
    n.cells[1].source += "\nsteps = 2 * seed"


def break_common(n):
    n.cells[1].source = n.cells[1].source.replace("seed = 0", 'seed = "0"')


def break_default(n):
    n.cells[1].source = n.cells[1].source.replace("quick", "standard")


def break_kernel(n):
    n.metadata.kernelspec.name = "my-conda-env"


def break_metadata(n):
    n.metadata["papermill"] = {"duration": 3}


def break_timing(n):
    n.cells[2].metadata = {"execution": {"iopub.execute_input": "..."}}


def break_widget_state(n):
    n.metadata["widgets"] = {"state": {}}


def break_badge(n):
    n.cells[0].source = n.cells[0].source.replace("00_x", "01_y")


def break_title(n):
    n.cells[0].source = n.cells[0].source.removeprefix("# Title\n")


def break_path(n):
    n.cells[2].outputs[0].text = "saved in /" + "home/me/figures/a.png"


def break_stderr(n):
    n.cells[2].outputs[0].name = "stderr"


def break_error(n):
    n.cells[2].outputs.append(nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[]))


def break_unrun(n):
    n.cells[2].execution_count = None


def break_order(n):
    n.cells[1].execution_count = 5


def break_long(n):
    n.cells[2].source += "\n" + "x += 1\n" * 38


def break_median(n):
    for cell in (n.cells[2], n.cells[5]):
        cell.source += "\n" + "x += 1\n" * 20


def break_svg(n):
    n.cells[2].outputs[1].data["image/svg+xml"] = "<svg/>"


def break_pdf(n):
    n.cells[2].outputs[1].data["application/pdf"] = "x"


def break_widget(n):
    n.cells[2].outputs[1].data["application/vnd.jupyter.widget-view+json"] = {}


def break_address(n):
    n.cells[2].outputs[1].data["text/plain"] = "<Axes at 0x7f12ab>"


def break_asserts(n):
    n.cells[2].source = "x = 1\nprint('assert')"


def break_figures(n):
    n.cells[2].outputs = []


@pytest.mark.parametrize("broken", [f for n, f in sorted(globals().items()) if n.startswith("break_")])
def test_a_bad_lesson_is_found(broken, tmp_path):
    notebook = good_notebook()
    broken(notebook)
    assert complaints(notebook, tmp_path)


def test_normalise_removes_what_other_tools_leave():
    notebook = good_notebook()
    expected = copy.deepcopy(notebook)
    for broken in (break_kernel, break_metadata, break_widget_state):
        broken(notebook)
    notebook.cells[1].metadata |= {"execution": {}, "collapsed": False}
    notebook.cells[2].metadata = {"tags": []}
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    notebook.cells[2].outputs.append(nbformat.v4.new_output("display_data", widget))
    assert normalise(notebook)[0] == expected


# ---- what nbval compares


def sanitize(text: str) -> str:
    """As nbval does it."""
    pairs = re.findall(r"^regex: (.*)$\n^replace: (.*)$", (ROOT / "tests" / "nbval_sanitize.cfg").read_text(), re.M)
    for regex, replace in pairs:
        text = re.sub(regex, replace, text)
    return text


SAME = [
    ("few 58.3", "few 7.12"),
    ("accuracy -0.3 points", "accuracy +12.25 points"),
    ("58.3 ± 0.4 %", "61.0 ± 11.0 %"),
    ("took 3.2 s", "took 1 min 12 s"),
    ("took 12 s on 2 cores", "took 123.4 s on 2 cores"),
    ("1,234 images/s", "87 images/s"),
    ("memory 512 MB", "memory 1.25 GB"),
    ("lr 1e-05", "lr 0.002"),
    ("<Figure size 640x480 with 1 Axes>", "<Figure size 1000x400 with 2 Axes>"),
    ("<obj at 0x7f3a9c>", "<obj at 0x55d0aa12>"),
    ("torch 2.13.0+cpu", "torch 2.14.1"),
    ("2026-11-22 12:30:01", "2027-01-02 08:00:59"),
    ("device cpu, precision bf16", "device cuda:0, precision fp32"),
    ("method    many   few\nzero-shot 7.1  100.0", "method     many  few\nzero-shot 17.13   9.0"),
    ("a  1.5\nbb 2.5\n", "a   11.5\nbb   2.5\n"),
    ("-----  ----\n1.0  2.0", "------- ------\n1.0  2.0"),
    ("array([1. , 0.5])", "array([0.25, 3. ])"),
    ("31 % of 60 classes", "29 % of 60 classes"),
    ("few 1.0  ", "few 12.0"),
]
DIFFERENT = [
    ("60 classes", "61 classes"),
    ("decoupled wins by 1.5", "joint wins by 1.5"),
    ("few 1.5\nall 2.5", "all 1.5\nfew 2.5"),
    ("few 1.5", "few nan"),
    ("tree frog 1.0", "tree toad 1.0"),
    ("a 1.0 b 2.0", "a 1.0"),
    ("reproduced", "contradicted"),
]


@pytest.mark.parametrize("one, other", SAME)
def test_what_another_machine_changes_is_sanitized(one, other):
    assert sanitize(one) == sanitize(other), (sanitize(one), sanitize(other))


@pytest.mark.parametrize("one, other", DIFFERENT)
def test_words_and_counts_are_still_compared(one, other):
    assert sanitize(one) != sanitize(other)


def test_nbval_compares_text_but_not_html(tmp_path):
    """The real plug-in with this repository's conftest and patterns, on cells that changed and cells that did not."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "notebooks" / "conftest.py").write_text((ROOT / "notebooks" / "conftest.py").read_text())
    (tmp_path / "tests" / "nbval_sanitize.cfg").write_text((ROOT / "tests" / "nbval_sanitize.cfg").read_text())
    cells = [
        ('print("few", 1.5)', nbformat.v4.new_output("stream", text="few  22.25\n")),
        ('print("many")', nbformat.v4.new_output("stream", text="few\n")),
        (
            'from IPython.display import display, HTML\ndisplay(HTML("<b>1</b>"))',
            nbformat.v4.new_output(
                "display_data", {"text/html": "<i>2</i>", "text/plain": "<IPython.core.display.HTML object>"}
            ),
        ),
    ]
    notebook = nbformat.v4.new_notebook()
    notebook.metadata = {"kernelspec": {"name": "no-such-kernel", "display_name": "x", "language": "python"}}
    for count, (code, output) in enumerate(cells, 1):
        notebook.cells.append(nbformat.v4.new_code_cell(code, outputs=[output], execution_count=count))
    nbformat.write(notebook, tmp_path / "notebooks" / "n.ipynb")
    arguments = ["--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider", "--color=no", "notebooks"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=tmp_path,
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")},
        capture_output=True,
        text=True,
    )
    assert "1 failed, 2 passed" in run.stdout, run.stdout + run.stderr
    assert "FAILED notebooks/n.ipynb::Cell 1" in run.stdout
