"""Features that exist already, from one ``.npz`` file: what the head stages need when no encoder is run."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ltnb._checks import check_features
from ltnb.data.classnames import say_equal_names
from ltnb.data.containers import FeatureData
from ltnb.data.locate import MissingDataError, printable

# Lengths this near to 1 are 1 up to half-precision rounding (at most about 0.001, of each number and of a norm that was
# itself taken in half precision). Features that were never normalised do not come this close in every row.
_UNIT_TOLERANCE = 5e-3
_REQUIRED = ("train_x", "train_y", "test_x", "test_y")


def load_features(path: str | Path, *, val: str | None = "val", text: str | None = "text_x") -> FeatureData:
    """Read precomputed features.

    The file is a NumPy ``.npz`` with ``train_x`` (N, D), ``train_y`` (N,), ``test_x``, ``test_y``, and where they exist
    ``class_names`` (C,), ``val_x``, ``val_y``, ``text_x`` (C, D). Without names the classes are called by their
    numbers, a warning says so, and ``named`` is False. Floats of any width become float32; image or text features of
    length 1 up to rounding are normalised again in float32, so that half-precision files lose nothing more. Other
    arrays in the file are left alone: in particular no validation set is made of arrays under another name unless
    ``val`` asks for it.

    Args:
        path: the file.
        val: validation rows are read from ``{val}_x`` and ``{val}_y``. The default may be absent from the file, any
            other name may not; None leaves validation out.
        text: array with the text features; the default may be absent, any other name may not; None leaves it out.

    Returns:
        The features; ``unit_norm`` says whether the image features have length 1.

    Raises:
        MissingDataError: no such file (a ``FileNotFoundError`` and a ``ValueError``).
        ValueError: the file is no ``.npz``, an array is missing or has the wrong type or shape, values are NaN or inf,
            labels lie outside 0..C-1, a class has no training row, the text has another width than the images, only
            some of the image arrays have length 1.
    """
    path = Path(path).expanduser()
    wanted = {*_REQUIRED, "class_names", "class_counts", f"{val}_x", f"{val}_y", str(text)}
    arrays, names = _read(path, wanted)
    try:
        data = _assemble(arrays, names, printable(path.stem), val, text)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from error
    if data.named:
        say_equal_names(data.class_names, range(data.num_classes), path)
    else:
        span = f"'0' to '{data.num_classes - 1}'"
        says = f"holds no class_names: the classes are called {span}, and what needs their names is left out"
        warnings.warn(f"{printable(path)} {says}", stacklevel=2)
    return data


def _read(path: Path, wanted: set[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The wanted arrays as far as the file has them, and the names of all it has."""
    if not path.is_file():
        raise MissingDataError(
            f"feature file {str(path)!r} is missing. Write one with numpy.savez(path, train_x=..., train_y=..., "
            "test_x=..., test_y=..., class_names=...) (the names may be left out), then give its path again"
        )
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it holds a single array")
        with archive:
            arrays = {key: _array(archive, key) for key in archive.files if key in wanted}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds something else than arrays")
        return arrays, sorted(archive.files)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"feature file {str(path)!r} cannot be read as .npz without pickles: {error}") from error


def _array(archive: Any, key: str) -> Any:
    try:
        return archive[key]
    except ValueError as error:
        raise ValueError(f"{key}: {error} (Python objects? save text as {key}.astype(str))") from error


def _assemble(
    arrays: dict[str, np.ndarray], names: list[str], name: str, val: str | None, text: str | None
) -> FeatureData:
    need = list(_REQUIRED)
    has_val = val is not None and (val != "val" or "val_x" in arrays or "val_y" in arrays)
    if has_val:
        need += [f"{val}_x", f"{val}_y"]
    has_text = text is not None and (text != "text_x" or "text_x" in arrays)
    if has_text:
        need += [str(text)]
    absent = [key for key in need if key not in arrays]
    if absent:
        raise ValueError(f"array {', '.join(absent)} is missing; the file holds {', '.join(names) or 'none'}")

    parts = {"train": "train", "test": "test"} | ({"val": str(val)} if has_val else {})
    x = {part: _floats(f"{key}_x", arrays[f"{key}_x"]) for part, key in parts.items()}
    y = {part: _integers(f"{key}_y", arrays[f"{key}_y"]) for part, key in parts.items()}
    unit = {part: _is_unit(value) for part, value in x.items()}
    if len(set(unit.values())) > 1:
        listed = ", ".join(f"{parts[p]}_x {'is' if u else 'is not'}" for p, u in unit.items())
        raise ValueError(f"features of mixed length: of unit norm {listed}. Normalise all or none")
    text_x = _normalised(_floats(str(text), arrays[str(text)])) if has_text else None
    return FeatureData(
        train_x=_normalised(x["train"]),
        train_y=y["train"],
        test_x=_normalised(x["test"]),
        test_y=y["test"],
        val_x=_normalised(x["val"]) if has_val else None,
        val_y=y.get("val"),
        text_x=text_x,
        class_names=_strings(arrays["class_names"]) if "class_names" in arrays else None,  # type: ignore[arg-type]
        class_counts=arrays.get("class_counts"),  # type: ignore[arg-type]  # None: counted
        unit_norm=unit["train"],
        name=name,
    )


def _floats(key: str, array: np.ndarray) -> torch.Tensor:
    if array.ndim != 2 or array.dtype.kind != "f" or not array.size:
        raise ValueError(f"{key} must be floats of shape (N, D), got {array.dtype} {array.shape}")
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, which is refused by name
        x = torch.from_numpy(array.astype(np.float32))
    return check_features(x, key)


def _integers(key: str, array: np.ndarray) -> torch.Tensor:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{key} must be integers of shape (N,), got {array.dtype} {array.shape}")
    return torch.from_numpy(array.astype(np.int64))


def _strings(array: np.ndarray) -> list[str]:
    if array.ndim != 1 or array.dtype.kind not in "US":
        raise ValueError(f"class_names must be strings of shape (C,), got {array.dtype} {array.shape}")
    try:
        return [name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in array]
    except UnicodeDecodeError as error:
        raise ValueError(f"class_names must be UTF-8 where they are bytes: {error}") from error


def _is_unit(x: torch.Tensor) -> bool:
    return bool(((x.norm(dim=1) - 1).abs() < _UNIT_TOLERANCE).all())


def _normalised(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(x, dim=1) if _is_unit(x) else x
