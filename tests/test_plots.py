"""Charts: what is drawn (counts, heights, order, labels), never where t-SNE puts a point."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
import unicodedata
import warnings

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb
from matplotlib.container import BarContainer
from matplotlib.patches import ConnectionPatch
from PIL import Image

from ltnb import plots
from ltnb.critters.naming import Answers
from ltnb.data.longtail import shot_groups
from ltnb.plots._labels import FONT, _letters, drawable, fonts, sentence
from ltnb.plots.before_after import GAP
from ltnb.plots.style import GROUP_COLOURS, PALETTE
from ltnb.regime import Regime
from ltnb.training import History

COUNTS = np.array([5, 300, 40, 150, 40, 12, 7, 90, 101])
ORDER = [1, 3, 8, 7, 2, 4, 5, 6, 0]  # larger first, equal counts by index
GROUPS = shot_groups(COUNTS)
NAMES = [f"name {i}" for i in range(9)]
METRICS = ("overall", "many", "medium", "few")


@pytest.fixture(autouse=True)
def quiet_and_clean(capfd):
    """No chart may warn, print, change matplotlib's settings or leave a figure with pyplot."""
    before = dict(matplotlib.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert dict(matplotlib.rcParams) == before
    assert capfd.readouterr() == ("", "")
    assert not matplotlib._pylab_helpers.Gcf.figs


def png(figure) -> np.ndarray:
    """The picture a notebook would show; it must not be blank."""
    pixels = np.asarray(Image.open(io.BytesIO(figure._repr_png_())).convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10
    return pixels


def bars(ax) -> list:
    return sorted(
        (patch for box in ax.containers if isinstance(box, BarContainer) for patch in box), key=lambda b: b.get_x()
    )


def legend(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def ticks(ax) -> list[str]:
    return [text.get_text() for text in ax.get_xticklabels()]


def test_import_is_light():
    script = "import sys, ltnb.plots, ltnb.papers; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "seaborn", "sklearn", "pandas"} & set(out)


def test_group_colours_stay_apart_for_colour_blind_readers():
    # Machado et al. 2009, severity 1, on linear RGB; distances in CIE Lab, where about 2 is just noticeable
    kinds = {
        "none": np.eye(3),
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    }
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

    def lab(colour, kind):
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        xyz = to_xyz @ np.clip(np.array(kinds[kind]) @ linear, 0, 1) / np.array([0.9505, 1.0, 1.089])
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])

    for kind in kinds:
        for a, b in itertools.combinations(GROUP_COLOURS.values(), 2):
            assert np.linalg.norm(lab(a, kind) - lab(b, kind)) > 15, (kind, a, b)
    assert len(set(PALETTE)) == len(PALETTE) == 8


def test_use_style():
    with matplotlib.rc_context():
        plots.use_style()
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"] == list(PALETTE)
        assert matplotlib.rcParams["axes.spines.top"] is False


def test_class_distribution():
    ax = plots.class_distribution(torch.tensor(COUNTS), GROUPS, class_names=NAMES, title="tail").axes[0]
    drawn = bars(ax)
    assert [bar.get_height() for bar in drawn] == list(COUNTS[ORDER])
    names = ["many"] * 3 + ["medium"] * 3 + ["few"] * 3
    assert [to_hex(bar.get_facecolor()).upper() for bar in drawn] == [GROUP_COLOURS[name] for name in names]
    assert ticks(ax) == [NAMES[i] for i in ORDER]
    assert legend(ax) == ["many (3 classes)", "medium (3 classes)", "few (3 classes)"]
    assert ax.get_yscale() == "log" and ax.get_ylabel() == "training images" and ax.get_title(loc="left") == "tail"
    png(ax.figure)


def test_class_distribution_without_groups_and_with_an_empty_one():
    ax = plots.class_distribution([3, 9, 0], log=False).axes[0]
    assert [bar.get_height() for bar in bars(ax)] == [9, 3, 0]
    assert ax.get_legend() is None and ax.get_yscale() == "linear" and "class" in ax.get_xlabel()
    assert legend(plots.class_distribution([500, 200, 30], shot_groups([500, 200, 30])).axes[0]) == [
        "many (2 classes)",
        "medium (1 classes)",
    ]


def test_thin_bars_stay_visible():
    pixels = png(plots.class_distribution(np.full(1000, 700)))
    assert (pixels == np.array([0, 0x72, 0xB2])).all(axis=2).mean() > 0.5


def test_long_names_fit_beside_each_other():
    figure = plots.class_distribution(np.arange(1, 61), class_names=[f"mottled beetle {i}" for i in range(60)])
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert all(left.x1 <= right.x0 + 1 for left, right in itertools.pairwise(boxes))
    assert all(box.y0 >= 0 for box in boxes)


def test_per_class_gain():
    gain = np.array([1.0, -2.0, 3.0, 4.0, -5.0, np.nan, 7.0, 8.0, 9.0])
    ax = plots.per_class_gain(gain, COUNTS, GROUPS, class_names=NAMES).axes[0]
    known = [i for i in ORDER if i != 5]
    assert [bar.get_height() for bar in bars(ax)] == list(gain[known])
    assert [round(bar.get_x() + bar.get_width() / 2) for bar in bars(ax)] == [0, 1, 2, 3, 4, 5, 7, 8]
    means = {name: float(np.nanmean(gain[mask])) for name, mask in GROUPS.items()}
    assert legend(ax) == [f"{name}: mean {value:+.1f}" for name, value in means.items()]
    flat = [line.get_ydata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1]
    assert flat == pytest.approx([*means.values(), 0.0])
    assert ticks(ax) == [NAMES[i] for i in ORDER] and "points" in ax.get_ylabel()
    png(ax.figure)


def test_groups_of_other_counts_stay_together():
    """At imbalance 10 the groups keep other counts: many still stands before few."""
    groups = {"many": np.array([0, 1, 0], bool), "medium": np.array([0, 0, 1], bool), "few": np.array([1, 0, 0], bool)}
    ax = plots.per_class_gain([1.0, 2.0, 3.0], [90, 50, 60], groups).axes[0]
    assert [bar.get_height() for bar in bars(ax)] == [2.0, 3.0, 1.0]


def test_pictures_stand_over_the_bars_from_the_largest_class_to_the_smallest():
    counts = [5, 300, 40, 120]
    red, blue = np.zeros((8, 8, 3), np.uint8), torch.zeros(3, 8, 8, dtype=torch.uint8)
    red[..., 0], blue[2] = 200, 100
    figure = plots.class_distribution(counts, shot_groups(counts), pictures={2: red, 1: blue}, title="t")
    figure.draw_without_rendering()
    (ax,) = figure.axes
    first, second = (child for child in ax.child_axes)
    assert first.images[0].get_array()[0, 0].tolist() == [0, 0, 100]  # class 1 has most
    assert second.images[0].get_array()[0, 0].tolist() == [200, 0, 0]
    boxes = [inset.get_window_extent() for inset in (first, second)]
    assert boxes[0].x1 < boxes[1].x0 and boxes[0].width == pytest.approx(boxes[0].height, rel=0.02)
    lines = [patch for patch in ax.patches if isinstance(patch, ConnectionPatch)]
    assert [line.xy2 for line in lines] == [(0, 300), (2, 40)]
    with pytest.raises(ValueError, match=r"pictures must be of classes 0\.\.3, got 4"):
        plots.class_distribution(counts, pictures={4: red})


def test_similarity_map_frames_the_largest_of_each_row():
    values = np.array([[0.1, 0.5, -0.2], [0.7, 0.0, 0.3]])
    pictures = [np.zeros((6, 6, 3), np.uint8)] * 2
    figure = plots.similarity_map(torch.from_numpy(values), pictures, ["a red cat", "b", "c" * 30], title="cosines")
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.texts] == ["0.10", "0.50", "-0.20", "0.70", "0.00", "0.30"]
    assert {(round(p.get_x()), round(p.get_y())) for p in ax.patches} == {(1, 0), (0, 1)}
    assert [label.get_text().replace("\n", " ") for label in ax.get_xticklabels()][0] == "a red cat"
    assert len(ax.child_axes) == 2
    png(figure)
    for wrong in (values[:1], values * np.nan, values.T):
        with pytest.raises(ValueError, match=r"similarities must be finite, of shape \(2, 3\)"):
            plots.similarity_map(wrong, pictures, ["a", "b", "c"])


