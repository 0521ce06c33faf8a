"""`extract_features`: equal to a plain loop, cached under everything that it depends on, rebuilt when damaged."""

import copy
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import clip_tiny
import numpy as np
import pytest
import torch
from clip_tiny import BulkPictures, Pictures

from ltnb import clip
from ltnb.clip.image_source import ImageSource


@pytest.fixture(scope="module", autouse=True)
def tiny_architectures(tmp_path_factory):
    with clip_tiny.architectures(tmp_path_factory.mktemp("configs")):
        yield


@pytest.fixture(scope="module")
def loaded():
    backbone = clip.load(clip_tiny.TINY, "random", precision="fp32", device="cpu")
    return backbone, copy.deepcopy(backbone.model)


@pytest.fixture
def backbone(loaded):
    """A fresh copy for each test."""
    backbone, model = copy.copy(loaded[0]), copy.deepcopy(loaded[1])
    backbone._modules = {"model": model}
    return backbone.eval()


def plain_loop(backbone, dataset, layer):
    encode = {"embedding": lambda x: backbone.encode_images(x, normalize=False)}.get(
        layer, getattr(backbone, f"encode_{layer}", None)
    )
    with torch.no_grad():
        return torch.cat([encode(backbone.preprocess(dataset.pixels[i])[None]) for i in range(len(dataset))])


def test_all_layers_come_from_one_pass(backbone, tmp_path, monkeypatch):
    dataset = Pictures()
    alone = {
        layer: clip.extract_features(backbone, dataset, layer=layer) for layer in ("embedding", "pooled", "tokens")
    }
    passes = []
    backbone.full_towers = True
    backbone.model.visual.transformer.register_forward_hook(lambda *_: passes.append(1))
    clip.extract_features(backbone, dataset, layer="pooled", batch_size=5, cache_dir=tmp_path)
    assert len(passes) == 3
    together = clip.extract_layers(backbone, dataset, batch_size=5, cache_dir=tmp_path)
    assert len(passes) == 6 and list(together) == ["embedding", "pooled", "tokens"]
    again = clip.extract_layers(backbone, dataset, batch_size=5, cache_dir=tmp_path)
    assert len(passes) == 6  # all from the cache
    for layer, features in alone.items():
        for found in (together[layer], again[layer]):
            assert torch.allclose(found.x, features.x, atol=1e-5) and torch.equal(found.y, features.y)
    for layers in ((), ("logits",)):
        with pytest.raises(ValueError, match="layers"):
            clip.extract_layers(backbone, dataset, layers)


@pytest.mark.parametrize("layer", ["embedding", "pooled", "tokens"])
@pytest.mark.parametrize("cached", [False, True])
def test_equals_a_plain_loop(backbone, layer, cached, tmp_path):
    dataset = Pictures()
    features = clip.extract_features(
        backbone, dataset, layer=layer, batch_size=5, cache_dir=tmp_path if cached else None
    )
    assert features.x.dtype == torch.float32 and torch.allclose(
        features.x, plain_loop(backbone, dataset, layer), atol=1e-5
    )
    assert torch.equal(features.y, torch.as_tensor(dataset.labels)) and len(features) == 12
    unit = clip.extract_features(backbone, dataset, layer=layer, normalize=True)
    assert torch.allclose(unit.x, torch.nn.functional.normalize(features.x, dim=-1), atol=1e-6)


def test_bulk_datasets_and_workers_give_the_same(backbone):
    one = clip.extract_features(backbone, Pictures(), batch_size=5)
    bulk = clip.extract_features(backbone, BulkPictures(), batch_size=5)
    workers = clip.extract_features(backbone, Pictures(), batch_size=5, num_workers=2)
    assert torch.equal(one.x, bulk.x) and torch.equal(one.x, workers.x) and torch.equal(one.y, workers.y)


def test_pil_pictures_and_plain_labels(backbone):
    from PIL import Image

    pixels = Pictures().pixels
    dataset = [(Image.fromarray(p.permute(1, 2, 0).numpy()), i) for i, p in enumerate(pixels)]
    features = clip.extract_features(backbone, dataset)
    assert features.y.tolist() == list(range(12)) and torch.isfinite(features.x).all()


