"""What a named data set would read: one answer for the key of a run, for the doctor, and for the loaders themselves."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ltnb.data import load, torchvision_sets
from ltnb.data.registry import DATASETS, data_stamp, on_disk
from ltnb.runner import doctor
from ltnb.runner.plan import plan_one

PARAMETERS = """seed = 0
out = ""
dataset = "critters_lt"
third_dataset = ""
backbone = "mini-vit"
backbones = ["mini-vit"]
features = ""
corpus = ""
"""


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A stand-in for a clone with one lesson, and neither data nor variables."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ltnb"\n')
    (tmp_path / "notebooks").mkdir()
    cell = {"cell_type": "code", "source": PARAMETERS, "metadata": {"tags": ["parameters"]}, "outputs": []}
    (tmp_path / "notebooks" / "01_x.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LTNB_DATA", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def key(**parameters):
    return plan_one("01_x", parameters, Path("runs")).key


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


def cifar(root, inner="cifar-100-python"):
    folder = root / inner
    folder.mkdir(parents=True)
    content = {"data": np.zeros((400, 3072), np.uint8), "fine_labels": (np.arange(400) % 100).tolist()}
    for name in ("train", "test"):
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [f"k{k}" for k in range(100)]}, protocol=2))
    return {"n_max": 2, "imbalance": 1}


def caltech(root, inner="caltech101/101_ObjectCategories"):
    for name in ("ant", "bee", "Faces"):
        for i in range(10):
            picture(root / inner / name / f"image_{i:04d}.jpg")
    return {"imbalance": 1}


def listed(root, name, pictures):
    prefix = {"imagenet_lt": "ImageNet_LT", "places_lt": "Places_LT", "inat2018": "iNaturalist18"}[name]
    for split in ("train", "val", "test"):
        lines = [f"{split}/{k}/{i}.png {c}" for c, k in enumerate("ab") for i in range(12)]
        (root / prefix).mkdir(parents=True, exist_ok=True)
        (root / prefix / f"{prefix}_{split}.txt").write_text("\n".join(lines))
        for line in lines:
            picture(root / pictures / line.split()[0])
    categories = [{"id": c, "name": name} for c, name in enumerate("ab")]
    names = ("categories.json", json.dumps(categories)) if name == "inat2018" else ("classnames.txt", "a x\nb y\n")
    (root / prefix / names[0]).write_text(names[1])
    return {}


PLACES = [
    ("cifar100_lt", cifar, {}, "cifar-100-python/train"),
    ("cifar100_lt", cifar, {"inner": "cifar100/cifar-100-python"}, "cifar100/cifar-100-python/meta"),
    ("caltech101_lt", caltech, {}, "caltech101/101_ObjectCategories/ant/image_0003.jpg"),
    ("caltech101_lt", caltech, {"inner": "caltech-101/101_ObjectCategories"}, "caltech-101/101_ObjectCategories/bee"),
    ("caltech101_lt", caltech, {"inner": "101_ObjectCategories"}, "101_ObjectCategories/ant/image_0009.jpg"),
    ("imagenet_lt", listed, {"name": "imagenet_lt", "pictures": "ILSVRC2012"}, "ImageNet_LT/ImageNet_LT_val.txt"),
    ("places_lt", listed, {"name": "places_lt", "pictures": "places"}, "Places_LT/classnames.txt"),
    ("inat2018", listed, {"name": "inat2018", "pictures": "inaturalist"}, "iNaturalist18/categories.json"),
    ("inat2018", listed, {"name": "inat2018", "pictures": "."}, "train/a/0.png"),
]


@pytest.mark.parametrize(("name", "make", "how", "part"), PLACES)
def test_what_the_loader_finds_the_doctor_and_the_key_find(project, monkeypatch, name, make, how, part):
    root = project / "data"
    root.mkdir()
    monkeypatch.setenv("LTNB_DATA", str(root))
    assert on_disk(name) == [] and data_stamp(name) is None
    nothing = key(dataset=name)
    keywords = make(root, **how)
    load(name, root=root, **keywords)  # finds them
    states = {finding.what: finding.state for finding in doctor._data() if finding.what.startswith("data ")}
    assert states[f"data {name}"] == "ok"
    assert states["data critters"] == "ok" and sum(state == "ok" for state in states.values()) == 2
    found = on_disk(name, root)
    assert found == on_disk(name) and found[0].is_dir() and all(path.exists() for path in found)
    keys = [nothing, key(dataset=name)]
    assert key(dataset=name) == keys[1]
    target = root / part
    target = target if target.is_file() else sorted(target.iterdir())[0]
    os.utime(target, ns=(1, 1))
    keys.append(key(dataset=name))
    target.write_bytes(target.read_bytes() + b" \n")
    keys.append(key(dataset=name))
    monkeypatch.setenv("LTNB_DATA", str(shutil.copytree(root, project / "elsewhere")))
    keys += [key(dataset=name), key(third_dataset=name)]
    assert len(set(keys)) == len(keys)


def test_a_part_that_is_missing_is_nothing(project):
    listed(project, "places_lt", "places")
    (project / "Places_LT" / "Places_LT_test.txt").unlink()
    assert on_disk("places_lt", project) == []
    for name in ("critters_lt", "mini-vit", "", "a photo of a {}."):
        assert on_disk(name, project) == [] and data_stamp(name, project) is None


def test_every_data_set_that_is_read_from_disk_tells_what(project):
    for name, home in DATASETS.items():
        if home.startswith("ltnb.data."):
            assert on_disk(name, project) == []


def test_what_a_lesson_downloads_does_not_make_its_own_run_stale(project, monkeypatch):
    def fetch(root, download):
        caltech(Path(root))

    monkeypatch.setattr(torchvision_sets, "downloader", lambda name: fetch)
    before = key(dataset="caltech101_lt")
    load("caltech101_lt", imbalance=1)
    folder = on_disk("caltech101_lt")[0]
    assert len(on_disk("caltech101_lt")) > 30 and key(dataset="caltech101_lt") == before
    (folder.parent / "split_zhou_Caltech101.json").write_text("{}")
    beside = key(dataset="caltech101_lt")
    picture(folder / "ant" / "image_9999.jpg")
    assert len({before, beside, key(dataset="caltech101_lt")}) == 3


def test_own_pictures_are_found_where_the_loader_finds_them(project, monkeypatch):
    for name in ("a", "b"):
        for i in range(5):
            picture(project / "data" / "mine" / name / f"{i}.png")
    monkeypatch.setenv("LTNB_DATA", str(project / "data"))
    for parameter in ("dataset", "third_dataset"):
        task = plan_one("01_x", {parameter: "folder:mine"}, Path("runs"))
        assert task.parameters[parameter] == f"folder:{project / 'data' / 'mine'}"
    before = key(dataset="folder:mine")
    (project / "data" / "mine" / "a" / ".DS_Store").touch()  # nothing that is read
    assert key(dataset="folder:mine") == before
    picture(project / "data" / "mine" / "a" / "x.png")
    assert key(dataset="folder:mine") != before
    with pytest.raises(FileNotFoundError, match="parameter 'third_dataset': no such folder: gone"):
        key(third_dataset="folder:gone")


def test_names_that_are_no_utf8_have_a_key(project):
    picture(project / "mine" / "a" / "x.png")
    (project / "mine" / "a" / "x.png").rename(project / "mine" / "a" / os.fsdecode(b"\xe9.png"))
    assert len(key(dataset="folder:mine")) == 64


def test_files_and_folders_behind_parameters_are_part_of_the_key(project):
    (project / "w.pt").write_bytes(b"1")
    (project / "model").mkdir()
    (project / "text" / "wiki").mkdir(parents=True)
    where = {"backbone": ("ViT-B-16:w.pt", "w.pt"), "corpus": ("text", "text/wiki/desc_0.txt")}
    where |= {"backbones": (["mini-vit", "ViT-B-16:w.pt"], "w.pt")}
    for name, (value, file) in where.items():
        before = key(**{name: value})
        (project / file).write_text("changed for " + name)
        assert key(**{name: value}) != before, name
    before = key(backbone="local-dir:model")
    (project / "model" / "open_clip_config.json").write_text("{}")
    assert key(backbone="local-dir:model") != before
    assert str(project) in plan_one("01_x", {"backbone": "local-dir:model"}, Path("runs")).parameters["backbone"]
    assert key(backbone="hf-hub:org/model") == key(backbone="hf-hub:org/model")
    with pytest.raises(FileNotFoundError, match="parameter 'corpus': no such folder: gone"):
        key(corpus="gone")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("NVIDIA_TF32_OVERRIDE", "1"), ("ACCELERATE_MIXED_PRECISION", "bf16"), ("CUDA_VISIBLE_DEVICES", ""),
     ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16"), ("ATEN_CPU_CAPABILITY", "default")],
)  # fmt: skip
def test_variables_that_change_numbers_are_part_of_the_key(monkeypatch, variable, value):
    monkeypatch.delenv(variable, raising=False)
    before = key()
    monkeypatch.setenv(variable, value)
    assert key() != before


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "LTNB_DATA", "CUDA_VISIBLE_DEVICES", "HF_HOME", "TORCH_HOME"])
def test_variables_that_change_none_are_not(monkeypatch, variable):
    before = key()
    monkeypatch.setenv(variable, "3")
    assert key() == before