def test_before_after_has_a_block_a_model_and_frames_that_say_right_or_wrong():
    picture = np.zeros((4, 4, 3), np.uint8)
    rows = [[(picture, True), (picture, False)], [(picture, None), (picture, True)]]
    figure = plots.before_after(["red", "a netted snail"], {"CLIP": rows, "tuned": rows}, title="found")
    ax = figure.axes[0]
    assert len(ax.images) == 8
    assert [patch.get_linestyle() for patch in ax.patches] == ["-", "--", "-"] * 2
    assert [label.get_text() for label in ax.get_yticklabels()] == ["red", "a netted snail"]
    starts = [image.get_extent()[0] for image in ax.images]
    assert starts[4] - starts[0] == pytest.approx(2 + GAP), "the second block begins after the first and a gap"
    png(figure)
    for words, found in (([], {"CLIP": []}), (["a"], {}), (["a"], {"CLIP": rows}), (["a", "b"], {"x": [rows[0], []]})):
        with pytest.raises(ValueError, match="found must hold"):
            plots.before_after(words, found)


def test_modalities_show_some_classes_and_cross_out_what_is_misjudged():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), np.arange(30) % 3
    texts, text_y = rng.normal(size=(60, 4)), np.arange(60) % 3
    wrong = np.arange(30) < 6
    figure = plots.modalities(x, y, texts, text_y, ["a", "b", "c"], classes=[0, 2], wrong=wrong, texts_per_class=7)
    shown = sum(len(points.get_offsets()) for points in figure.axes[0].collections)
    assert shown == 20 + 2 * 7
    assert legend(figure.axes[0]) == ["a", "c", "picture", "misjudged picture", "sentence"]
    for bad in ({"wrong": wrong[:5]}, {"image_labels": y[:4]}, {"texts": texts[:2]}):
        given = {"images": x, "image_labels": y, "texts": texts, "text_labels": text_y, "wrong": wrong} | bad
        with pytest.raises(ValueError, match="must be of one length"):
            plots.modalities(**given, class_names=["a", "b", "c"], classes=[0, 1])


def test_a_schematic_has_its_boxes_in_place_and_arrows_between_their_borders():
    boxes = {"pictures": (0, 0, "data"), "tower": (1, 0, "frozen"), "head": (1, 1.5, "trained")}
    assert legend(plots.schematic({**boxes, "nearest": (2, 0, "rule")}, []).axes[0])[-1] == "rule"
    figure = plots.schematic(boxes, [("pictures", "tower"), ("tower", "head", "(N, D)")], title="method")
    ax = figure.axes[0]
    texts = {text.get_text(): text.get_position() for text in ax.texts if text.get_text()}
    assert texts["pictures"] == (0, 0) and texts["tower"] == (2.3, 0) and texts["head"] == (2.3, -1.5)
    assert texts["(N, D)"] == pytest.approx((2.3, -0.75))
    frames = {
        tuple(np.round([p.get_x() + p.get_width() / 2, p.get_y() + p.get_height() / 2], 6)): p for p in ax.patches[:3]
    }
    assert frames[2.3, 0].get_linestyle() == "--" and frames[2.3, -1.5].get_linewidth() > 2
    arrows = [(text.xyann, text.xy) for text in ax.texts if getattr(text, "arrow_patch", None)]
    (start, end), (top, bottom) = arrows
    assert start[1] == end[1] == 0 and 0.85 <= start[0] < end[0] <= 2.3 - 0.85
    assert top[0] == bottom[0] == 2.3 and -0.31 >= top[1] > bottom[1] >= -1.5 + 0.31
    assert legend(ax) == ["data", "frozen", "trained"]
    png(figure)