def test_features_can_be_trained_on_and_the_model_is_left_as_it_was(backbone, tmp_path):
    backbone.train()
    hashed = backbone.weights_hash
    for cache_dir in (None, tmp_path, tmp_path):
        features = clip.extract_features(backbone, Pictures(), cache_dir=cache_dir)
        assert backbone.training and not features.x.requires_grad
        linear = torch.nn.Linear(24, 3)
        torch.nn.functional.cross_entropy(linear(features.x), features.y).backward()
        assert float(linear.weight.grad.abs().sum()) > 0
        features.x.add_(0)  # memory maps are copy-on-write: training code may scale features in place
    assert backbone.weights_hash == hashed


def test_evaluation_mode_is_used():
    resnet = clip.load(clip_tiny.TINY_RESNET, "random", precision="fp32", device="cpu")
    expected = clip.extract_features(resnet, Pictures()).x
    assert torch.equal(clip.extract_features(resnet.train(), Pictures()).x, expected)


# The cache -----------------------------------------------------------------------------------------------------------


def entries(folder):
    return sorted(path for path in folder.iterdir())


def test_a_second_call_reads_the_cache(backbone, tmp_path):
    dataset = Pictures()
    first = clip.extract_features(backbone, dataset, cache_dir=tmp_path)
    assert dataset.reads == 12 and len(entries(tmp_path)) == 1
    second = clip.extract_features(backbone, dataset, cache_dir=tmp_path, batch_size=1)
    assert dataset.reads == 12
    assert torch.equal(first.x, second.x) and torch.equal(first.y, second.y)
    second.x[0] = 0
    assert torch.equal(clip.extract_features(backbone, dataset, cache_dir=tmp_path).x, first.x)  # the file is untouched
    recipe = json.loads((entries(tmp_path)[0] / "recipe.json").read_text())
    assert recipe["dataset"] == "pictures 1" and recipe["layer"] == "embedding" and recipe["count"] == 12


def change_image_weight(backbone):
    with torch.no_grad():
        backbone.model.visual.proj[0, 0] += 1e-6
    return {}


def change_text_weight(backbone):
    with torch.no_grad():
        backbone.model.text_projection[0, 0] += 1
    return {}


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        (lambda b: {"layer": "pooled"}, True),
        (lambda b: {"normalize": True}, True),
        (lambda b: {"dataset": Pictures(fingerprint="pictures 2")}, True),
        (lambda b: {"dataset": Pictures(count=11)}, True),
        (lambda b: setattr(b, "precision", "bf16") or {}, True),
        (lambda b: setattr(b, "quick_gelu", True) or {}, True),
        (lambda b: setattr(b, "_preprocess", type(b.preprocessor)((32, 32), (0.5,) * 3, (0.5,) * 3)) or {}, True),
        (change_image_weight, True),
        (change_text_weight, False),
        (lambda b: b.set_image_size(64) or {}, True),
        (lambda b: {"batch_size": 3}, False),
        (lambda b: setattr(b, "full_towers", True) or {}, False),
    ],
    ids="layer normalize fingerprint count precision gelu preprocess image text size batch full".split(),
)
def test_the_key_holds_what_the_features_depend_on_and_nothing_else(backbone, tmp_path, change, anew):
    clip.extract_features(backbone, Pictures(), cache_dir=tmp_path)
    options = change(backbone)
    dataset = options.pop("dataset", Pictures())
    clip.extract_features(backbone, dataset, cache_dir=tmp_path, **options)
    assert len(entries(tmp_path)) == (2 if anew else 1)
    assert (dataset.reads > 0) == anew


