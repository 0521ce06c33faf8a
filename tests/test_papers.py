"""The papers' numbers as data: equal to the texts, consistent with each other, flagged exactly where they are not."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from real_splits import real_counts

from ltnb import papers
from ltnb.data.longtail import exponential_counts, shot_groups
from ltnb.papers import CLAIMS, FLAGS, published, reported, table_names, trusted

GROUP_SIZES = {"ImageNet-LT": (385, 479, 136), "Places-LT": (131, 163, 71), "CIFAR100-LT": (35, 35, 30)}
GROUPS = ["many", "medium", "few"]
NAMES = table_names()
TEXTS = {"ballad": "ballad_arxiv.txt", "ballad_bmvc": "ballad_tackle_bmvc.txt"}


def cells(name: str) -> list[dict[str, str]]:
    """The rows of a data file as typed."""
    text = (Path(papers.__file__).parent / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("# ")))


@pytest.fixture(scope="module")
def texts(shared_data: Path) -> dict[str, str]:
    folder = shared_data.parent / "papers"
    if not folder.is_dir():
        pytest.skip(f"the papers' texts are not present: no {folder}")
    return {paper: (folder / file).read_text(encoding="utf-8") for paper, file in TEXTS.items()}


def test_every_table_of_the_brief_is_there():
    assert {f"ballad/table{i}" for i in range(1, 11)} <= set(NAMES)
    assert {f"ballad/figure{i}" for i in (1, 3, 4, 5)} <= set(NAMES)
    assert {f"ballad_bmvc/table{i}" for i in range(1, 8)} <= set(NAMES)
    assert NAMES.index("ballad/table2") < NAMES.index("ballad/table10")


@pytest.mark.parametrize("name", NAMES)
def test_shape_of_a_table(name):
    frame = reported(name)
    assert set(frame.attrs) == {"name", "source", "caption", "numbers", "note"} and all(frame.attrs.values())
    assert frame.attrs["name"] == name
    assert list(frame.columns[-2:]) == ["flag", "note"] and frame.columns[0] == "key"
    numbers = frame.attrs["numbers"].split()
    for column in frame:
        assert (frame[column].dtype == np.float64) == (column in numbers), column
        assert column in numbers or frame[column].map(lambda text: isinstance(text, str)).all(), column
    accuracies = frame[[column for column in numbers if column not in ("gain", "lambda")]]
    assert ((accuracies >= 0) & (accuracies <= 100) | accuracies.isna()).all(axis=None)
    keys = frame["key"][frame["key"] != ""]
    assert keys.is_unique and keys.map(lambda key: re.fullmatch("[a-z0-9_]+", key) is not None).all()
    assert all(set(flag.split()) <= set(FLAGS) for flag in frame["flag"])
    assert (frame["note"] != "")[frame["flag"].isin(["sum", "conflict", "gain"])].all()
    missing = frame["overall"].isna()
    assert (frame["note"] != "")[missing].all(), "a row without a number says why"


def test_rows_of_groups_stand_in_the_papers_texts(texts):
    checked = 0
    for name in NAMES:
        text = " ".join(re.sub("</?b>", "", texts[name.split("/")[0]]).split())
        for row in cells(name):
            numbers = [row.get(column, "nan") for column in (*GROUPS, "overall")]
            if "nan" not in numbers:
                gain = row.get("gain", "nan")
                printed = " ".join(numbers) + (f" (+{gain})" if gain != "nan" else "")
                assert printed in text, (name, printed)
                checked += 1
    assert checked == 85


def test_rows_with_one_number_stand_in_the_papers_texts(texts):
    text = texts["ballad_bmvc"].replace("×", "x").replace("Blanced", "Balanced").replace("$\\tau$ -", "tau-")
    for name in ("ballad_bmvc/table1", "ballad_bmvc/table2", "ballad_bmvc/table3"):
        for row in cells(name):
            mark = (
                r"\*"
                if "yes" in row.values() or "CLIP" in row.values()
                else "♠"
                if "ImageNet-1k" in row.values()
                else ""
            )
            pattern = rf"^{re.escape(row['method'])}( \[\d+\])?\t{row['backbone']}{mark}\t{row['overall']}$"
            assert re.search(pattern, text, re.MULTILINE), (name, row)
    table9 = reported("ballad/table9")
    arxiv = texts["ballad"].replace("×", "x")
    for backbone, rows in table9.groupby("backbone"):
        pairs = zip(rows["overall"][::2], rows["overall"][1::2], rows["gain"][1::2], strict=True)
        printed = " ".join(f"{before:.1f} {after:.1f} (+{gain:g})" for before, after, gain in pairs)
        assert f"{backbone} {printed}" in arxiv
    for row in cells("ballad/figure4"):
        assert f"{row['overall']}%" in arxiv
    assert "a top-1 accuracy of 67.1%" in " ".join(arxiv.split())


@pytest.mark.parametrize("name", NAMES)
def test_sum_is_flagged_exactly_where_groups_and_overall_disagree(name):
    frame = reported(name)
    if not {"dataset", *GROUPS} <= set(frame):
        return
    for _, row in frame.dropna(subset=[*GROUPS, "overall"]).iterrows():
        sizes = np.array(GROUP_SIZES[row["dataset"]])
        weighted = float(np.dot(sizes, row[GROUPS].astype(float)) / sizes.sum())
        # each printed number may be off by 0.05, so their weighted mean by 0.05 and the difference by 0.1
        assert (abs(weighted - row["overall"]) > 0.1 + 1e-9) == ("sum" in row["flag"]), (name, dict(row), weighted)
        if "sum" in row["flag"]:
            assert f"groups give {weighted:.2f}" in row["note"]


def test_sum_flags_hit_rivals_only():
    rows = pd.concat([reported(f"ballad/table{i}")[["method", "flag"]] for i in (1, 2, 3)])
    flagged = rows["flag"].str.contains("sum")
    assert flagged.sum() == 14 and not (flagged & (rows["method"] == "BALLAD")).any()


def test_group_sizes_are_those_of_the_public_lists(shared_data):
    counts = {
        "ImageNet-LT": real_counts(shared_data, "ImageNet_LT"),
        "Places-LT": real_counts(shared_data, "Places_LT"),
        "CIFAR100-LT": real_counts(shared_data, "CIFAR100_LT", "if100"),
    }
    assert np.array_equal(np.sort(counts["CIFAR100-LT"])[::-1], exponential_counts(500, 100, 100))
    for dataset, sizes in GROUP_SIZES.items():
        assert tuple(int(mask.sum()) for mask in shot_groups(counts[dataset]).values()) == sizes
    inclusive = shot_groups(counts["CIFAR100-LT"], "inclusive").values()
    assert tuple(int(mask.sum()) for mask in inclusive) == (35, 34, 31), "the division that fits Table 3's rivals"


def test_printed_gains_are_differences_of_printed_numbers():
    reference = {"ballad/table1": 60.0, "ballad/table2": 41.2, "ballad/table3": 49.8}
    for name, best in reference.items():
        frame = reported(name)
        assert frame.loc[frame["method"] != "BALLAD", "overall"].max() == best
        ours = frame[frame["method"] == "BALLAD"]
        assert np.allclose(ours["overall"] - best, ours["gain"], atol=1e-9) and len(ours) == 4
        assert frame.loc[frame["method"] != "BALLAD", "gain"].isna().all()
    pairs = reported("ballad/table9")
    assert np.allclose(np.diff(pairs["overall"])[::2], pairs["gain"][1::2], atol=1e-9)
    assert pairs["gain"].max() == 12.2, "the text: +12.2 at most"
    bmvc = reported("ballad_bmvc/table1").set_index(["method", "backbone", "clip_init"])["overall"]
    assert bmvc["BALLAD", "RN50", "yes"] - bmvc["PaCo", "RN50", "yes"] == pytest.approx(7.0)
    assert bmvc["TACKLE", "RX50", "no"] - bmvc["PaCo", "RX50", "no"] == pytest.approx(2.4)
    assert bmvc["TACKLE", "RX50", "no"] - bmvc["TADE", "RX50", "no"] == pytest.approx(1.8), "why the row is flagged"


def test_tables_that_repeat_a_number_agree():
    ballad = list(reported("ballad/table1").query("key == 'ballad'")[[*GROUPS, "overall"]].iloc[0])
    for table, key in (("table6", "visual"), ("table7", "b_only"), ("table8", "class"), ("table10", "single")):
        assert [published(f"02_ballad/{table}/{key}/{metric}") for metric in (*GROUPS, "overall")] == ballad
    for table, key in (("table9", "ballad"), ("figure4", "decoupled"), ("tables1_3", "ballad")):
        assert published(f"02_ballad/{table}/{key}/overall") == 67.2
    for key, number in reported("ballad_bmvc/table5").set_index("key")["overall"].items():
        assert published(f"02_ballad/figure4/{key}/overall") == number
    numbers = [*GROUPS, "overall"]
    assert reported("ballad/table5")[numbers].equals(reported("ballad_bmvc/table4")[numbers])
    six, seven = reported("ballad_bmvc/table6"), reported("ballad_bmvc/table7")
    assert (
        six[six["retrieved"] == "yes"][numbers].values.tolist() == seven[seven["clip"] == "no"][numbers].values.tolist()
    )
    short = {"ResNet": "RN", "ResNeXt": "RX", "ViT-": "V-"}
    for arxiv, bmvc in (("ballad/table1", "ballad_bmvc/table1"), ("ballad/table2", "ballad_bmvc/table2")):
        first, second = reported(arxiv), reported(bmvc)
        first["backbone"] = first["backbone"].replace({"(ResNet|ResNeXt)-": r"\1", **short}, regex=True)
        first["backbone"] = first["backbone"].replace(short, regex=True)
        plain = second[(second.get("clip_init") != "yes") | (second["method"] == "BALLAD")]
        both = first.merge(plain, on=["method", "backbone"], suffixes=("", "_bmvc"))
        assert len(both) >= 11 and (both["overall"] == both["overall_bmvc"]).all()


def test_conflicts_are_flagged_and_left_out_of_gain_charts():
    flagged = {(name, key) for name in NAMES for key in reported(name).query("flag == 'conflict'")["key"]}
    assert flagged == {
        ("ballad/table4", "pretrained_pretrained"),
        ("ballad/table5", "both"),
        ("ballad/figure5", "lambda_0_2"),
        ("ballad_bmvc/table4", "both"),
    }
    assert published("02_ballad/table4/pretrained_pretrained/overall") == 61.6
    assert published("02_ballad/table5/both/overall") == 66.1
    assert list(trusted(reported("ballad/table5"))["key"]) == ["frozen", "visual", "language"]
    assert trusted(reported("ballad/table5")).attrs["source"] == "BALLAD (arXiv), Table 5"
    assert len(trusted(reported("ballad/table10"))) == 3, "a wrong caption does not spoil the numbers"
    assert len(trusted(reported("ballad/table3"))) == 4


def test_reported_gives_a_fresh_frame():
    frame = reported("ballad/table6")
    frame["overall"] = 0.0
    assert reported("ballad/table6")["overall"].iloc[0] == 67.2


@pytest.mark.parametrize("name", ["balad/table4", "ballad/table11", "", "ballad/../ballad/table1", "ballad/table4.csv"])
def test_unknown_table(name):
    with pytest.raises(ValueError, match=r"table: no reported table") as error:
        reported(name)
    assert all(known in str(error.value) for known in NAMES)
    if name:
        assert "did you mean 'ballad/table" in str(error.value)


def test_published():
    assert published("02_ballad/table7/b_only/gap") == 11.5
    assert published("02_ballad/tables1_3/best_rival/overall") == 60.2
    for nothing in ("table6/visual/precision", "table6/nowhere/overall", "figure3/mini_vit/few", "table9/ballad/gap"):
        assert math.isnan(published(f"02_ballad/{nothing}"))
    assert math.isnan(published("02_ballad/table7//overall")), "rows without a key have no counterpart"
    with pytest.raises(ValueError, match=r"quantity: need 'lesson/section/row/metric', got 'table6/visual'"):
        published("table6/visual")
    with pytest.raises(ValueError, match="no reported table 'ballad/table77'"):
        published("02_ballad/table77/visual/overall")


def test_claims_are_numbered_and_complete():
    assert [claim.id for claim in CLAIMS if claim.paper == "ballad"] == [f"B{i}" for i in range(1, 24)]
    assert len({claim.id for claim in CLAIMS}) == len({(claim.left, claim.right) for claim in CLAIMS}) == len(CLAIMS)
    assert all(claim.statement.endswith(".") and claim.source for claim in CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claim_stands_on_the_papers_cells(claim):
    for quantity, number in ((claim.left, claim.published_left), (claim.right, claim.published_right)):
        lesson, section, row, metric = quantity.split("/")
        assert lesson == "02_ballad" and metric in ("overall", *GROUPS, "gap")
        table = papers.tables.SECTIONS.get(f"ballad/{section}", f"ballad/{section}")
        assert row in set(reported(table)["key"]), "the row exists even where its number is not legible"
        assert np.array_equal(published(quantity), number, equal_nan=True)
        kind, digits = re.fullmatch(r"(table|figure)(\d+)", table.split("/")[1]).groups()
        assert claim.source.endswith(f"{kind.title()} {digits}")
    if math.isnan(claim.published_difference):
        assert claim.note and math.isnan(claim.published_left)
    else:
        assert claim.published_difference * claim.sign > 0
    assert claim.sign == {"higher": 1, "lower": -1}[claim.direction]