def test_pictures_stand_left_of_their_box_in_two_rows_above_their_captions():
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    shown = [(picture, "$1"), (picture, "2"), (picture, "3")]
    figure = plots.schematic({"batch": (1, 0.5, "data"), "other": (0, 2, "data")}, [], pictures={"batch": shown})
    ax = figure.axes[0]
    places = np.array([image.get_extent() for image in ax.images])  # left, right, bottom, top
    assert len(places) == 3 and (places[:, 1] <= 2.3 - 0.85).all() and places[0, 1] <= places[1, 0]
    assert places[0, 0] == places[2, 0] and places[0, 2] > -0.5 > places[2, 3] - 0.01
    for text, (left, right, bottom, _) in zip("123", places, strict=True):
        (word,) = [word for word in ax.texts if word.get_text().replace("$", "") == text]
        assert left < word.get_position()[0] < right and word.get_position()[1] < bottom
    assert ax.get_xlim()[0] < places[:, 0].min() and ax.get_aspect() == "auto"
    png(figure)
    with pytest.raises(ValueError, match="box of pictures must be one of .*'batsh'"):
        plots.schematic({"batch": (0, 0, "data")}, [], pictures={"batsh": shown})


@pytest.mark.parametrize(
    ("boxes", "arrows", "message"),
    [
        ({}, [], "boxes must hold at least one"),
        ({"a": (0, 0, "data")}, [("a", "b")], "arrows must join boxes .*'a'.*, got 'b'"),
        ({"a": (0, 0, "magic")}, [], "kind of 'a' must be one of"),
    ],
)
def test_a_schematic_that_cannot_be_drawn(boxes, arrows, message):
    with pytest.raises(ValueError, match=message):
        plots.schematic(boxes, arrows)


def test_tsne_embedding():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6)) + np.repeat(np.eye(4, 6) * 20, 10, axis=0)
    points = plots.tsne_embedding(torch.from_numpy(x), seed=3)
    assert points.shape == (40, 2) and points.dtype == np.float32 and np.isfinite(points).all()
    assert np.array_equal(points, plots.tsne_embedding(x, seed=3))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + np.eye(40) * 1e9
    assert (apart.argmin(axis=1) // 10 == np.arange(40) // 10).all(), "far clusters stay clusters"


def test_tsne_draws_every_point_and_names_the_classes_that_occur():
    labels = np.array([4, 1, 1, 4, 7, 7, 7])
    points = np.arange(14.0).reshape(7, 2)
    ax = plots.tsne(None, labels, NAMES, embedding=points, title="t").axes[0]
    assert legend(ax) == ["name 1", "name 4", "name 7"]
    assert [len(cloud.get_offsets()) for cloud in ax.collections] == [2, 2, 3]
    assert np.array_equal(np.asarray(ax.collections[1].get_offsets()), points[labels == 4])
    assert len({to_hex(cloud.get_facecolor()[0]) for cloud in ax.collections}) == 3
    png(ax.figure)


def test_tsne_of_kinds_has_a_marker_a_kind_and_a_colour_a_class():
    points, labels = np.arange(12.0).reshape(6, 2), [1, 1, 4, 4, 4, 1]
    kinds = ["picture", "sentence", "picture", "sentence", "sentence", "picture"]
    ax = plots.tsne(None, labels, NAMES, kinds=kinds, embedding=points).axes[0]
    assert legend(ax) == ["name 1", "name 4", "picture", "sentence"]
    clouds = [cloud for cloud in ax.collections if len(cloud.get_offsets())]
    look = {
        tuple(point): (to_hex(cloud.get_facecolor()[0]), cloud.get_paths()[0].vertices.tobytes())
        for cloud in clouds
        for point in np.asarray(cloud.get_offsets()).tolist()
    }
    looks = [look[tuple(point)] for point in points.tolist()]
    for i, j in itertools.combinations(range(6), 2):
        assert (looks[i][0] == looks[j][0]) == (labels[i] == labels[j])
        assert (looks[i][1] == looks[j][1]) == (kinds[i] == kinds[j])
    png(ax.figure)
    with pytest.raises(ValueError, match=r"kinds must be 6 texts like labels, got shape \(2,\)"):
        plots.tsne(None, labels, NAMES, kinds=["a", "b"], embedding=points)
    with pytest.raises(ValueError, match="kinds must be at most 4 different ones, got 6"):
        plots.tsne(None, labels, NAMES, kinds=list("abcdef"), embedding=points)


def test_purity_looks_at_directions_and_not_at_itself():
    x = np.array([[1.0, 0.1], [50.0, 6.0], [0.0, 2.0], [0.1, 9.0], [-1.0, 0.0]])
    assert plots.neighbour_purity(x, [0, 0, 1, 1, 1]) == 100.0
    assert plots.neighbour_purity(torch.from_numpy(x), torch.tensor([0, 0, 1, 1, 0])) == 80.0
    assert plots.neighbour_purity(x[:2], [0, 1]) == 0.0
    with pytest.raises(ValueError, match="N >= 2 and labels"):
        plots.neighbour_purity(x, [0, 1])


def test_tsne_panels_cross_out_errors_and_tell_purity():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4)) + 30 * np.repeat(np.eye(3, 4), 4, axis=0), np.repeat([0, 1, 2], 4)
    wrong = np.arange(12) == 5
    figure = plots.tsne_panels({"before": (x[::-1], ~wrong), "after": (torch.from_numpy(x), wrong)}, y, NAMES)
    before, after = figure.axes
    assert after.get_title(loc="left") + after.get_title() == "after\nneighbour of the same class: 100 %"
    crosses = [len(ax.collections[-1].get_offsets()) for ax in (before, after)]
    assert crosses == [11, 1] and before.get_legend() is None
    assert legend(after) == [*NAMES[:3], "taken for another class"]
    clouds = np.concatenate([cloud.get_offsets() for cloud in after.collections[:-1]])
    assert np.allclose(after.collections[-1].get_offsets()[0], clouds[5])
    png(figure)
    for spaces, message in (({}, "spaces must hold"), ({"a": (x, y)}, "wrong must be a bool mask")):
        with pytest.raises(ValueError, match=message):
            plots.tsne_panels(spaces, y, NAMES)


