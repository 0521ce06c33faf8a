"""The house: packaging, pins and layout agree, and nothing in the repository belongs to one machine."""

import ast
import importlib.metadata
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import ltnb

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def tracked_files() -> list[Path]:
    """What git tracks or would track."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(asked, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def requirements() -> dict[str, list[Requirement]]:
    """Everything that pyproject asks for, the reference to its own extras left out."""
    wanted: dict[str, list[Requirement]] = {}
    for line in [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]:
        requirement = Requirement(line)
        if requirement.name != "ltnb":
            wanted.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return wanted


def pins() -> dict[str, str]:
    """Constraints: name to exact version."""
    found = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text:
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!_-]+)", text)
            assert match, f"constraints.txt: {line!r} is not 'name==version' without a local suffix"
            name = canonicalize_name(match[1])
            assert name not in found, f"constraints.txt: {name} stands twice"
            found[name] = match[2]
    return found


def test_core_is_torch_and_numpy():
    assert [Requirement(line).name for line in PROJECT["dependencies"]] == ["torch", "numpy"]
    assert set(EXTRAS) == {"notebooks", "test", "cluster", "energy", "all"}
    (everything,) = map(Requirement, EXTRAS["all"])
    assert everything.name == "ltnb" and everything.extras == set(EXTRAS) - {"all"}


def test_every_requirement_is_pinned_within_its_bounds():
    pinned = pins()
    assert set(requirements()) <= set(pinned), sorted(set(requirements()) - set(pinned))
    for name, lines in requirements().items():
        for requirement in lines:
            assert Version(pinned[name]) in requirement.specifier, f"{requirement} against {name}=={pinned[name]}"
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert all(Version(pinned[Requirement(line).name]) in Requirement(line).specifier for line in build)


def test_environment_file_is_short_and_says_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, inner = environment["dependencies"]
    assert pip == "pip" and inner == {"pip": ["-e .[all]"]}
    version = python.removeprefix("python=")
    assert Version(version) in Requirement(f"python{PROJECT['requires-python']}").specifier
    assert tuple(map(int, version.split("."))) <= sys.version_info[:2]


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="only .venv is installed under the constraints")
def test_installed_versions_are_the_pinned_ones():
    wrong = {}
    for name, version in pins().items():
        try:
            installed = Version(importlib.metadata.version(name)).public
        except importlib.metadata.PackageNotFoundError:
            continue
        if installed != version:
            wrong[name] = (installed, version)
    assert not wrong


def test_version_stands_once():
    assert PROJECT["dynamic"] == ["version"] and Version(ltnb.__version__)


def test_citation_says_what_the_project_says():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == ltnb.__version__ and citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"] and not {"doi", "url", "repository-code"} & set(citation)


def test_workflow_runs_what_the_makefile_has():
    """Each Python that the classifiers name, both ends of the bounds, and the lessons, in a job of their own."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert {"lint", "tests", "bounds", "lessons"} == set(jobs)
    pythons = set(jobs["tests"]["strategy"]["matrix"]["python"])
    named = {text.rpartition(" ")[2] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d", text)}
    assert named <= pythons == {"3.11", "3.12", "3.13"}
    ends = {entry["resolution"] for entry in jobs["bounds"]["strategy"]["matrix"]["include"]}
    assert ends == {"lowest-direct", "highest"}
    assert "make nbval" in str(jobs["lessons"]) and "nbval" not in str(jobs["tests"])
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"run: make ([a-z]+)", text)) <= targets


def test_licence_and_changelog():
    licence = (ROOT / "LICENSE").read_text()
    assert licence.startswith("MIT License") and "the ltnb authors" in licence
    assert PROJECT["license"] == "MIT" and PROJECT["authors"] == [{"name": "the ltnb authors"}]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert changelog.startswith("# Changelog") and "## [Unreleased]" in changelog


def test_layout_is_the_design():
    """A root that is read at one look: what people look for by name and dot files, which tools ask for, are free."""
    by_name = re.compile(r"\..*|[A-Z][A-Z_]*(\.(md|cff|rst|txt))?")
    known = "ltnb notebooks tests benchmarks figures pyproject.toml constraints.txt environment.yml Makefile".split()
    present = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    other = {name for name in present - set(known) if not by_name.fullmatch(name)}
    assert not other, f"nothing else belongs into the repository's root: {sorted(other)}"
    assert set(known) - {"benchmarks", "figures"} <= present


