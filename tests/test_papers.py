"""The papers' numbers as data: equal to the texts, consistent with each other, flagged exactly where they are not."""

from __future__ import annotations

import csv
import gzip
import itertools
import math
import os
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
INCLUSIVE_SIZES = {"ImageNet-LT": (391, 463, 146), "Places-LT": (132, 156, 77)}
INATURALIST = (842, 4076, 3224)
"""IVLM prints no group sizes of iNaturalist18; its trained rows leave room for little else, see below."""
GROUPS = ["many", "medium", "few"]
PERCENT = [*GROUPS, "overall", "precision", "recall", "f1", "before", "after"]
IVLM_SETS = {"ImageNet-LT": "table1", "iNaturalist18": "table2", "Places-LT": "table3"}
NAMES = table_names()
TEXTS = {
    "ballad": "ballad_arxiv.txt",
    "ballad_bmvc": "ballad_tackle_bmvc.txt",
    "ivlm": "ivlm.txt",
    "vl_ltr": "vl_ltr.txt",
}
LESSONS = {"ballad": "02_ballad", "ivlm": "01_ivlm", "vl_ltr": "03_vl_ltr"}


def cells(name: str) -> list[dict[str, str]]:
    """The rows of a data file as typed."""
    text = (Path(papers.__file__).parent / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("# ")))


def half_unit(printed: str) -> float:
    """By how much a number that is printed so may be off."""
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])


def groups_and_overall(row: dict[str, str], sizes: tuple[int, int, int]) -> tuple[float, float]:
    """The class-weighted mean of a row's groups, and by how much it may differ from the printed overall."""
    mean = float(np.average([float(row[group]) for group in GROUPS], weights=sizes))
    return mean, half_unit(row["overall"]) + float(np.average([half_unit(row[g]) for g in GROUPS], weights=sizes))


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
    assert {f"ivlm/{name}" for name in ("figure1", "gains", "tableB1", *(f"table{i}" for i in range(1, 9)))} <= set(
        NAMES
    )
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
    accuracies = frame[[column for column in numbers if column in PERCENT]]
    assert ((accuracies >= 0) & (accuracies <= 100) | accuracies.isna()).all(axis=None)
    keys = frame["key"][frame["key"] != ""]
    assert keys.is_unique and keys.map(lambda key: re.fullmatch("[a-z0-9_]+", key) is not None).all()
    assert all(set(flag.split()) <= set(FLAGS) for flag in frame["flag"])
    assert (frame["note"] != "")[~frame["flag"].isin(["", "caption"])].all()
    if "overall" in numbers:
        assert (frame["note"] != "")[frame["overall"].isna()].all(), "a row without a number says why"


def test_every_flag_is_used():
    assert {flag for name in NAMES for text in reported(name)["flag"] for flag in text.split()} == set(FLAGS)


def test_rows_of_groups_stand_in_the_papers_texts(texts):
    checked = 0
    for name in (name for name in NAMES if name.startswith("ballad")):
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
    strict = {**GROUP_SIZES, "iNaturalist18": INATURALIST}
    for row in cells(name):
        if not {"dataset", *GROUPS} <= set(row) or "nan" in (row["overall"], *(row[group] for group in GROUPS)):
            continue
        conventions = [strict[row["dataset"]]]
        if name.startswith("vl_ltr"):  # divides classes otherwise, but quotes rows of papers that do not
            if row["dataset"] not in INCLUSIVE_SIZES:  # iNaturalist18: how many classes have 20 or 100 is not printed
                continue
            conventions.insert(0, INCLUSIVE_SIZES[row["dataset"]])
        means = [groups_and_overall(row, sizes) for sizes in conventions]
        misses = [abs(weighted - float(row["overall"])) > rounding + 1e-9 for weighted, rounding in means]
        assert all(misses) == ("sum" in row["flag"].split()), (name, row, means)
        if all(misses):
            assert f"groups give {means[0][0]:.2f}" in row["note"]
        elif misses[0]:
            assert row["note"] == "adds up with the groups > 100, 20 to 100 and < 20"


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
    for dataset, sizes in INCLUSIVE_SIZES.items():
        assert tuple(int(mask.sum()) for mask in shot_groups(counts[dataset], "inclusive").values()) == sizes
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
    assert published("01_ivlm/table1/linear_probe/gap") == 68.35
    assert published("01_ivlm/table2/crt/f1") == 72.22
    assert published("01_ivlm/table7/decoder/memory_mib") == 4456
    assert published("01_ivlm/table8/two_stage/seconds_per_step") == 0.27
    assert math.isnan(published("01_ivlm/table2/coop/overall")) and math.isnan(published("01_ivlm/table3/coop/gap"))
    for nothing in ("table6/visual/precision", "table6/nowhere/overall", "figure3/mini_vit/few", "table9/ballad/gap"):
        assert math.isnan(published(f"02_ballad/{nothing}"))
    assert math.isnan(published("02_ballad/table7//overall")), "rows without a key have no counterpart"
    with pytest.raises(ValueError, match=r"quantity: need 'lesson/section/row/metric', got 'table6/visual'"):
        published("table6/visual")
    with pytest.raises(ValueError, match="no reported table 'ballad/table77'"):
        published("02_ballad/table77/visual/overall")