def test_sixty_classes_have_sixty_looks_and_fit():
    figure = plots.tsne(
        None, np.arange(60), [f"mottled beetle {i}" for i in range(60)], embedding=np.random.rand(60, 2)
    )
    ax = figure.axes[0]
    looks = {(to_hex(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in ax.collections}
    assert len(looks) == 60 and len(legend(ax)) == 60
    figure.draw_without_rendering()
    box = ax.get_legend().get_window_extent()
    assert figure.bbox.contains(box.x0, box.y0) and figure.bbox.contains(box.x1, box.y1)
    assert not plots.tsne(None, [0, 1], ["a", "b"], embedding=np.eye(2), legend=False).axes[0].get_legend()


def test_loss_curves():
    history = History(step_loss=[4.0, 3.0, 2.0, 1.0], train_loss=[3.5, 1.5], val_score=[40.0, 60.0])
    figure = plots.loss_curves({"A": history, "B": history.to_dict(), "C": [3.0, 2.0, 1.0]}, title="phases")
    first, second = figure.axes
    assert [line.get_ydata().tolist() for line in first.lines] == [[3.5, 1.5], [3.5, 1.5], [3.0, 2.0, 1.0]]
    assert [line.get_ydata().tolist() for line in second.lines] == [[40.0, 60.0]] * 2
    assert legend(first) == ["A", "B", "C"] and first.get_xlabel() == "epoch" and "(%)" in second.get_ylabel()
    assert first.lines[0].get_xdata().tolist() == [1, 2]
    png(figure)
    assert len(plots.loss_curves({"C": [3.0, 2.0]}).axes) == 1


def test_loss_curves_that_coincide_are_both_seen():
    ax = plots.loss_curves({f"{i}": [2.0, 1.0] for i in range(12)}).axes[0]
    looks = [(line.get_color(), line.get_linestyle()) for line in ax.lines]
    assert len(set(looks)) == 12 and all(a[1] != b[1] for a, b in itertools.pairwise(looks))


def test_step_curve_is_a_running_mean():
    values = np.random.default_rng(0).normal(size=70)
    ax = plots.loss_curves({"A": {"step_loss": values}}, x="step").axes[0]
    raw, smooth = (line.get_ydata() for line in ax.lines)
    assert np.array_equal(raw, values)
    assert np.allclose(smooth, [np.mean(values[max(0, i - 2) : i + 1]) for i in range(70)]), "70 // 20 = 3 steps"


def test_sweep():
    ys = {"overall": [50.0, 61.04, 55.0], "few": [np.nan, 30.0, 33.0]}
    figure = plots.sweep([0.0, 0.2, 1.0], ys, xlabel="λ", published=(0.2, 67.1), errors={"few": [1.0, 1.0, 1.0]})
    ax = figure.axes[0]
    assert legend(ax) == ["overall: best 61.0 at 0.2", "few: best 33.0 at 1", "paper: best 67.1 at 0.2"]
    stars = [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines if line.get_marker() == "*"]
    assert stars == [(0.2, 61.04), (1.0, 33.0)]
    assert to_hex(ax.lines[0].get_color()).upper() == GROUP_COLOURS["overall"] and len(ax.collections) == 1
    assert ax.get_xlabel() == "λ" and ax.get_ylabel() == "accuracy (%)"
    png(figure)
    assert legend(plots.sweep([0, 1], {"a": [1, 2]}, xlabel="x", mark_best=False).axes[0]) == ["a"]


def test_regime_curves():
    rows = {
        "real": Regime(59.0, {1: 27.0, 2: 37.0, 5: 49.5}, 1.2),
        "ours": Regime(60.0, {5: 50.0, 1: 30.0, 20: 70.0}, 1.0),
        "worthless": Regime(20.0, {1: 30.0, 2: 40.0}, 0.3),
    }
    ax = plots.regime_curves(rows, title="t").axes[0]
    drawn = [line for line in ax.lines if line.get_linestyle() == "-"]
    levels = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata().tolist() for line in drawn] == [[1, 2, 5], [1, 5, 20], [1, 2]]
    assert [line.get_ydata().tolist() for line in drawn] == [[27.0, 37.0, 49.5], [30.0, 50.0, 70.0], [30.0, 40.0]]
    assert [set(line.get_ydata()) for line in levels] == [{59.0}, {60.0}, {20.0}]
    looks = [[(line.get_color(), line.get_marker()) for line in lines] for lines in (drawn, levels)]
    assert looks[0] == looks[1] and len({c for c, _ in looks[0]}) == len({m for _, m in looks[0]}) == 3
    (ring,) = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert (*ring.get_xdata(), *ring.get_ydata()) == pytest.approx((10.0, 60.0))  # half way from 5 to 20, on a log axis
    assert [line.replace("\n", " ") for line in legend(ax)[:3]] == [
        "real: more than 5 pictures",
        "ours: about 10 pictures",
        "worthless: less than 1 picture",
    ]
    assert ax.get_legend().get_title().get_text() == "A name is worth"
    assert ax.get_xscale() == "log" and ticks(ax) == ["1", "2", "5", "20"] and ax.get_ylabel() == "accuracy (%)"
    left, right = ax.get_xlim()
    assert left < 1 and right > 20
    png(ax.figure)


def test_gains_by_source_are_means_with_students_intervals():
    """Against scipy's own interval."""
    from scipy import stats

    seeds = [1.0, 2.0, 4.0]
    figure = plots.gains_by_source({"paper": {"a": [3.0], "b": [-1.0]}, "standard": {"b": seeds}}, title="t")
    ax = figure.axes[0]
    paper, standard = ax.containers
    assert paper.lines[0].get_xdata().tolist() == [3.0, -1.0] and not paper.has_xerr
    low, high = stats.t.interval(0.95, 2, np.mean(seeds), stats.sem(seeds))
    (bar,) = standard.lines[2][0].get_segments()
    assert bar[:, 0] == pytest.approx([low, high])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    assert [round(y) for y in paper.lines[0].get_ydata()] == [0, 1]
    assert paper.lines[0].get_marker() != standard.lines[0].get_marker()


def test_gain_intervals_are_means_and_bootstraps_over_classes():
    rng = np.random.default_rng(0)
    counts = np.repeat([300, 50, 5], 40)
    groups = shot_groups(counts)
    up, noisy = np.where(counts < 20, 10.0, 0.0), rng.normal(3.0, 8.0, 120)
    noisy[0] = np.nan
    figure = plots.gain_intervals({"up": up, "noisy": noisy}, groups, kinds={"up": "one", "noisy": "other"})
    titles = ["all (120 classes)", "many (40 classes)", "medium (40 classes)", "few (40 classes)"]
    assert [ax.get_title(loc="left") for ax in figure.axes] == titles
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["up", "noisy"]
    for ax, mask in zip(figure.axes, [np.ones(120, bool), *(groups[g] for g in METRICS[1:])], strict=True):
        points = [line for line in ax.lines if line.get_marker() in ("o", "s")]
        means = sorted(float(x) for line in points for x in line.get_xdata() if np.isfinite(x))
        expected = sorted([up[mask].mean(), np.nanmean(noisy[mask])])
        assert means == pytest.approx(expected)
        (bar,) = [line.get_xdata() for line in ax.lines if list(line.get_ydata()) == [1, 1]]
        known = noisy[mask][np.isfinite(noisy[mask])]
        assert np.ptp(bar) / 2 == pytest.approx(1.96 * known.std(ddof=1) / len(known) ** 0.5, rel=0.2)
    ends = [ax.get_xlim() for ax in plots.gain_intervals({"up": up, "noisy": noisy}, groups, one_scale=True).axes]
    own = [ax.get_xlim() for ax in figure.axes]
    assert len(set(own)) > 1 and set(ends) == {(min(low for low, _ in own), max(high for _, high in own))}
    single = plots.gain_intervals({"a": np.array([1.0, np.nan, 2.0])}, shot_groups([300, 50, 3]))
    assert len(single.axes) == 4 and not single.axes[0].get_legend()


def test_answer_intervals_are_shares_and_bootstraps_over_pictures():
    rng = np.random.default_rng(0)
    answers = {"often": rng.random(400) < 0.8, "seldom": rng.random(100) < 0.3}
    rows = {name: Answers(right, chance) for (name, right), chance in zip(answers.items(), (50.0, 12.5), strict=True)}
    figure = plots.answer_intervals(rows, kinds={"often": "a", "seldom": "b"})
    (ax,) = figure.axes
    png(figure)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(answers)
    (chance,) = [line for line in ax.lines if line.get_gid() == "chance"]
    assert (chance.get_xdata().tolist(), list(chance.get_ydata())) == ([50.0, 12.5], [0, 1])
    points = [x for line in ax.lines if line.get_marker() in ("o", "s") for x in line.get_xdata() if np.isfinite(x)]
    assert sorted(points) == pytest.approx(sorted(100 * right.mean() for right in answers.values()))
    for place, right in enumerate(answers.values()):
        (bar,) = [line.get_xdata() for line in ax.lines if list(line.get_ydata()) == [place, place]]
        assert np.ptp(bar) / 2 == pytest.approx(196 * right.std(ddof=1) / len(right) ** 0.5, rel=0.2)
    assert [text.get_text() for text in ax.texts] == [f"{100 * right.mean():.0f}" for right in answers.values()]
    assert legend(ax) == ["a", "b", "guessing"]
    single = plots.answer_intervals({"all right": Answers(np.ones(3, dtype=bool), 50.0)})
    assert legend(single.axes[0]) == ["right", "guessing"]
    near = {name: Answers(np.arange(100) < share, 50.0) for name, share in {"over": 52, "under": 49, "far": 80}.items()}
    asides = [np.sign(text.get_position()[0]) for text in plots.answer_intervals(near).axes[0].texts]
    assert asides == [1, -1, 0]  # beside the mark of guessing, not on it


def test_image_grid():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (5, 3, 3, 8), dtype=np.uint8)
    forms = [
        torch.from_numpy(pixels[0]),
        pixels[1].transpose(1, 2, 0),
        Image.fromarray(pixels[2].transpose(1, 2, 0)),
        torch.from_numpy(pixels[3]) / 255,
        pixels[4],
    ]
    figure = plots.image_grid(
        forms, [f"a rather long caption {i}" for i in range(5)], columns=3, correct=[True, False, None, 0, 1]
    )
    assert len(figure.axes) == 6 and not figure.axes[5].images
    for ax, image in zip(figure.axes, pixels, strict=False):
        shown = np.asarray(ax.images[0].get_array(), dtype=np.float64)
        assert np.allclose(shown * (255 if ax is figure.axes[3] else 1), image.transpose(1, 2, 0), atol=1e-4)
    assert [ax.spines["left"].get_visible() for ax in figure.axes] == [True, True, False, True, True, False]
    assert figure.axes[0].spines["left"].get_linestyle() != figure.axes[1].spines["left"].get_linestyle()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[0].startswith("✓") and titles[1].startswith("✗") and titles[2].startswith("a rather")
    assert all(max(map(len, title.split("\n"))) <= 17 for title in titles)
    png(figure)