def test_git_ignores_no_source():
    """A pattern such as ``data/`` in .gitignore would silently leave ``ltnb/data`` out of every clone."""
    tracked = set(tracked_files())
    sources = {path for folder in ("ltnb", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")}
    assert sources <= tracked, sorted(str(path.relative_to(ROOT)) for path in sources - tracked)[:10]


def test_readme_commands_exist():
    """Every make target and ltnb subcommand that the README and CONTRIBUTING name is there."""
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", readme + (ROOT / "CONTRIBUTING.md").read_text(), flags=re.M))
    assert {"reproduce", "test", "check"} <= named <= targets, named - targets
    assert set(re.findall(r"^ *ltnb ([a-z]+)", readme, flags=re.M)) <= {"reproduce", "run", "report", "doctor"}


def test_pre_commit_needs_no_download():
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [entry["repo"] for entry in repositories] == ["local"]
    assert all(hook["language"] == "system" for hook in repositories[0]["hooks"])


def test_hooks_find_a_private_key(tmp_path):
    """The hooks are run as pre-commit does, on files of both kinds."""
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = {hook["id"]: shlex.split(hook["entry"]) for hook in repositories[0]["hooks"]}
    assert set(hooks) >= {"ruff", "ruff-format", "mypy", "codespell", "private-key", "size-cap"}
    secret, harmless, large = (tmp_path / name for name in ("id_rsa", "notes.md", "large.bin"))
    harmless.write_text("-----BEGIN PUBLIC KEY-----, and no PRIVATE " + "KEY\n")
    for kind in ("", "RSA ", "OPENSSH ", "EC "):
        secret.write_text(f"text\n-----BEGIN {kind}PRIVATE " + "KEY-----\nabc\n")
        done = subprocess.run([*hooks["private-key"], harmless, secret], capture_output=True, text=True)
        assert done.returncode == 1 and done.stderr.strip() == f"{secret}: holds a private key", kind
    assert subprocess.run([*hooks["private-key"], harmless]).returncode == 0
    large.write_bytes(b"0" * 500_001)
    assert subprocess.run([*hooks["size-cap"], harmless]).returncode == 0
    assert subprocess.run([*hooks["size-cap"], large], capture_output=True).returncode == 1


def test_the_fast_tests_hold_what_a_loss_or_head_is_tested_by():
    from conftest import SLOW

    files = [path.name for path in (ROOT / "tests").glob("test_*.py")]
    assert all(any(name.startswith(prefix) for name in files) for prefix in SLOW)
    fast = {name for name in files if not name.startswith(SLOW)}
    assert {"test_contract.py", "test_losses.py", "test_heads.py", "test_samplers.py", "test_metrics.py"} <= fast
    assert {"test_examples.py", "test_mutation_list.py", "test_light_imports.py", "test_house.py"} <= fast


# written in pieces, so that this file does not hold what it looks for
MACHINES = re.compile(
    r"(?<![\w.:/~>)}\]-])/(?:" + "|".join(["work", "root", "home", "Users", "opt", "mnt", "srv"]) + r")/\w"
)
HOSTS = re.compile("|".join(map(re.escape, ["py" + "pi.org", "python" + "hosted.org", "download.py" + "torch.org",
                                            "file:" + "//", "--index" + "-url", "--find" + "-links"])))  # fmt: skip


def test_the_patterns_find_what_they_look_for():
    assert MACHINES.search("path = '/" + "home/me/x'") and MACHINES.search("/" + "work/main")
    assert not MACHINES.search("https://host.org/" + "home/x") and not MACHINES.search("ltnb/work/x")
    assert HOSTS.search("--index" + "-url=x")


def test_no_machine_paths_and_no_registry_hosts():
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # weights and pictures
        for number, line in enumerate(text.splitlines(), 1):
            match = MACHINES.search(line) or HOSTS.search(line)
            if match:
                found.append(
                    f"{path.relative_to(ROOT)}:{number}: ...{line[max(0, match.start() - 20) : match.end() + 20]}"
                )
    assert not found, "\n".join(found[:20])


def test_size_cap():
    """500 kB a file; shipped weights 30 MB together; lessons have a test of their own."""
    weights = 0
    for path in tracked_files():
        size = path.stat().st_size
        if path.suffix == ".safetensors":
            weights += size
        elif path.suffix != ".ipynb":
            assert size <= 500_000, f"{path.relative_to(ROOT)} has {size} bytes"
    assert weights <= 30_000_000


def imported_modules(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


def test_every_import_of_the_package_is_declared():
    declared = set(requirements())
    providers = importlib.metadata.packages_distributions()
    undeclared = {}
    for path in sorted((ROOT / "ltnb").rglob("*.py")):
        for module in imported_modules(ast.parse(path.read_text())) - set(sys.stdlib_module_names) - {"ltnb"}:
            brought_by = {canonicalize_name(name) for name in providers.get(module, [module])}
            if not brought_by & declared:
                undeclared.setdefault(module, []).append(str(path.relative_to(ROOT)))
    assert not undeclared


def test_what_benchmarks_take_from_the_package_is_there():
    """Benchmarks are run by nobody else: a name that a move of code took away must be missed here."""
    missing = []
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "ltnb":
                module = importlib.import_module(node.module)
                missing += [f"{path.name}: {node.module}.{n.name}" for n in node.names if not hasattr(module, n.name)]
    assert not missing


def test_the_example_of_the_readme_runs():
    import torch

    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    shown = []

    class Watched(torch.utils.data.TensorDataset):
        def __getitem__(self, index):
            shown.append(index)
            return super().__getitem__(index)

    exec(example.replace("TensorDataset(", "Watched("), {"Watched": Watched})
    epochs = [tuple(shown[i : i + 1000]) for i in range(0, len(shown), 1000)]
    assert len(epochs) == len(set(epochs)) == 10, "each epoch trains on other pictures"


def test_package_data_is_declared_for_every_file_of_the_package():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    kinds = {Path(pattern).suffix for pattern in setuptools["package-data"]["*"]} | {".py"}
    other = {path.suffix for path in tracked_files() if path.is_relative_to(ROOT / "ltnb")} - kinds
    assert not other, f"files of these kinds would be missing from a wheel: {other}"
