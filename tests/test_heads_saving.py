"""What travels with a head: settings in the state, folders that are written and read, exported and compiled graphs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from ltnb import heads
from ltnb.training.checkpoint import learned_state, load_learned_state

C, D, N = 5, 8, 40


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def linear(bias: bool = True) -> nn.Linear:
    layer = nn.Linear(D, C, bias=bias)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(draw(*parameter.shape))
    return layer


BANK, LABELS = draw(N, D, seed=1) * 3, torch.arange(N) % C
MASK = torch.zeros(C, 3, dtype=torch.bool)
MASK[2, 1:] = True
Build = Callable[[], nn.Module]

# name in the registry: heads with settings of their own, each beside one of the same sizes with other settings
EXAMPLES: dict[str, list[tuple[Build, Build]]] = {
    "cosine": [(partial(heads.CosineClassifier, D, C, 7.0, seed=1), partial(heads.CosineClassifier, D, C))],
    "disalign": [(lambda: heads.DisAlign(linear(), "released", seed=1), lambda: heads.DisAlign(linear()))],
    "knn": [
        (
            partial(heads.KNNHead, BANK, LABELS, 3, metric),
            partial(heads.KNNHead, BANK.flip(0) + 1, LABELS.flip(0) % 3, 7, other),
        )
        for metric, other in (("cosine", "euclidean"), ("euclidean", "cosine"))
    ],
    "language_guided": [
        (
            partial(heads.LanguageGuidedHead, draw(C, 3, D), MASK, temperature=0.5, hidden=6, seed=1),
            partial(heads.LanguageGuidedHead, draw(C, 3, D, seed=1), hidden=6),
        )
    ],
    "learnable_weight_scaling": [
        (
            lambda b=b: heads.LearnableWeightScaling(linear(b)),
            lambda b=b: heads.LearnableWeightScaling(nn.Linear(D, C, bias=b)),
        )
        for b in (True, False)
    ],
    "linear_adapter": [
        (
            partial(heads.LinearAdapter, D, 0.7, None, generator=torch.Generator().manual_seed(1)),
            partial(heads.LinearAdapter, D, generator=torch.Generator().manual_seed(2)),
        )
    ],
    "marc": [(lambda: heads.MARC(linear()), lambda: heads.MARC(nn.Linear(D, C)))],
    "nearest_class_mean": [
        (
            partial(heads.NearestClassMean, BANK, LABELS, metric=metric),
            partial(heads.NearestClassMean, BANK, LABELS, metric=other),
        )
        for metric, other in (("cosine", "euclidean"), ("euclidean", "cosine"))
    ],
    "tau_normalized": [
        (lambda: heads.TauNormalizedClassifier(linear(), 0.7), lambda: heads.TauNormalizedClassifier(linear(), 1.5))
    ],
    "token_decoder": [
        (
            partial(heads.TokenDecoder, D, depth=1, heads=2, mlp_ratio=1.5, seed=1),
            partial(heads.TokenDecoder, D, depth=1, heads=2, mlp_ratio=1.5),
        )
    ],
}
PAIRS = [
    pytest.param(name, *pair, id=f"{name}{'' if i == 0 else i + 1}")
    for name, pairs in EXAMPLES.items()
    for i, pair in enumerate(pairs)
]
pairs = pytest.mark.parametrize(("name", "build", "other"), PAIRS)


def test_every_name_of_the_registry_is_tried():
    assert sorted(EXAMPLES) == heads.names()
    for name, examples in EXAMPLES.items():
        assert all(type(build()) is type(other()) is heads._PARTS[name] for build, other in examples)


def inputs(name: str, rows: int = 6, seed: int = 5) -> torch.Tensor:
    return draw(rows, 4, D, seed=seed) if name == "token_decoder" else draw(rows, D, seed=seed) * 2


def moved(build: Build) -> nn.Module:
    """The head after a step of training: parameters away from their beginning."""
    head = build()
    with torch.no_grad():
        for parameter in head.parameters():
            if parameter.requires_grad:
                parameter += 0.2 * draw(*parameter.shape, seed=3).to(parameter)
    return head


def output(head: nn.Module, x: torch.Tensor) -> torch.Tensor:
    found = head(x)
    return torch.stack(found) if isinstance(found, tuple) else found


# ---- the state -------------------------------------------------------------------------------------------------------


@pairs
def test_a_state_brings_all_that_changes_outputs(name: str, build: Build, other: Build):
    head, x = moved(build), inputs(name)
    expected = output(head, x)
    assert not torch.equal(output(other(), x), expected)
    file = io.BytesIO()
    torch.save(nn.Sequential(head).state_dict(), file)
    file.seek(0)
    loaded = other()
    nn.Sequential(loaded).load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert torch.equal(output(loaded, x), expected)


@pairs
def test_a_state_from_before_settings_were_in_it_loads_and_leaves_them(name: str, build: Build, other: Build):
    head, x = moved(build), inputs(name)
    state = {key: value for key, value in head.state_dict().items() if not key.endswith("_extra_state")}
    assert len(state) == len(head.state_dict()) - 1
    again = build()
    again.load_state_dict(state, strict=True)
    assert torch.equal(output(again, x), output(head, x))
    before = other()._config()
    loaded = other()
    loaded.load_state_dict(state, strict=True)
    assert loaded._config() == before


@pairs
def test_a_training_checkpoint_holds_the_settings(name: str, build: Build, other: Build):
    head, x = moved(build), inputs(name)
    assert all(isinstance(value, torch.Tensor) for value in head.state_dict().values())
    again = build()
    load_learned_state(again, learned_state(head))
    assert torch.equal(output(again, x), output(head, x))


SIZES = {
    "attention heads": (
        lambda: heads.TokenDecoder(D, depth=1, heads=4),
        lambda: heads.TokenDecoder(D, depth=1, heads=2),
        "heads=2",
    ),
    "depth": (
        lambda: heads.TokenDecoder(D, depth=2, heads=2),
        lambda: heads.TokenDecoder(D, depth=1, heads=2),
        "depth=1",
    ),
    "bias": (lambda: heads.LinearAdapter(D, bias=False), lambda: heads.LinearAdapter(D), "bias=True"),
    "hidden": (
        lambda: heads.LanguageGuidedHead(draw(C, 3, D), hidden=4),
        lambda: heads.LanguageGuidedHead(draw(C, 3, D)),
        f"hidden={D}",
    ),
    "classes": (lambda: heads.CosineClassifier(D, C + 1), lambda: heads.CosineClassifier(D, C), f"num_classes={C}"),
}


@pytest.mark.parametrize(("saved", "build", "named"), SIZES.values(), ids=SIZES)
def test_a_state_of_other_sizes_is_refused_with_the_size(saved: Build, build: Build, named: str):
    with pytest.raises(ValueError, match=f"^state must be of a head with {named}, got "):
        build().load_state_dict(saved().state_dict())


def test_a_state_with_foreign_or_damaged_settings_is_refused():
    head = heads.DisAlign(linear())
    for settings in (
        heads.TauNormalizedClassifier(linear(), 1.0).get_extra_state(),
        torch.tensor([1, 2]),
        None,
        {"form": 1},
    ):
        with pytest.raises(ValueError, match="^state must be .*, got ."):
            head.load_state_dict({**head.state_dict(), "_extra_state": settings})


@pairs
@pytest.mark.parametrize("kind", ["averaged", "halved"])
def test_states_may_be_averaged_or_halved_with_their_settings(name: str, build: Build, other: Build, kind: str):
    """As weight-space ensembles, an EMA of whole states and scripts that shrink a checkpoint do, tensor by tensor."""

    def changed(value: torch.Tensor) -> torch.Tensor:
        if kind == "halved":
            return value.half()
        return value if value.dtype == torch.bool else 0.1 * value + 0.9 * value

    found = other()
    found.load_state_dict({key: changed(value) for key, value in build().state_dict().items()})
    assert torch.equal(found.get_extra_state(), build().get_extra_state())


def test_settings_may_be_numbers_of_any_library():
    head = heads.TauNormalizedClassifier(linear(), 1.0)
    head.tau = torch.tensor(0.5)
    other = heads.TauNormalizedClassifier(linear(), 1.0)
    other.load_state_dict(head.state_dict())
    assert other.tau == 0.5


# ---- folders ---------------------------------------------------------------------------------------------------------


@pairs
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_a_head_comes_back_from_its_folder(name: str, build: Build, other: Build, dtype: torch.dtype, tmp_path: Path):
    head, x = moved(build).to(dtype), inputs(name)
    head.save_pretrained(tmp_path / "new" / "folder")
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {"model.safetensors", "config.json"}
    loaded = type(head).from_pretrained(tmp_path / "new" / "folder")
    assert type(loaded) is type(head) and loaded._config() == head._config()
    assert torch.equal(output(loaded, x), output(head, x))
    assert torch.equal(output(loaded, x.double()), output(head, x.double()))
    ours, theirs = head.state_dict(keep_vars=True), loaded.state_dict(keep_vars=True)
    assert list(ours) == list(theirs)
    for key, value in ours.items():
        assert torch.equal(value, theirs[key])
        assert (value.dtype, value.requires_grad) == (theirs[key].dtype, theirs[key].requires_grad)
    second = other()  # takes its place
    second.save_pretrained(tmp_path / "new" / "folder")
    assert torch.equal(output(type(head).from_pretrained(tmp_path / "new" / "folder"), x), output(second, x))


def test_a_fresh_process_reads_the_same_head(tmp_path: Path):
    head = moved(EXAMPLES["language_guided"][0][0])
    head.save_pretrained(tmp_path)
    x = inputs("language_guided")
    torch.save(x, tmp_path / "x.pt")
    script = (
        "import sys, torch\n"
        "from ltnb.heads import LanguageGuidedHead\n"
        "torch.set_num_threads(int(sys.argv[2]))\n"
        "head = LanguageGuidedHead.from_pretrained(sys.argv[1])\n"
        "torch.save(torch.stack(head(torch.load(sys.argv[1] + '/x.pt'))), sys.argv[1] + '/y.pt')\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path), str(torch.get_num_threads())]
    root = str(Path(heads.__file__).parents[2])
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": root})
    assert torch.equal(torch.load(tmp_path / "y.pt", weights_only=True), output(head, x))


def spoil(folder: Path, file: str, content: bytes | None) -> None:
    (folder / file).unlink() if content is None else (folder / file).write_bytes(content)


def changed(folder: Path, **entries) -> bytes:
    return json.dumps(json.loads((folder / "config.json").read_bytes()) | entries).encode()


SPOILT = {
    "no folder": lambda f: [spoil(f, file, None) for file in ("config.json", "model.safetensors")] and f.rmdir(),
    "no config": lambda f: spoil(f, "config.json", None),
    "no weights": lambda f: spoil(f, "model.safetensors", None),
    "config cut off": lambda f: spoil(f, "config.json", (f / "config.json").read_bytes()[:40]),
    "config of something else": lambda f: spoil(f, "config.json", b'["bert"]'),
    "config not text": lambda f: spoil(f, "config.json", b"\xff\xfe\x00"),
    "weights cut off": lambda f: spoil(f, "model.safetensors", (f / "model.safetensors").read_bytes()[:-1]),
    "weights of another head": lambda f: (
        heads.CosineClassifier(D, C).save_pretrained(f / "x")
        or (f / "x" / "model.safetensors").replace(f / "model.safetensors")
    ),
    "another class": lambda f: spoil(f, "config.json", changed(f, head="MARC")),
    "unknown class": lambda f: spoil(f, "config.json", changed(f, head="Sequential")),
    "unknown setting": lambda f: spoil(f, "config.json", changed(f, settings={"form": "paper", "gamma": 1})),
    "setting out of range": lambda f: spoil(f, "config.json", changed(f, settings={"form": "other"})),
    "settings no table": lambda f: spoil(f, "config.json", changed(f, settings=None)),
}


@pytest.mark.parametrize("damage", SPOILT.values(), ids=SPOILT)
def test_a_folder_that_holds_no_such_head_is_named(damage: Callable[[Path], object], tmp_path: Path):
    folder = tmp_path / "head"
    heads.DisAlign(linear()).save_pretrained(folder)
    assert heads.DisAlign.from_pretrained(folder).form == "paper"
    damage(folder)
    with pytest.raises(ValueError, match=rf"^folder must be .*, got .*{folder.name}.*$"):
        heads.DisAlign.from_pretrained(folder)


def test_a_head_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    head, x = moved(EXAMPLES["marc"][0][0]), inputs("marc")
    head.save_pretrained(tmp_path)

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            heads.MARC(nn.Linear(D, C)).save_pretrained(tmp_path)
    assert torch.equal(heads.MARC.from_pretrained(tmp_path)(x), head(x))
    assert len(list(tmp_path.iterdir())) == 2


def test_saving_without_safetensors_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    for act in (heads.MARC(linear()).save_pretrained, heads.MARC.from_pretrained):
        with pytest.raises(ImportError, match="pip install safetensors"):
            act(tmp_path / "head")
    assert not list(tmp_path.iterdir())


# ---- graphs and precisions -------------------------------------------------------------------------------------------


@pairs
def test_an_exported_head_gives_the_same_for_any_number_of_rows(name: str, build: Build, other: Build):
    head = moved(build).eval()
    dynamic = ({0: torch.export.Dim("rows")},)
    exported = torch.export.export(head, (inputs(name),), dynamic_shapes=dynamic, strict=False).module()
    for rows in (2, 6, 11):
        x = inputs(name, rows)
        torch.testing.assert_close(output(exported, x), output(head, x), rtol=1e-5, atol=1e-5)


@pairs
def test_a_head_compiles_into_one_graph(name: str, build: Build, other: Build):
    head = moved(build)
    torch._dynamo.reset()
    compiled = torch.compile(head, fullgraph=True, backend="eager")
    for rows in (6, 11):
        x = inputs(name, rows)
        torch.testing.assert_close(output(compiled, x), output(head, x), rtol=1e-5, atol=1e-5)


@pairs
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_features_of_every_precision_are_taken(name: str, build: Build, other: Build, dtype: torch.dtype):
    head, x = moved(build), inputs(name).to(dtype)
    found = output(head, x)
    wanted = torch.promote_types(dtype, torch.float32)
    assert found.dtype == wanted
    assert torch.equal(found, output(head, x.to(wanted)))