class Report:
    overall, many, medium, few = 60.0, 70.0, 55.0, None


def test_group_bars():
    reports = {"ours": Report(), "zero-shot": dict(zip(METRICS, (50.0, 51.0, 49.0, float("nan")), strict=True))}
    figure = plots.group_bars(reports, published={"ours": {"overall": 67.2}}, errors={"ours": {"many": 2.0}}, title="t")
    ax = figure.axes[0]
    assert [bar.get_height() for bar in bars(ax)] == [60.0, 70.0, 55.0, 50.0, 51.0, 49.0]
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars(ax)] == [GROUP_COLOURS[g] for g in METRICS[:3]] * 2
    assert legend(ax) == [*METRICS, "paper"] and ticks(ax) == ["ours", "zero-shot"]
    diamonds = np.concatenate([line.get_ydata() for line in ax.lines if line.get_marker() == "D"])
    assert diamonds[np.isfinite(diamonds)].tolist() == [67.2]
    assert [text.get_text() for text in ax.texts] == ["60.0", "50.0", "70.0", "51.0", "55.0", "49.0"]
    assert ax.get_ylabel() == "accuracy (%)"
    png(figure)


def test_values_are_not_written_on_thin_bars():
    values = dict.fromkeys(METRICS, 50.0)
    assert len(plots.group_bars({f"m{i}": values for i in range(3)}).axes[0].texts) == 12
    assert not plots.group_bars({f"m{i}": values for i in range(20)}).axes[0].texts