def test_claims_are_numbered_and_complete():
    assert [claim.id for claim in CLAIMS if claim.paper == "ballad"] == [f"B{i}" for i in range(1, 25)]
    assert [claim.id for claim in CLAIMS if claim.paper == "ivlm"] == [f"I{i}" for i in range(1, 16)]
    assert [claim.id for claim in CLAIMS if claim.paper == "vl_ltr"] == [f"V{i}" for i in range(1, 18)]
    order = list(dict.fromkeys(claim.paper for claim in CLAIMS))
    assert order == ["ivlm", "ballad", "vl_ltr"], "in the order of the lessons"
    assert len({claim.id for claim in CLAIMS}) == len({(claim.left, claim.right) for claim in CLAIMS}) == len(CLAIMS)
    assert all(claim.statement.endswith(".") and claim.source for claim in CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claim_stands_on_the_papers_cells(claim):
    for quantity, number in ((claim.left, claim.published_left), (claim.right, claim.published_right)):
        lesson, section, row, metric = quantity.split("/")
        assert lesson == LESSONS[claim.paper] and metric in ("overall", *GROUPS, "gap", "rare")
        table = papers.published_tables.SECTIONS.get(f"{claim.paper}/{section}", f"{claim.paper}/{section}")
        assert row in set(reported(table)["key"]), "the row exists even where its number is not legible"
        assert np.array_equal(published(quantity), number, equal_nan=True)
        kind, digits = re.fullmatch(r"(table|figure)(\d+)", table.split("/")[1]).groups()
        assert claim.source.endswith(f" {kind.title()} {digits}")
    if math.isnan(claim.published_difference):
        assert claim.note and math.isnan(claim.published_left)
    else:
        assert claim.published_difference * claim.sign > 0
    assert claim.sign == {"higher": 1, "lower": -1}[claim.direction]


# ---- IVLM

IVLM_TABLES = {
    # label columns as they stand in the text; the table's first words there; the first words after it
    "table1": (["method"], "Table 1 Results", "Table 2 Results"),
    "table2": (["method"], "Table 2 Results", "For rigorous"),
    "table3": (["method"], "Table 3 Results", "We use two metrics"),
    "table4": (["method", "backbone"], "Table 4 Comparisons", "Table 5 Comparisons"),
    "table5": (["method", "dataset", "pretraining"], "Table 5 Comparisons", "challenge for models"),
    "table6": (["dataset", "method"], "Table 6 Results", "respectively"),
    "table7": (["method", "backbone"], "Table 7 GPU", "Table 8 Training"),
    "table8": (["method", "backbone"], "Table 8 Training", "5.4 Analysis"),
    "tableB1": (["dataset"], "Table B1 The", "Algorithm 2"),
}


def decoder_rows(table: str) -> pd.DataFrame:
    """The ten rows of one of IVLM's Tables 1 to 3 that stand under "CLIP + imbalanced learning algorithms"."""
    rows = reported(f"ivlm/{table}").set_index("key").loc["softmax":]
    assert len(rows) == 10
    return rows


def is_share(printed: str, images: int) -> bool:
    """Whether an accuracy over so many images can be printed so."""
    value = float(printed)
    return abs(100 * round(value / 100 * images) / images - value) <= half_unit(printed) + 1e-9


@pytest.mark.parametrize("table", IVLM_TABLES)
def test_rows_of_ivlm_are_those_of_its_text(texts, table):
    columns, first, after = IVLM_TABLES[table]
    text = re.sub(r" \([A-Z][^()]*\d{4}[a-z]?\)", "", texts["ivlm"])  # citations
    text = re.sub("iNaturalist(18)?", "iNaturalist18", re.sub(r"(?<=\d),(?=\d{3})", "", text))
    block = re.search(rf"^\d*{re.escape(first)}.*?(?=^\d*{re.escape(after)})", text, re.MULTILINE | re.DOTALL)[0]
    numbers = reported(f"ivlm/{table}").attrs["numbers"].split()
    position, above, lines = 0, [], 0
    for labels, rows in itertools.groupby(cells(f"ivlm/{table}"), lambda row: [row[column] for column in columns]):
        printed = [row[number].replace("nan", "-") for row in rows for number in numbers]
        new = labels[len(os.path.commonprefix([labels, above])) :]  # cells that span rows are printed once
        name = r"\s*".join(re.escape(label).replace(r"\ ", r"\s") for label in new)
        match = re.compile(rf"^{name} {re.escape(' '.join(printed))}$", re.MULTILINE).search(block, position)
        assert match, (labels, printed)
        position, above, lines = match.end(), labels, lines + 1
    number = r"(\d+(\.\d+)?|-)"
    assert len(re.findall(rf"^.+( {number}){{{len(printed)}}}$", block, re.MULTILINE)) == lines, "no row is left out"


def test_stated_gains_of_ivlm_stand_in_its_text(texts):
    text = re.sub(r"\s", "", texts["ivlm"])
    for row in cells("ivlm/gains"):
        for number in (row["before"], row["after"], row["gain"].removeprefix("-")):
            assert number == "nan" or f"{number}%" in text, row
    for stated in ("6.58%,69.82%,and6.17%", "average improvement of 64.37%", "gains ranging from 6.17% to 69.82%"):
        assert re.sub(r"\s", "", stated) in re.sub("-(?=[a-z])", "", text)
    assert "canimprovefrom5%to69%oniNaturalist" in text and "only5.08%and0.49%" in text


def test_stated_gains_of_ivlm_against_its_tables():
    for row in reported("ivlm/gains").to_dict("records"):
        table = IVLM_SETS[row["dataset"]]
        rows = reported(f"ivlm/{table}").set_index("key")[row["metric"]]
        before = rows[row["left"]]
        after = decoder_rows(table)["overall"].mean() if row["right"] == "decoder_mean" else rows[row["right"]]
        assert (abs(after - before - row["gain"]) > 0.01) == (row["flag"] == "gain"), row
        if row["place"] == "Section 7":
            assert (row["before"], row["after"]) == (math.floor(before), math.floor(after)), "cut off, not rounded"
        else:
            assert math.isnan(row["before"]) or row["before"] == before
            assert math.isnan(row["after"]) or row["after"] == round(after, 2)
    inaturalist = decoder_rows("table2")["overall"].mean()
    assert round(inaturalist, 2) == 69.82, "what the abstract prints as the gain"
    assert round(inaturalist - published("01_ivlm/table2/zero_shot/overall"), 2) == 64.37
    assert list(reported("ivlm/gains").query("flag == 'gain'")["gain"]) == [69.82, 5.08]


def test_sum_flags_of_ivlm_are_the_zero_shot_rows():
    rows = [row for name in NAMES if name.startswith("ivlm/table") for row in cells(name) if "many" in row]
    zero_shot = [row["method"].startswith("Zero-shot") for row in rows]
    assert len(rows) == 88 and sum(zero_shot) == 10
    assert zero_shot == ["sum" in row["flag"].split() for row in rows]


def test_trained_rows_fix_the_groups_of_inaturalist_and_no_zero_shot_row_fits():
    start = np.array([800, 4000])
    many, medium = np.mgrid[800:900, 4000:4150]
    sizes = np.stack([many, medium, 8142 - many - medium], axis=-1) / 8142
    fits, zero_shot = np.ones_like(many, dtype=bool), []
    for row in (row for i in (2, 5, 6) for row in cells(f"ivlm/table{i}")):
        if row["dataset"] == "iNaturalist18" and row["overall"] != "nan":
            mean = sizes @ [float(row[group]) for group in GROUPS]
            fit = abs(mean - float(row["overall"])) <= 0.01 + 1e-9  # every number has two decimals
            if row["method"].startswith("Zero-shot"):
                zero_shot.append((row, mean, fit))
            else:
                fits &= fit
    assert fits[tuple(np.array(INATURALIST[:2]) - start)] and sum(INATURALIST) == 8142
    # what fits is convex, so if it stays off the edges of this window, nothing outside fits
    assert not (fits[[0, -1]].any() or fits[:, [0, -1]].any())
    ends = [int(end) for axis in (many, medium) for end in (axis[fits].min(), axis[fits].max())]
    note = reported("ivlm/table2").attrs["note"]
    assert "only {} to {} many and {} to {} medium".format(*ends) in note
    assert len(zero_shot) == 4
    for row, mean, fit in zero_shot:
        assert not (fit & fits).any() and len(set(np.round(mean[fits], 2))) == 1, row


def test_recall_of_ivlm_equals_overall():
    tiny = []
    for name in (f"ivlm/table{i}" for i in (1, 2, 3, 5, 6)):
        for row in reported(name).dropna(subset=["overall", "recall"]).to_dict("records"):
            off = abs(row["recall"] - row["overall"])
            assert (off > 0.01 + 1e-9) == ("recall" in row["flag"].split()), row
            assert row["f1"] <= (row["precision"] + row["recall"]) / 2
            assert min(row[group] for group in GROUPS) <= row["overall"] <= max(row[group] for group in GROUPS)
            if 1e-9 < off <= 0.01 + 1e-9:
                assert f"recall is printed {row['recall']:.2f}" in row["note"]
                tiny.append(row["key"])
    assert tiny == ["zero_shot_more_latin", "zero_shot_more"]
    odd = reported("ivlm/table6").query("flag.str.contains('recall')")[["overall", "precision", "recall", "f1"]]
    assert odd.to_numpy().tolist() == [[2.03, 11.55, 20.27, 11.70]]


def test_rows_of_ivlm_that_its_text_ranks_otherwise():
    for dataset, rows in reported("ivlm/table6").groupby("dataset"):
        overall = rows.set_index("method")["overall"]
        rivals = overall[["Zero-shot", "Linear probing", "Full finetuning"]]
        # "imbalanced methods are much better" can only mean those that tune the whole tower
        assert (overall[overall.index.str.startswith("Full finetuning+")] > rivals.max()).all()
        for row in rows.to_dict("records"):
            assert "text" not in row["flag"].split() and (not row["key"] or dataset == "ImageNet-LT")
            # the sentence that follows it: the decoder loses to full finetuning with the same method
            if (full := row["method"].replace("Decoder", "Full finetuning")) != row["method"] and full in overall:
                above = row["overall"] > overall[full]
                assert above == (dataset == "Places-LT" and full.endswith("CRT")) == ("above full" in row["note"])
    table2 = decoder_rows("table2")
    finetuned = published("01_ivlm/table2/full_finetuning/overall")
    assert (table2["overall"] < finetuned).equals(table2["flag"] == "text")
    for _, rows in reported("ivlm/table8").groupby("backbone"):
        energy = rows.set_index("method")["energy_kwh"]
        assert energy["Linear Probing"] < energy["Two-Stage Algorithms"] < energy["One-Stage Algorithms"]
        assert list(rows.loc[rows["flag"] == "text", "method"]) == ["Linear Probing"]
        note = rows.loc[rows["flag"] == "text", "note"].item()
        assert all(f"{energy[m]:.2f}" in note for m in ("One-Stage Algorithms", "Two-Stage Algorithms"))
    kept = set(trusted(reported("ivlm/table6"))["key"])
    assert {"decoder_softmax", "full_balanced_softmax"} <= kept and "zero_shot" not in kept


def test_tables_of_ivlm_that_repeat_a_number_agree():
    large = reported("ivlm/table4").query("backbone == 'ViT-L14'").set_index(["method", "dataset"])["overall"]
    names = {"Zero-shot": "zero_shot", "Balanced SoftMax": "balanced_softmax", "DisAlign": "disalign", "MARC": "marc"}
    numbers = reported("ivlm/table1").attrs["numbers"].split()
    for dataset, table in IVLM_SETS.items():
        main = reported(f"ivlm/{table}").set_index("key")
        assert large["One-stage", dataset] == main["overall"]["softmax"]
        assert large["Two-stage", dataset] == main["overall"]["disalign"]
        clip = reported("ivlm/table5").query("pretraining == 'CLIP' and dataset == @dataset")
        assert len(clip) == (0 if dataset == "ImageNet-LT" else 4)
        for row in clip.to_dict("records"):
            assert [row[number] for number in numbers] == list(main.loc[names[row["method"]], numbers])
    suffix = {"iNaturalist18": "_latin", "Places-LT": ""}
    for row in reported("ivlm/table5").to_dict("records"):
        size = {"CLIP": "less", "Laion-CLIP": "more"}[row["pretraining"]]
        assert row["key"] == f"{names[row['method']]}_{size}{suffix[row['dataset']]}"


def test_costs_of_ivlm_are_products_of_each_other():
    memory = reported("ivlm/table7").set_index(["method", "backbone"])["memory_mib"]
    for backbone, stated in (("ViT-B16", 17.4), ("ViT-L14", 13.7)):
        ratio = memory["CLIP with Decoder", backbone] / memory["CLIP with Linear Probing", backbone]
        assert round(100 * (ratio - 1), 1) == stated and f"{stated} %" in reported("ivlm/table7").attrs["note"]
    odd = []
    for row in reported("ivlm/table8").to_dict("records"):
        assert abs(row["gpu_hours"] * row["power_w"] / 1000 - row["energy_kwh"]) < 0.01
        assert abs(row["energy_kwh"] * 0.544 - row["carbon_kg"]) < 0.01
        if abs(row["gpu_hours"] - 8192 * row["seconds_per_step"] / 3600) > 8192 * 0.005 / 3600 + 0.005:
            odd.append((row["method"], row["backbone"]))
            assert row["note"]
    assert odd == [("Two-Stage Algorithms", "ViT-L14"), ("CoOp(1-shot, M=16)", "ViT-B16")]


def test_statistics_of_ivlm_against_the_public_lists(shared_data):
    lists = {
        "ImageNet-LT": ("ImageNet_LT", "ImageNet_LT_test"),
        "Places-LT": ("Places_LT", "Places_LT_test"),
        "iNaturalist18": ("iNaturalist18", "iNaturalist18_val"),
    }

    def lines(folder: str, name: str) -> int:
        with gzip.open(shared_data / "splits" / folder / f"{name}.txt.gz", "rt") as file:
            return sum(1 for _ in file)

    for row in reported("ivlm/tableB1").to_dict("records"):
        folder, test = lists[row["dataset"]]
        assert (lines(folder, test) != row["test_images"]) == (row["flag"] == "lists"), row
        if folder != "iNaturalist18":  # its training list is not public here
            counts = real_counts(shared_data, folder)
            assert (len(counts), counts.sum()) == (row["classes"], row["train_images"])
    assert (lines("Places_LT", "Places_LT_val"), lines("Places_LT", "Places_LT_test")) == (7300, 36500)


def test_accuracies_on_places_are_no_shares_of_7300_images():
    printed = [row["overall"] for row in cells("ivlm/table3")]
    assert all(is_share(number, 36500) for number in printed)
    assert [number for number in printed if not is_share(number, 7300)][0] == "37.69"
    assert sum(not is_share(number, 7300) for number in printed) == 7, "37.69 and six more, as the note says"


# ---- VL-LTR


def test_every_table_of_vl_ltr_is_there():
    assert {f"vl_ltr/table{i}" for i in (1, 2, 3, 4, 6, 7, 8, 9, 10)} | {"vl_ltr/figure6", "vl_ltr/figure8"} <= set(
        NAMES
    )


@pytest.mark.parametrize("table", ["table1", "table2", "table3"])
def test_main_rows_of_vl_ltr_are_those_of_its_text(texts, table):
    text = re.sub(r" \[\d+\]", "", texts["vl_ltr"]).replace("τ -", "tau-").replace("ResNet50*", "ResNet-50*")
    block = text[: text.index(f"Table {table[-1]}: Results on")]
    for row in cells(f"vl_ltr/{table}"):
        numbers = [row[name].replace("nan", "-") for name in ("overall", *GROUPS) if name in row]
        method = row["method"] + (" (ours)" if row["method"].startswith("VL-LTR") else "")
        star = "*" if row["weights"] else ""
        assert f"\n{method} {row['backbone']}{star} {' '.join(numbers)}\n" in block, row
    starred = [row for row in cells(f"vl_ltr/{table}") if row["weights"]]
    assert [row["key"] for row in starred if row["backbone"] == "ResNet-50"] == [
        "ncm", "crt", "tau", "lws", "zero_shot", "baseline", "vl_ltr"
    ]  # fmt: skip


def test_other_rows_of_vl_ltr_are_those_of_its_text(texts):
    text = texts["vl_ltr"]
    for row in cells("vl_ltr/table6"):
        numbers = " ".join(row[name] for name in ("m_min", "m_max", "m_mean", "m_med", "l_avg"))
        assert re.search(rf"^{row['dataset'].replace('18', ' 2018')} \[\d+\] {numbers}$", text, re.MULTILINE)
    for row in cells("vl_ltr/table7"):
        name = row["method"] + (" (ours)" if row["key"] == "vl_ltr" else "")
        assert f"\n{name} {row['gflops']} {row['ms']}\n" in text
    for table, column in (("table8", "method"), ("table9", "lambda"), ("table10", "text")):
        for row in cells(f"vl_ltr/{table}"):
            printed = " ".join(row[name] for name in ("overall", *GROUPS))
            name = re.escape(row[column])
            assert re.search(rf"^.*{name}( \(ours\))? {printed}$", text, re.MULTILINE), (table, row)
    ticks = {"yes": "✓", "no": "-"}
    for row in cells("vl_ltr/table4"):
        stages = {"none": "- -", "without distillation": "✓ -", "with distillation": "- ✓"}[row["pretraining"]]
        line = (
            f"{row['number']} {ticks[row['clip_weights']]} {stages} {row['head']} {row['selection']} {row['overall']}"
        )
        assert f"\n{line}\n" in text
    printed = re.findall(r"#=\s*(\d+\.\d+)\)", text)  # some stand behind the end of a line
    assert sorted(row["l_lin"] for row in cells("vl_ltr/figure8")) == sorted(printed)


def test_rows_of_vl_ltr_that_repeat_each_other_agree():
    ours = reported("vl_ltr/table1").set_index("key").loc[["zero_shot", "baseline", "vl_ltr"], ["overall", *GROUPS]]
    eight = reported("vl_ltr/table8").set_index("key").loc[["zero_shot", "baseline", "vl_ltr"], ["overall", *GROUPS]]
    assert ours.equals(eight)
    for table, row in (("table9", "logits_0_5"), ("table10", "wiki_prompt")):
        assert list(reported(f"vl_ltr/{table}").set_index("key").loc[row, ["overall", *GROUPS]]) == list(ours.iloc[2])
    four = reported("vl_ltr/table4").set_index("key")["overall"]
    assert four["vl_ltr"] == ours.loc["vl_ltr", "overall"]
    assert four["no_distillation"] == published("03_vl_ltr/table9/none/overall"), "lambda 0 there means no distillation"


def test_sum_flags_of_vl_ltr_are_its_own_rows_and_two_quoted_ones():
    rows = [row for name in NAMES if name.startswith("vl_ltr/") for row in cells(name) if "sum" in row["flag"].split()]
    own = [row for row in rows if not row.get("method", "VL-LTR").startswith(("ResLT", "OLTR"))]
    assert len(rows) - len(own) == 2
    assert all(row.get("method", "VL-LTR") == "VL-LTR" for row in own)
    trained = [row for i in (1, 2) for row in cells(f"vl_ltr/table{i}") if row["method"] == "VL-LTR"]
    assert all(row["flag"] == "sum" for row in trained), "another rule for the overall than for the groups"
