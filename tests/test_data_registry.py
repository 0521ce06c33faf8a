"""ltnb.data.load: names, keywords, and the message when a data set is not there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ltnb.data
from ltnb.data import load
from ltnb.data.registry import DATASETS


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("LTNB_DATA", raising=False)


def test_unknown_name_lists_what_there_is():
    with pytest.raises(
        ValueError, match=r"'cifar100-lt' is no data set \(did you mean 'cifar100_lt'\?\); there are critters_lt"
    ):
        load("cifar100-lt")
    with pytest.raises(ValueError, match="name 'zzz' is no data set; there are .*folder:/path"):
        load("zzz")
    for name, shown in ((3, "3"), (["x"], r"\['x'\]"), (None, "None")):
        with pytest.raises(ValueError, match=f"name {shown} is no data set"):
            load(name)


def test_unknown_keyword_is_named():
    with pytest.raises(ValueError, match=r"val_per_clas=3 is not an argument .*did you mean 'val_per_class'.*n_max"):
        load("cifar100_lt", val_per_clas=3)
    with pytest.raises(ValueError, match="path='x' is not an argument"):
        load("folder:/tmp", path="x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be an integer >= 0"),
        ({"seed": "0"}, "seed must be an integer"),
        ({"imbalance": "100"}, "imbalance must be a finite number"),
        ({"imbalance": 0.01}, "imbalance must be a finite number in .1"),
        ({"imbalance": float("nan")}, "imbalance must be a finite number"),
    ],
)
def test_values_are_checked_before_anything_is_read(arguments, message):
    with pytest.raises(ValueError, match=message):
        load("cifar100_lt", **arguments)


def test_natural_tails_take_no_imbalance():
    with pytest.raises(ValueError, match="imbalance=10 is not for 'imagenet_lt', which comes with its own"):
        load("imagenet_lt", imbalance=10)


@pytest.mark.parametrize("name", ["cifar100_lt", "caltech101_lt", "imagenet_lt", "places_lt", "inat2018"])
def test_missing_data_set_is_one_message(tmp_path, name):
    local = {"download": False} if name in ("cifar100_lt", "caltech101_lt") else {}
    with pytest.raises(FileNotFoundError) as caught:
        load(name, root=tmp_path, **local)
    message = str(caught.value)
    assert name in message and "Get it from http" in message and "Looked for" in message and "\n" not in message
    assert f"Then run again: ltnb.data.load('{name}', " in message
    assert isinstance(caught.value, ValueError)


def test_failed_download_is_the_same_message(tmp_path, monkeypatch):
    from ltnb.data import torchvision_sets

    def refuse(cls):
        def fetch(root, download):
            raise OSError(f"no route to the host of {cls}")

        return fetch

    monkeypatch.setattr(torchvision_sets, "downloader", refuse)
    with pytest.raises(
        FileNotFoundError, match=r"download failed \(OSError: no route to the host of CIFAR100\).*run again"
    ):
        load("cifar100_lt", root=tmp_path)
    monkeypatch.setattr(torchvision_sets, "downloader", lambda cls: lambda root, download: None)
    with pytest.raises(FileNotFoundError, match="left nothing where it was expected"):
        load("caltech101_lt", root=tmp_path)


@pytest.mark.parametrize(("module", "line"), [("torchvision", "torchvision"), ("PIL", "pillow")])
def test_a_package_that_is_missing_is_named_before_anything_is_downloaded(tmp_path, monkeypatch, module, line):
    from ltnb.data import torchvision_sets

    find_spec = torchvision_sets.importlib.util.find_spec
    monkeypatch.setattr(
        torchvision_sets.importlib.util, "find_spec", lambda name: None if name == module else find_spec(name)
    )
    monkeypatch.setattr(torchvision_sets, "downloader", lambda name: pytest.fail("downloads"))
    with pytest.raises(ImportError, match=rf"caltech101_lt is not there.*needs {module}: pip install {line}$"):
        load("caltech101_lt", root=tmp_path)


def test_torchvision_has_the_downloaders():
    from ltnb.data.torchvision_sets import downloader

    assert downloader("CIFAR100").base_folder == "cifar-100-python"  # the folder that is looked for afterwards
    assert downloader("Caltech101").__name__ == "Caltech101"


def test_root_may_come_from_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("LTNB_DATA", str(tmp_path / "all"))
    for root in (None, ""):
        with pytest.raises(FileNotFoundError, match=f"Looked for {tmp_path / 'all'}"):
            load("places_lt", root=root)
    with pytest.raises(FileNotFoundError, match=f"Looked for {tmp_path / 'mine'}"):
        load("places_lt", root=tmp_path / "mine")


def test_every_name_is_a_function_of_its_module():
    from importlib import import_module

    for name, module in DATASETS.items():
        if module != "ltnb.critters.datasets":
            assert callable(getattr(import_module(module), name))


def test_public_names():
    assert set(ltnb.data.__all__) <= set(dir(ltnb.data))
    for name in set(ltnb.data.__all__) - {"truth"}:
        assert getattr(ltnb.data, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = ltnb.data.lod


def test_counting_needs_no_image_library():
    code = (
        "import sys; from ltnb.data import shot_groups, load, load_features; "
        "print([m for m in ('torchvision', 'open_clip', 'PIL', 'timm', 'matplotlib', 'sklearn') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_root())
    assert answer.stdout.strip() == "[]"


def _root():
    from pathlib import Path

    return Path(__file__).resolve().parents[1]