def test_ax_is_drawn_on():
    figure, axes = plots.panels(2, 3, width=12, height=6)
    assert axes.shape == (2, 3)
    drawn = [
        plots.class_distribution(COUNTS, GROUPS, ax=axes[0, 0]),
        plots.per_class_gain(np.ones(9), COUNTS, GROUPS, ax=axes[0, 1]),
        plots.tsne(None, [0, 1], NAMES, embedding=np.eye(2), ax=axes[0, 2]),
        plots.loss_curves({"a": History(train_loss=[1.0], val_score=[2.0])}, ax=axes[1, 0]),
        plots.sweep([0, 1], {"a": [1, 2]}, xlabel="x", ax=axes[1, 1]),
        plots.group_bars({"a": dict.fromkeys(METRICS, 1.0)}, ax=axes[1, 2]),
    ]
    assert all(answer is figure for answer in drawn) and len(figure.axes) == 6
    png(figure)
    figure, axes = plots.panels(1, 2, width=12)
    assert plots.regime_curves({"a": Regime(1.0, {1: 2.0}, 1.0)}, ax=axes[0, 0]) is figure and len(figure.axes) == 2
    png(figure)


def test_same_call_same_bytes():
    first, second = (plots.per_class_gain(np.arange(9.0), COUNTS, GROUPS)._repr_png_() for _ in range(2))
    assert first == second and len(first) < 100_000


def test_save(tmp_path):
    figure = plots.class_distribution(COUNTS, GROUPS)
    path = tmp_path / "new" / "chart.png"
    plots.save(figure, path)
    plots.save(figure, str(path), dpi=50)
    with Image.open(path) as written:
        assert written.format == "PNG" and written.size == (350, 170)
    assert [file.name for file in path.parent.iterdir()] == ["chart.png"], "no temporary file is left"
    old = path.read_bytes()
    figure.savefig = lambda *a, **k: (_ for _ in ()).throw(OSError("disk full"))
    with pytest.raises(OSError, match="disk full"):
        plots.save(figure, path)
    assert path.read_bytes() == old and len(list(path.parent.iterdir())) == 1
    with pytest.raises(ValueError, match=r"path must end in \.png, got 'chart\.svg'"):
        plots.save(figure, "chart.svg")


