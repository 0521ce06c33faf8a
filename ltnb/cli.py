"""The ``ltnb`` command: ``reproduce``, ``run``, ``report`` and ``doctor``.

Exit status: 0 all went well, 1 a lesson failed (or ``doctor`` found something missing), 2 a wrong argument (one line on
standard error, nothing was run), 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ltnb import __version__
from ltnb.runner.display import make_printable
from ltnb.runner.plan import Task, plan, plan_one

if TYPE_CHECKING:
    from ltnb.results import Record

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """argparse, with errors in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the program's name; those of the process when None.

    Returns:
        The exit status.
    """
    make_printable(sys.stdout, sys.stderr)
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.action(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("\nstopped; what is finished is kept, the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as in "ltnb report | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        extra = "cluster" if error.name == "distributed" else "notebooks"
        says = f"{error.name} is missing: pip install 'ltnb[{extra}]'"
    except OSError as error:
        says = f"{error.filename or 'system'}: {error.strerror}" if error.strerror else str(error)
    except ValueError as error:
        says = str(error)
    print(f"ltnb {arguments.command}: {' '.join(says.split())}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="ltnb", description="Long-tailed recognition with vision-language models: run the lessons.")
    parser.add_argument("--version", action="version", version=f"ltnb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    reproduce = commands.add_parser("reproduce", help="run the lessons of a profile and print the final table")
    reproduce.add_argument(
        "--profile", default="quick", metavar="NAME", help="quick, standard or a .yaml file of your own"
    )
    reproduce.add_argument("--only", nargs="+", default=[], metavar="LESSON", help="these lessons of the profile")
    reproduce.add_argument(
        "--seeds", nargs="+", type=int, default=[], metavar="K", help="instead of the profile's seeds"
    )
    reproduce.add_argument("--scheduler", metavar="ADDRESS", help="send the runs to a dask cluster (extra: cluster)")
    reproduce.set_defaults(action=_reproduce)

    run = commands.add_parser("run", help="run one lesson with other parameters")
    run.add_argument("lesson", metavar="LESSON", help="a lesson's name, such as 02_ballad, or the path of a notebook")
    run.add_argument("-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    run.add_argument("--name", default="run", help="results go to RUNS_DIR/NAME/LESSON/seed<k> (default: run)")
    run.set_defaults(action=_run, scheduler=None)

    for command in (reproduce, run):
        command.add_argument(
            "--jobs", type=int, metavar="N", help="runs side by side (default: one for every two cores)"
        )
        command.add_argument("--force", action="store_true", help="run again what is finished")

    report = commands.add_parser("report", help="print the table of finished runs; write their records")
    report.add_argument("--profile", default="quick", metavar="NAME", help="folder under RUNS_DIR (default: quick)")
    report.add_argument(
        "--write-records", action="store_true", help="collect them into figures/records/<lesson>.json and the README"
    )
    report.set_defaults(action=_report)

    for command in (reproduce, run, report):
        command.add_argument("--runs-dir", type=Path, default=Path("runs"), metavar="DIR", help="default: runs")

    doctor = commands.add_parser("doctor", help="versions, devices and what works here")
    doctor.set_defaults(action=_doctor)
    return parser


def _reproduce(arguments: argparse.Namespace) -> int:
    from ltnb.runner.catalogue import check_seeds, load_profile

    profile = load_profile(arguments.profile)
    seeds = check_seeds(arguments.seeds) if arguments.seeds else ()
    tasks, folder = plan(profile, arguments.runs_dir, arguments.only, seeds), arguments.runs_dir / profile.name
    if profile.name != "standard" or arguments.force:
        return _execute(tasks, arguments, folder)
    from ltnb.runner.committed import committed_record

    known = {task.folder: record for task in tasks if (record := committed_record(task)) is not None}
    for task in tasks:
        if task.folder in known:
            print(f"{task.label}: its record is committed, and code and parameters are the same", file=sys.stderr)
    return _execute([task for task in tasks if task.folder not in known], arguments, folder, list(known.values()))


def _run(arguments: argparse.Namespace) -> int:
    from ltnb.runner.catalogue import find_lesson, parse_text, read_parameters

    notebook = find_lesson(arguments.lesson)
    lesson, defaults = notebook.stem, read_parameters(notebook)
    parameters = {}
    for name, text in arguments.parameters:
        if name in parameters:
            raise ValueError(f"parameter {name!r} is given twice")
        parameters[name] = parse_text(lesson, defaults, name, text)
    if arguments.name in ("", ".", "..") or Path(arguments.name).name != arguments.name:
        raise ValueError(f"--name must be a plain folder name, got {arguments.name!r}")
    folder = arguments.runs_dir / arguments.name
    return _execute([plan_one(arguments.lesson, parameters, folder)], arguments, folder)


def _execute(tasks: list[Task], arguments: argparse.Namespace, folder: Path, known: Sequence[Record] = ()) -> int:
    """Run tasks and print what they found, together with records that are known already."""
    from ltnb.runner import folders
    from ltnb.runner.display import Display
    from ltnb.runner.doctor import absent_tools
    from ltnb.runner.execution import available_cores, run_all, run_on_cluster
    from ltnb.runner.table import record_in

    if absent := absent_tools():
        raise ValueError(f"running lessons needs {', '.join(absent)}: pip install 'ltnb[notebooks]'")
    jobs = arguments.jobs
    if jobs is None:
        jobs = max(1, min(len(tasks), available_cores() // 2))
    if jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {jobs}")
    with folders.lock(folder) as lock_fd:
        if arguments.force:
            for task in tasks:
                folders.forget(task)
        with Display(sys.stderr, len(tasks)) as display:
            if arguments.scheduler:
                results = run_on_cluster(tasks, arguments.scheduler, display)
            else:
                results = run_all(tasks, jobs, display, lock_fd)
    found = [record_in(result.folder) for result in results if result.status != "failed"]
    _print_tables([*known, *(record for record in found if record is not None)])
    print(f"\nexecuted notebooks, figures and records: {os.path.relpath(folder)}")
    failed = [result for result in results if result.status == "failed"]
    for result in failed:
        print(f"{result.task.label} failed at {result.error}", file=sys.stderr)
        print(f"  the notebook as far as it came: {os.path.relpath(result.folder)}", file=sys.stderr)
    return 1 if failed else 0


def _report(arguments: argparse.Namespace) -> int:
    from ltnb.runner.readme import write_section
    from ltnb.runner.table import finished_folders, record_in, write_records

    folder = arguments.runs_dir / arguments.profile
    found = finished_folders(folder)
    if not found:
        raise FileNotFoundError(f"no finished runs in {folder}: run ltnb reproduce --profile {arguments.profile}")
    _print_tables([record for folder in found if (record := record_in(folder)) is not None])
    if arguments.write_records:
        for path in filter(None, [*write_records(found), write_section()]):
            print(f"wrote {os.path.relpath(path)}")
    return 0


def _print_tables(records: Sequence[Record]) -> None:
    from ltnb.runner.table import claims_table, results_table

    print("\n\n".join(filter(None, (results_table(records), claims_table(records)))))


def _doctor(arguments: argparse.Namespace) -> int:
    from ltnb.runner.doctor import examine, print_findings

    return print_findings(examine())