def test_a_dataset_without_fingerprint_is_never_cached(backbone, tmp_path):
    clip.extract_features(backbone, Pictures(fingerprint=None), cache_dir=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("name", ["x.npy", "y.npy", "recipe.json"])
@pytest.mark.parametrize("damage", [truncate, flip, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_a_damaged_entry_is_detected_and_rebuilt(backbone, tmp_path, name, damage):
    good = clip.extract_features(backbone, Pictures(), cache_dir=tmp_path)
    expected = good.x.clone()
    del good
    damage(entries(tmp_path)[0] / name)
    if name == "recipe.json" and damage is flip:
        (entries(tmp_path)[0] / name).write_text('{"sha256": {"x": "0", "y": "0"}}')
    dataset = Pictures()
    again = clip.extract_features(backbone, dataset, cache_dir=tmp_path)
    assert dataset.reads == 12 and torch.equal(again.x, expected)
    dataset.reads = 0
    assert torch.equal(clip.extract_features(backbone, dataset, cache_dir=tmp_path).x, expected)
    assert dataset.reads == 0 and len(entries(tmp_path)) == 1


def test_an_entry_that_is_a_file_is_rebuilt(backbone, tmp_path):
    expected = clip.extract_features(backbone, Pictures(), cache_dir=tmp_path).x.clone()
    (entry,) = entries(tmp_path)
    shutil.rmtree(entry)
    entry.write_text("not a folder")
    for reads in (12, 0):
        dataset = Pictures()
        assert torch.equal(clip.extract_features(backbone, dataset, cache_dir=tmp_path).x, expected)
        assert dataset.reads == reads and entries(tmp_path) == [entry]


def test_a_cache_folder_that_is_a_file_is_named(backbone, tmp_path):
    file, dataset = tmp_path / "features", Pictures()
    file.write_text("mine")
    for place in (file, file / "below"):
        with pytest.raises(ValueError, match="cache_dir must be a folder or a place for one, got '.*features"):
            clip.extract_features(backbone, dataset, cache_dir=place)
    assert dataset.reads == 0 and file.read_text() == "mine"


class StopsHalfway(Pictures):
    def __getitem__(self, index):
        if index == 7:
            raise KeyboardInterrupt
        return super().__getitem__(index)


def test_an_interrupted_run_leaves_nothing_that_looks_finished(backbone, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        clip.extract_features(backbone, StopsHalfway(), batch_size=2, cache_dir=tmp_path)
    assert entries(tmp_path) == []
    dataset = Pictures()
    clip.extract_features(backbone, dataset, cache_dir=tmp_path)
    assert dataset.reads == 12


def dead_process():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_leftovers_of_killed_runs_go_and_live_ones_stay(backbone, tmp_path):
    host, dead, long_ago = socket.gethostname(), dead_process(), time.time() - 7200
    folders = {
        "old name": (".writing-left-by-a-kill", True, False),
        "dead": (f".writing-{host}-{dead}-aaaa", True, False),
        "dead, written just now": (f".writing-{host}-{dead}-bbbb", False, True),
        "alive": (f".writing-{host}-{os.getpid()}-cccc", True, True),
        "elsewhere": (f".writing-not-{host}-{os.getpid()}-dddd", True, False),
        "elsewhere, written just now": (f".writing-not-{host}-{dead}-eeee", False, True),
    }
    for name, old, _ in folders.values():
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.npy").write_bytes(b"half")
        for path in (tmp_path / name / "x.npy", tmp_path / name):
            os.utime(path, (long_ago, long_ago) if old else None)
    mine = tmp_path / "notes of mine"
    mine.mkdir()
    os.utime(mine, (long_ago, long_ago))
    clip.extract_features(backbone, Pictures(), cache_dir=tmp_path)
    assert {what: (tmp_path / name).exists() for what, (name, *_) in folders.items()} == {
        what: stays for what, (_, _, stays) in folders.items()
    }
    assert mine.exists()


def test_a_draft_that_is_written_to_is_not_old(backbone, tmp_path):
    long_ago = time.time() - 7200
    draft = tmp_path / ".writing-elsewhere-1-aaaa"
    draft.mkdir()
    (draft / "x.npy").write_bytes(b"growing")  # does not touch the folder's own time
    os.utime(draft, (long_ago, long_ago))
    clip.extract_features(backbone, Pictures(), cache_dir=tmp_path)
    assert draft.exists()


@contextmanager
def small_files():
    """Files of this process may have 3,500 bytes: the first batch of tokens fits, the second does not.

    Around the call alone: pytest reports while fixtures still stand, and its report may go to a file that is longer.
    """
    resource = pytest.importorskip("resource", reason="no limits on this system")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3500, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("layers", [("tokens",), ("embedding", "tokens")])
def test_a_disk_that_takes_no_more_is_named(backbone, tmp_path, layers):
    dataset = Pictures()
    refused = r"cache '.*here' cannot be written: File too large.*cache_dir"
    with pytest.raises(OSError, match=refused) as error, small_files():
        clip.extract_layers(backbone, dataset, layers, batch_size=4, cache_dir=tmp_path / "here")
    assert error.value.errno == errno.EFBIG and entries(tmp_path / "here") == []
    assert dataset.reads == 8


def test_a_disk_that_is_too_small_is_named_after_the_first_batch(backbone, tmp_path, monkeypatch):
    dataset = Pictures()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match=r"no space: it needs \d+\.\d MB, \d+\.\d MB are free"):
        clip.extract_features(backbone, dataset, batch_size=3, cache_dir=tmp_path)
    assert dataset.reads == 3 and entries(tmp_path) == []


@pytest.mark.parametrize("name", ["y.npy", "recipe.json"])
def test_a_disk_that_is_full_at_the_end_is_named(backbone, tmp_path, monkeypatch, name):
    def fails(*_, **__):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(*((np, "save") if name == "y.npy" else (Path, "write_text")), fails)
    with pytest.raises(OSError, match=f"cannot be written: {os.strerror(errno.EDQUOT)}"):
        clip.extract_features(backbone, Pictures(), cache_dir=tmp_path)
    assert entries(tmp_path) == []


def test_a_fault_of_the_dataset_is_not_blamed_on_the_cache(backbone, tmp_path):
    class Lost(BulkPictures):
        def images(self, indices):
            raise FileNotFoundError(errno.ENOENT, "gone", "a.jpg")

    with pytest.raises(FileNotFoundError, match="gone"):
        clip.extract_features(backbone, Lost(), cache_dir=tmp_path)
    assert entries(tmp_path) == []


def test_a_folder_that_cannot_be_written_costs_the_cache_only(backbone, tmp_path, monkeypatch):
    expected = clip.extract_layers(backbone, Pictures())
    for place in ("/proc/ltnb/features", tmp_path):  # no folder can be made; none can be made in it

        def read_only(**_):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        monkeypatch.setattr("tempfile.mkdtemp", read_only)
        with pytest.warns(UserWarning, match=f"features are not kept: the cache '{place}' cannot be written"):
            found = clip.extract_layers(backbone, Pictures(), cache_dir=place)
        assert all(torch.equal(found[layer].x, expected[layer].x) for layer in expected)
    assert entries(tmp_path) == []


def test_an_entry_in_a_read_only_folder_is_read(backbone, tmp_path, monkeypatch, recwarn):
    clip.extract_features(backbone, Pictures(), cache_dir=tmp_path)
    monkeypatch.setattr("tempfile.mkdtemp", lambda **_: pytest.fail("nothing is to be written"))
    dataset = Pictures()
    clip.extract_features(backbone, dataset, cache_dir=tmp_path)
    assert dataset.reads == 0 and not recwarn.list


def test_an_entry_that_cannot_be_moved_into_place_costs_the_cache_only(backbone, tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOTSUP, "no renaming here")

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.warns(UserWarning, match="features are not kept.*no renaming here"):
        found = clip.extract_features(backbone, Pictures(), cache_dir=tmp_path)
    assert entries(tmp_path) == []
    assert torch.equal(found.x, clip.extract_features(backbone, Pictures()).x) and found.y.tolist() == [0, 1, 2] * 4


def test_file_systems_without_maps_and_flushes(backbone, tmp_path, monkeypatch):
    def missing(*_, **__):
        raise OSError(errno.ENOSYS, "not here")

    monkeypatch.setattr(np, "memmap", missing)
    monkeypatch.setattr(np.lib.format, "open_memmap", missing)
    if hasattr(np.lib, "_format_impl"):  # since NumPy 2.3
        monkeypatch.setattr(np.lib._format_impl, "open_memmap", missing)
    monkeypatch.setattr(os, "fsync", missing)
    expected = clip.extract_features(backbone, Pictures()).x
    for reads in (12, 0):
        dataset = Pictures()
        found = clip.extract_features(backbone, dataset, cache_dir=tmp_path)
        assert torch.equal(found.x, expected) and dataset.reads == reads


# What goes wrong -----------------------------------------------------------------------------------------------------


def test_features_that_are_not_finite_are_named(backbone, tmp_path):
    class Poisoned(Pictures):
        pass

    backbone.full_towers = True
    real = backbone.model.visual.forward
    backbone.model.visual.forward = lambda x: (
        real(x) * torch.tensor([1.0, float("nan")])[(x[:, 0, 0, 0] > 1.0).long(), None]
    )
    dataset = Poisoned()
    dataset.pixels[:] = 0
    dataset.pixels[9] = 255
    with pytest.raises(ValueError, match=r"'pictures'.*'embedding'.*NaN.*image 9"):
        clip.extract_features(backbone, dataset, batch_size=4, cache_dir=tmp_path)
    assert entries(tmp_path) == []


def test_unreadable_pictures_are_named(backbone, tmp_path):
    from PIL import Image

    class Folder:
        paths = ["a/1.jpg", "a/2.jpg"]
        fingerprint = None

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return Image.open(tmp_path / f"{index}.jpg"), 0

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8))
    picture.save(tmp_path / "0.jpg")
    whole = (tmp_path / "0.jpg").read_bytes()
    for broken in (whole[:300], b"no picture"):
        (tmp_path / "1.jpg").write_bytes(broken)
        for workers in (0, 1):
            with pytest.raises(ValueError, match=r"^dataset Folder: image 1 \(a/2\.jpg\) is unreadable") as error:
                clip.extract_features(backbone, Folder(), num_workers=workers)
            assert "\n" not in str(error.value)  # no traceback of a worker process


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "logits"}, "layer must be one of 'embedding'"),
        ({"batch_size": 0}, "batch_size"),
        ({"num_workers": -1}, "num_workers"),
    ],
)
def test_bad_arguments_are_named(backbone, options, message):
    with pytest.raises(ValueError, match=message):
        clip.extract_features(backbone, Pictures(), **options)
    with pytest.raises(ValueError, match="dataset must be not empty"):
        clip.extract_features(backbone, [])