BAD = {
    "no counts": (lambda: plots.class_distribution([]), "class_counts"),
    "negative": (lambda: plots.class_distribution([3, -1]), "class_counts .*-1"),
    "names": (lambda: plots.class_distribution([3, 1], class_names=["a"]), "class_names must have 2 entries, got 1"),
    "keys": (lambda: plots.class_distribution([3], {"many": np.array([True])}), "groups must have the keys"),
    "mask": (lambda: plots.class_distribution([3, 1], {g: np.array([True]) for g in METRICS[1:]}), r"groups\['many'\]"),
    "twice": (lambda: plots.class_distribution([3], {g: np.array([True]) for g in METRICS[1:]}), "class 0 in 3 groups"),
    "gain": (lambda: plots.per_class_gain([1.0], COUNTS, GROUPS), r"gain must have shape \(9,\)"),
    "few rows": (lambda: plots.tsne_embedding(np.eye(3)), r"N >= 4 and D >= 2, got shape \(3, 3\)"),
    "nan": (lambda: plots.tsne_embedding(np.full((9, 2), np.nan)), "features must be finite"),
    "constant": (
        lambda: plots.tsne_embedding(np.full((9, 2), 0.1)),
        "at least two distinct rows, got 9 that are equal",
    ),
    "tiny spread": (lambda: plots.tsne_embedding(np.eye(9) * 1e-30), "at least two distinct rows"),
    "perplexity": (lambda: plots.tsne_embedding(np.eye(9), perplexity=9), "perplexity must lie between 0 and .* 9"),
    "label": (lambda: plots.tsne(None, [9], NAMES, embedding=np.eye(2)[:1]), r"labels must be in 0\.\.8, got 9"),
    "embedding": (lambda: plots.tsne(None, [0, 1], NAMES, embedding=np.eye(3)), r"embedding must have shape \(2, 2\)"),
    "histories": (lambda: plots.loss_curves({}), "histories must hold at least one"),
    "no losses": (lambda: plots.loss_curves({"a": History()}), "got none for 'a'"),
    "history": (lambda: plots.loss_curves({"a": 3}), "got int"),
    "axis": (lambda: plots.loss_curves({"a": [1.0]}, x="hour"), "x must be one of 'epoch', 'step', got 'hour'"),
    "lengths": (lambda: plots.sweep([0, 1], {"a": [1]}, xlabel="x"), r"ys\['a'\] must hold 2 values"),
    "all nan": (lambda: plots.sweep([0], {"a": [np.nan]}, xlabel="x"), "at least one of them finite"),
    "no lines": (lambda: plots.sweep([0], {}, xlabel="x"), "ys must hold at least one line"),
    "no rows": (lambda: plots.regime_curves({}), "regimes must hold at least one row"),
    "no means": (lambda: plots.regime_curves({"a": Regime(1.0, {}, 1.0)}), r"regimes\['a'\] must have class means"),
    "nan row": (lambda: plots.regime_curves({"a": Regime(np.nan, {1: 2.0}, 1.0)}), r"regimes\['a'\] .* finite"),
    "no source": (lambda: plots.gains_by_source({"a": {}}), "gains must hold at least one method"),
    "gain of a seed": (lambda: plots.gains_by_source({"a": {"b": [np.nan]}}), r"gains\['a'\]\['b'\] must be finite"),
    "no gains": (lambda: plots.gain_intervals({}, GROUPS), "gains must hold at least one method"),
    "gain rows": (
        lambda: plots.gain_intervals({"a": np.zeros(9), "b": np.zeros(8)}, GROUPS),
        r"gains\['b'\] must be 9 numbers",
    ),
    "no gain": (lambda: plots.gain_intervals({"a": np.full(9, np.nan)}, GROUPS), "at least one of them finite"),
    "kinds": (lambda: plots.gain_intervals({"a": np.zeros(9)}, GROUPS, kinds={}), "kinds must name .* none of 'a'"),
    "no questions": (lambda: plots.answer_intervals({}), "answers must hold at least one question"),
    "no answers": (
        lambda: plots.answer_intervals({"a": Answers(np.zeros(0, dtype=bool), 1.0)}),
        r"answers\['a'\]\.right must be bool",
    ),
    "shares": (
        lambda: plots.answer_intervals({"a": Answers(np.ones(3), 1.0)}),
        r"answers\['a'\]\.right must be bool .* float64",
    ),
    "kind": (
        lambda: plots.answer_intervals({"a": Answers(np.ones(3, dtype=bool), 1.0)}, kinds={}),
        "kinds must name the kind of every question, got none of 'a'",
    ),
    "no images": (lambda: plots.image_grid([]), "images must hold at least one"),
    "grey": (lambda: plots.image_grid([np.zeros((4, 4))]), r"images\[0\] must be RGB"),
    "range": (lambda: plots.image_grid([np.full((4, 4, 3), 2.0)]), r"images\[0\] must lie in 0\.\.1"),
    "titles": (lambda: plots.image_grid([np.zeros((4, 4, 3))], ["a", "b"]), "titles must have 1 entries"),
    "columns": (lambda: plots.image_grid([np.zeros((4, 4, 3))], columns=0), "columns must be an integer >= 1, got 0"),
    "no methods": (lambda: plots.group_bars({}), "must not be empty, got 0 methods"),
    "stranger": (lambda: plots.group_bars({"a": Report()}, published={"b": {}}), "published must name .* got 'b'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()


# Decision regions ----------------------------------------------------------------------------------------------------

POINTS, LABELS = np.array([[0.0, 0.0], [0.0, 1.0], [4.0, 0.0], [4.0, 1.0], [4.0, 0.5]]), np.array([0, 0, 1, 1, 1])


def halves(grid):
    """Class 1 from x = 3 on."""
    return torch.stack([torch.zeros(len(grid)), torch.from_numpy(grid[:, 0]) - 3.0], dim=1)


def test_regions_are_where_the_classifier_says():
    figure = plots.decision_regions(halves, POINTS, LABELS, title="t")
    (ax,) = figure.axes
    png(figure)
    (mesh,) = [child for child in ax.collections if child.get_array() is not None and child.get_array().size > 1000]
    named = np.asarray(mesh.get_array()).reshape(201, 201)
    low, high = ax.get_xlim()
    x = np.linspace(low, high, 201)
    assert set(np.unique(named)) == {0, 1}
    np.testing.assert_array_equal(named, np.broadcast_to((x > 3.0).astype(int), (201, 201)))
    assert legend(ax) == ["class 0 (2)", "class 1 (3)"]
    assert [to_hex(mesh.get_cmap()(i)).upper() for i in (0, 1)] == list(PALETTE[:2])


def test_regions_of_a_class_that_is_named_nowhere_and_without_a_legend():
    figure = plots.decision_regions(lambda g: np.eye(3)[np.zeros(len(g), int)], POINTS, LABELS, legend=False)
    png(figure)
    assert figure.axes[0].get_legend() is None


def test_the_boundaries_to_aim_at_are_dashed():
    (ax,) = plots.decision_regions(halves, POINTS, LABELS, best=lambda grid: -halves(grid)).axes
    dashed = [each for each in ax.collections if each.get_linestyle()[0][1] is not None]
    assert len(dashed) == 2  # around each class; the regions' own borders are solid


@pytest.mark.parametrize(
    "scores, points, labels, name",
    [
        (halves, POINTS[:, :1], LABELS, "points"),
        (halves, POINTS, LABELS[:3], "points"),
        (halves, POINTS, LABELS + 1, "scores"),
        (halves, POINTS, LABELS - 1, "labels"),
        (halves, POINTS, LABELS + 0.5, "labels"),
        (lambda grid: np.zeros((3, 2)), POINTS, LABELS, "scores"),
        (lambda grid: np.zeros((len(grid), 7)), POINTS, LABELS, "scores"),
        (lambda grid: np.zeros(len(grid)), POINTS, LABELS, "scores"),
    ],
)
def test_bad_regions_are_refused(scores, points, labels, name):
    with pytest.raises(ValueError, match=name):
        plots.decision_regions(scores, points, labels)


# Words of the caller -------------------------------------------------------------------------------------------------

ODD = ("$5 for $6", "_hidden", r"\frac{1}{0}$", "50%_#{x}^~&", "α Ёлка قطة", "tab\there", r"$\nonsense$", "a$", "{")


def flat(x):
    return np.stack([x[:, 0], -x[:, 0], x[:, 1]], axis=1)


def charts(names: tuple[str, ...], text: str) -> dict:
    """Every chart with these names for all that is named, and the text for titles and axes."""
    n, values = len(names), dict.fromkeys(METRICS, 50.0)
    counts = np.arange(1, n + 1) * 30
    groups = shot_groups(counts)
    pictures = [np.zeros((2, 2, 3), np.uint8)] * n
    points = np.random.default_rng(0).normal(size=(n, 2))
    few = list(names[:3])
    return {
        "class_distribution": plots.class_distribution(counts, groups, class_names=names, title=text),
        "per_class_gain": plots.per_class_gain(counts, counts, groups, class_names=names, title=text, ylabel=text),
        "tsne": plots.tsne(None, np.arange(n), names, embedding=points, title=text),
        "tsne_panels": plots.tsne_panels(
            {text: (np.tile(points, (2, 1)), np.arange(2 * n) < 2)}, np.tile(np.arange(n), 2), names
        ),
        "modalities": plots.modalities(
            points, np.arange(n), points + 5, np.arange(n), names, classes=range(n), title=text
        ),
        "loss_curves": plots.loss_curves(
            {name: History(train_loss=[2.0], val_score=[1.0]) for name in names}, title=text, score=text
        ),
        "sweep": plots.sweep([0, 1], {name: [1, 2] for name in names}, xlabel=text, ylabel=text, title=text),
        "image_grid": plots.image_grid(pictures, names, correct=[True] * n, title=text, size=3.0),
        "schematic": plots.schematic(
            {name: (i, 0, "data") for i, name in enumerate(names)}, [(names[0], names[1], text)], title=text
        ),
        "before_after": plots.before_after(
            names, {name: [[(p, True)] for p in pictures] for name in names}, title=text
        ),
        "similarity_map": plots.similarity_map(np.eye(n), pictures, names, title=text),
        "regime_curves": plots.regime_curves({name: Regime(3.0, {1: 2.0, 2: 4.0}, 1.0) for name in names}, title=text),
        "gains_by_source": plots.gains_by_source(
            {name: {name: [1.0, 2.0] for name in names} for name in names}, title=text, xlabel=text
        ),
        "answer_intervals": plots.answer_intervals(
            dict.fromkeys(names, Answers(np.array([True, False]), 8.3)),
            kinds=dict(zip(names, names, strict=True)),
            title=text,
            xlabel=text,
        ),
        "gain_intervals": plots.gain_intervals(
            dict.fromkeys(names, counts), groups, kinds=dict(zip(names, names, strict=True)), title=text, xlabel=text
        ),
        "group_bars": plots.group_bars(dict.fromkeys(names, values), title=text, ylabel=text),
        "group_bars, few": plots.group_bars({"a": dict.fromkeys(few, 5.0)}, groups=few, title=text),
        "decision_regions, few": plots.decision_regions(flat, points[:3], np.arange(3), class_names=few, title=text),
    }


def words(figure) -> str:
    """All that is written in a figure letter by letter, and no mathematics, in one line."""
    figure.draw_without_rendering()
    read = [text._preprocess_math(text.get_text()) for text in figure.findobj(matplotlib.text.Text)]
    return " ".join(" ".join(shown for shown, mathematics in read if not mathematics).split())


def test_every_chart_is_here():
    drawn = {name.partition(",")[0] for name in charts(("a", "b", "c"), "t")}
    helpers = {"GROUP_COLOURS", "PALETTE", "neighbour_purity", "panels", "save", "tsne_embedding", "use_style"}
    assert drawn == set(plots.__all__) - helpers


def test_words_are_shown_as_they_are():
    for name, figure in charts(ODD, "from $5 to $10").items():
        png(figure)
        shown = words(figure)
        for word in ODD[:3] if name.endswith("few") else ODD:
            assert word.replace("\t", " ") in shown, (name, word)
        assert "from $5 to $10" in shown, name


def test_a_name_in_a_legend_may_begin_with_an_underscore():
    assert legend(plots.tsne(None, [0, 1], ["_a", "b"], embedding=np.eye(2)).axes[0]) == ["_a", "b"]
    assert legend(plots.sweep([0, 1], {"_a": [1, 2]}, xlabel="x", mark_best=False).axes[0]) == ["_a"]
    assert legend(plots.loss_curves({"_a": [3.0], "b": [2.0]}).axes[0]) == ["_a", "b"]


@pytest.mark.parametrize(
    "text, shown",
    [
        (r"factor $\lambda$", r"factor $\lambda$"),
        (r"$x_1$ and $x_2$", r"$x_1$ and $x_2$"),
        ("from $5 to $10", r"from \$5 to \$10"),
        (r"$\nonsense$", r"\$\nonsense\$"),
        (r"half $\frac{1}$", r"half \$\frac{1}\$"),
        ("a$", r"a\$"),
        (r"it costs \$5", r"it costs \$5"),
        ("plain_%#", "plain_%#"),
    ],
)
def test_mathematics_in_titles(text, shown):
    assert sentence(text) == shown
    figure = plots.sweep([0, 1], {"a": [1, 2]}, xlabel=text, title=text)
    assert figure.axes[0].get_xlabel() == figure.axes[0].get_title(loc="left") == shown
    png(figure)


RARE = chr(0xE123)  # private use: no font is to have it


def test_letters_that_no_font_has_are_said_once_and_drawn_as_boxes():
    names = tuple(f"{RARE}{chr(0xE200 + i)} {i}\U000e0061\U000e0101" for i in range(3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure = plots.tsne(None, [0, 1, 2], names, embedding=np.random.rand(3, 2))
        png(figure)
    (warning,) = caught
    assert "U+E123, U+E200, U+E201, U+E202;" in str(warning.message) and "Noto" in str(warning.message)
    assert legend(figure.axes[0]) == ["□□ 0", "□□ 1", "□□ 2"]
    assert drawable(["a\x07b\nc"]) == ["a b\nc"]
    with pytest.warns(UserWarning, match=r"U\+D8FF") as caught:
        assert drawable(["x\ud8ff"]) == ["x□"]
    many = "".join(chr(0xE300 + i) for i in range(9))
    with pytest.warns(UserWarning, match=r"U\+E304 and 4 more;"):
        assert drawable([many]) == ["□" * 9]


def test_letters_of_another_font_are_taken_from_it():
    """Two families that come with matplotlib: the second one draws what only it has."""
    only_there = next(
        chr(c) for c in sorted(_letters(("STIXGeneral",)) - _letters((FONT,))) if unicodedata.category(chr(c)) == "So"
    )
    assert fonts()[0] == FONT and "STIXGeneral" in fonts()
    assert drawable([only_there]) == [only_there]
    with pytest.warns(UserWarning, match="no font"):
        assert drawable([only_there], (FONT,)) == ["□"]
    drawn, box = (
        png(plots.sweep([0, 1], {"a": [1, 2]}, xlabel=text, mark_best=False)) for text in (only_there * 9, "□" * 9)
    )
    assert drawn.shape != box.shape or not np.array_equal(drawn, box)
