"""The part of the README that follows from the committed standard runs, so that it cannot say anything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ltnb._files import replacing
from ltnb._project import project_root
from ltnb.runner.table import COLUMNS, cell

if TYPE_CHECKING:
    from ltnb.papers import Verdict
    from ltnb.results import Record

__all__ = ["standard_section", "write_section"]

BEGIN = "<!-- standard runs: written by 'ltnb report --profile standard --write-records' -->"
END = "<!-- end of standard runs -->"


def standard_section(root: Path) -> str:
    """What the committed standard runs of the world as it is say: claims with verdicts, and accuracy by method.

    Args:
        root: folder of the checkout.
    """
    from ltnb.critters.attributes import WORLD_VERSION
    from ltnb.papers import CLAIMS, verdicts
    from ltnb.results import load_standard

    tables, claims = [], []
    found: list[Verdict] = []
    for lesson in dict.fromkeys(claim.left.split("/")[0] for claim in CLAIMS):
        runs = [run for run in load_standard(lesson, root) if run.world == WORLD_VERSION]
        if not runs:
            continue
        own = verdicts([claim for claim in CLAIMS if claim.left.startswith(f"{lesson}/")], runs)
        own = [each for each in own if each.difference.n]
        found += own
        tables.append(_methods(lesson, runs))
        claims += _claims(lesson, own)
    if not found:
        return (
            f"No standard run of this version of the world (`{WORLD_VERSION}`) exists yet: `make records` makes them."
        )
    counts = Counter(each.answer for each in found)
    answers = ", ".join(f"{counts[answer]} {answer}" for answer in sorted(counts, key=lambda name: -counts[name]))
    blocks = [
        f"Claims of the papers measured in the world `{WORLD_VERSION}`: {len(found)} in all, {answers}.",
        *tables,
        "<details><summary>Every claim and its verdict</summary>",
        "\n".join(
            ["| claim | paper | ours: mean difference [95 % interval], seeds | verdict |", "|---|---|---|---|", *claims]
        ),
        "</details>",
    ]
    return "\n\n".join(blocks)


def write_section() -> Path | None:
    """Put the section between its two markers in the README of the project.

    Returns:
        The file; None where there is no README with these markers.
    """
    root = project_root()
    if root is None or not (root / "README.md").is_file():
        return None
    path = root / "README.md"
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        return None
    with replacing(path) as temporary:
        temporary.write_text(f"{before}{begin}\n{standard_section(root)}\n{end}{after}", encoding="utf-8")
    return path


def _methods(lesson: str, runs: Sequence[Record]) -> str:
    from ltnb.results import summary

    rows = summary(runs, "headline", tuple(COLUMNS)).to_dict("records")
    title = f"`{lesson}`, {len(runs)} seed{'s' if len(runs) != 1 else ''}"
    lines = [f"| {title} | {' | '.join(COLUMNS.values())} |", "|---" * (1 + len(COLUMNS)) + "|"]
    for row in rows:
        lines.append(f"| {row['row']} | {' | '.join(cell(row[name], row[f'{name}_sd']) for name in COLUMNS)} |")
    return "\n".join(lines)


def _claims(lesson: str, found: Sequence[Verdict]) -> list[str]:
    from ltnb.lesson.claims import Finding

    lines = []
    for each in found:
        cells = Finding(each, None, None, None).cells()
        shown = (cells["paper"], cells["standard runs"], cells["verdict"])
        what = f"[{cells['claim']}](notebooks/{lesson}.ipynb) {cells['statement']} ({each.claim.source})"
        lines.append(f"| {what} | {' | '.join(shown)} |")
    return lines