def test_the_progress_bar_is_for_terminals(backbone, capfd, monkeypatch):
    clip.extract_features(backbone, Pictures())
    assert capfd.readouterr().err == ""
    clip.extract_features(backbone, Pictures(), progress=True)
    assert "12/12" in capfd.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    clip.extract_features(backbone, Pictures(), progress=False)
    assert capfd.readouterr().err == ""
    clip.extract_features(backbone, Pictures())
    assert f"{clip_tiny.TINY} embedding" in capfd.readouterr().err


# Training source -----------------------------------------------------------------------------------------------------


def test_image_source_gives_collated_batches(backbone):
    dataset = Pictures()
    source = ImageSource(backbone, dataset)
    images, labels = source.__getitems__([4, 0, 4])
    assert images.shape == (3, 3, 32, 32) and images.dtype == torch.float32 and labels.tolist() == [1, 0, 1]
    assert torch.equal(images[0], images[2]) and torch.equal(images[1], backbone.preprocess(dataset.pixels[0]))
    assert torch.equal(ImageSource(backbone, BulkPictures()).__getitems__([4, 0, 4])[0], images)
    image, label = source[4]
    assert torch.equal(image, images[0]) and int(label) == 1 and len(source) == 12
    assert source.fingerprint == ImageSource(backbone, Pictures()).fingerprint is not None
    assert source.fingerprint != ImageSource(backbone, Pictures(fingerprint="other")).fingerprint
    assert ImageSource(backbone, Pictures(fingerprint=None)).fingerprint is None
    with pytest.raises(ValueError, match="dataset must be not empty"):
        ImageSource(backbone, Pictures(count=0))


def test_image_source_feeds_the_training_loop(backbone):
    from ltnb.training import fit

    backbone.set_trainable(image=True, text=False)
    head = torch.nn.ModuleDict({"backbone": backbone, "linear": torch.nn.Linear(24, 3)})
    before = backbone.image_weights_hash

    def objective(model, batch):
        images, labels = batch
        return torch.nn.functional.cross_entropy(model["linear"](model["backbone"].encode_images(images)), labels)

    history = fit(head, objective, ImageSource(backbone, Pictures()), lr=0.1, epochs=2, batch_size=4, progress=False)
    assert len(history.step_loss) == 6 and backbone.image_weights_hash != before


def test_embed_gives_what_the_towers_give_one_by_one(backbone):
    data = SimpleNamespace(**{name: Pictures(count) for name, count in {"train": 5, "val": 3, "test": 4}.items()})
    lines = ["a cat.", "a striped dog in the snow.", "it purrs."]
    found = clip.embed(backbone, data, lines)
    for name in ("train", "val", "test"):
        expected = clip.extract_features(backbone, getattr(data, name))
        assert torch.equal(getattr(found, name).x, expected.x)
        assert torch.equal(getattr(found, name).y, expected.y)
    with torch.no_grad():
        expected = torch.cat([backbone.encode_texts([line], normalize=False) for line in lines])
    torch.testing.assert_close(found.texts, expected)
    torch.testing.assert_close(clip.embed_sentences(backbone, lines, batch_size=2), expected)
    assert clip.embed_sentences(backbone, []).shape == (0, expected.shape[1])
    only = clip.embed(backbone, data, [], parts=["test"])
    assert torch.equal(only.test.x, found.test.x)
    assert (len(only.train), len(only.val)) == (0, 0)
    with pytest.raises(ValueError, match="parts"):
        clip.embed(backbone, data, [], parts=["pool"])
    assert not found.texts.requires_grad
    with pytest.raises(ValueError, match="batch_size"):
        clip.embed_sentences(backbone, lines, batch_size=0)
