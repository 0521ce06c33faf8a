"""Input checks shared by the package: every failure is a ``ValueError`` that names the argument and the value.

Two kinds of check are kept apart. Shapes, dtypes and counts are always looked at. Values inside a tensor (label range,
NaN, infinity) are looked at when the tensor lives on the CPU; on any other device only when the caller asks with
``check_values=True``, because reading a value there waits for the device. While a graph is compiled, and inside
``torch.func.grad``, ``vmap`` and their kin, there are no values to look at.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

import numpy as np
import torch

HALF = (torch.float16, torch.bfloat16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def describe(value: Any) -> str:
    """Short text for a value in a message: shape and dtype for tensors and arrays, a clipped ``repr`` otherwise."""
    if isinstance(value, torch.Tensor | np.ndarray) and value.ndim > 0:
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        return f"{kind} of shape {tuple(value.shape)} and dtype {str(value.dtype).removeprefix('torch.')}"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def fail(name: str, requirement: str, value: Any) -> NoReturn:
    """Raise the ``ValueError`` all checks raise: ``<name> must be <requirement>, got <value>``."""
    raise ValueError(f"{name} must be {requirement}, got {value if isinstance(value, str) else describe(value)}")


def check_choice(value: Any, name: str, choices: Sequence[Any]) -> Any:
    """Return ``value`` if it is one of ``choices``."""
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        fail(name, "one of " + ", ".join(map(repr, choices)), repr(value))
    return value


def check_integer(value: Any, name: str, minimum: int) -> int:
    """Return ``value`` as an ``int`` if it is a whole number of at least ``minimum`` (``True`` is not a number)."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < minimum:
        fail(name, f"an integer >= {minimum}", repr(value))
    return int(value)


def check_number(value: Any, name: str, low: float, high: float = math.inf, *, ends: str = "[]") -> float:
    """Return ``value`` as a ``float`` if it is finite and inside the interval ``low``..``high``.

    Args:
        value: What the caller gave.
        name: Name of the argument, for the message.
        low: Lower end.
        high: Upper end.
        ends: Which ends belong to the interval: ``"[]"``, ``"(]"``, ``"[)"`` or ``"()"``.
    """
    shown = f"a finite number in {ends[0]}{low:g}, {high:g}{ends[1] if math.isfinite(high) else ')'}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        fail(name, shown, repr(value))
    number = float(value)
    above = number > low or (ends[0] == "[" and number == low)
    below = number < high or (ends[1] == "]" and number == high)
    if not (math.isfinite(number) and above and below):
        fail(name, shown, repr(value))
    return number


def to_array(value: Any, name: str) -> np.ndarray:
    """NumPy copy or view of an array, a list or a tensor on any device (half-precision tensors become float32)."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.float() if value.dtype in HALF else value).numpy()
    try:
        return np.asarray(value)
    except ValueError:
        fail(name, "rectangular", value)


def check_label_array(labels: Any, name: str, *, num_classes: int | None = None) -> np.ndarray:
    """Return labels (array, list or tensor) as a non-empty ``np.int64`` array of shape (N,), in 0..num_classes-1."""
    array = to_array(labels, name)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        fail(name, "a non-empty one-dimensional sequence of integers", array)
    worst = array.min() if array.min() < 0 else array.max()
    if worst < 0 or (num_classes is not None and worst >= num_classes):
        span = ">= 0" if num_classes is None else f"in 0..{num_classes - 1}"
        fail(name, span, f"{int(worst)} at position {int(np.flatnonzero(array == worst)[0])}")
    return array.astype(np.int64)


def check_counts(class_counts: Any, name: str = "class_counts", *, minimum: int = 1) -> np.ndarray:
    """Return the number of training images per class as an ``np.int64`` array of shape (C,).

    Args:
        class_counts: Integer array, list or tensor of shape (C,).
        name: Name of the argument, for the message.
        minimum: Smallest count allowed: 1 where a prior is made of the counts, 0 where none is.

    Raises:
        ValueError: If it is empty, not one-dimensional, not of an integer dtype, or a class has fewer images.
    """
    counts = to_array(class_counts, name)
    if counts.ndim != 1 or counts.size == 0 or counts.dtype.kind not in "iu":
        fail(name, "a non-empty one-dimensional sequence of integers", counts)
    if counts.min() < minimum:
        worst = int(counts.argmin())
        fail(name, f">= {minimum} for every class", f"{int(counts[worst])} for class {worst}")
    return counts.astype(np.int64)


def check_texts(value: Any, name: str) -> list[str]:
    """Return ``value`` as a list if it is a non-empty list, tuple or array of strings (one string is none)."""
    if isinstance(value, str) or not isinstance(value, Collection) or len(value) == 0:
        fail(name, "a non-empty list of str", value)
    texts = list(value)
    if not all(isinstance(text, str) for text in texts):
        fail(name, "a non-empty list of str", value)
    return texts


def check_count_tensor(class_counts: Any, name: str = "class_counts") -> torch.Tensor:
    """Return counts of at least 1 as an int64 tensor of shape (C,) on the CPU.

    A graph that is being compiled has no values to check, and a tensor inside of a functional transform shows none:
    there it is the shape and the dtype alone, and the counts stay on their device.
    """
    hidden = torch.compiler.is_compiling() or (isinstance(class_counts, torch.Tensor) and is_transforming())
    if not hidden:
        return torch.from_numpy(check_counts(class_counts, name))
    counts = torch.as_tensor(class_counts)
    if counts.ndim != 1 or counts.numel() == 0 or counts.dtype not in INTEGERS:
        fail(name, "a non-empty one-dimensional sequence of integers", counts)
    return counts.long()


def reads_values(tensor: torch.Tensor, check_values: bool) -> bool:
    """Whether the values of ``tensor`` may be looked at: on the CPU, elsewhere only if asked for.

    Never while compiling, where there are none yet, or inside a functional transform, where they are not those of one
    call.
    """
    if torch.compiler.is_compiling() or is_transforming():
        return False
    return check_values or tensor.device.type == "cpu"


def is_transforming() -> bool:
    """Whether the caller stands inside ``torch.func.grad``, ``vmap``, ``jvp`` or another functional transform."""
    # torch has no public question for it; where a version lacks this one, values are read as outside of a transform
    level = getattr(getattr(torch._C, "_functorch", None), "maybe_current_level", None)
    return level is not None and level() is not None


def check_features(x: Any, name: str, *, width: int | None = None, check_values: bool = False) -> torch.Tensor:
    """Return ``x`` if it is a non-empty, finite, floating-point tensor of shape (N, D).

    Args:
        x: Embeddings, features or logits.
        name: Name of the argument, for the message.
        width: D, where it is fixed by something else.
        check_values: Look for NaN and infinity off the CPU too.
    """
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        fail(name, "a floating-point tensor", x)
    if x.ndim != 2 or x.numel() == 0:
        fail(name, "of shape (N, D) and not empty", x)
    if width is not None and x.shape[1] != width:
        fail(name, f"of shape (N, {width})", x)
    check_finite(x, name, check_values=check_values)
    return x


def check_finite(x: torch.Tensor, name: str, *, check_values: bool = False) -> None:
    """Refuse NaN and infinity in a floating-point tensor of shape (N, ...), and name the row of the first."""
    # a finite sum has finite terms, and costs far less to look at than every term; finite terms may still overflow it
    if reads_values(x, check_values) and not math.isfinite(x.detach().sum().item()):
        wrong = ~torch.isfinite(x).flatten(1).all(dim=1)
        if bool(wrong.any()):
            fail(name, "finite", f"NaN or infinity in row {int(wrong.nonzero()[0])}")


def check_targets(
    targets: Any, name: str, length: int, *, num_classes: int | None = None, check_values: bool = False
) -> torch.Tensor:
    """Return ``targets`` as an int64 tensor of shape (length,) whose values lie in 0..num_classes-1 (or are >= 0)."""
    if isinstance(targets, torch.Tensor) and targets.is_floating_point() and targets.ndim == 2:
        fail(name, "an integer tensor, soft targets are not defined here", targets)
    if not isinstance(targets, torch.Tensor) or targets.dtype not in INTEGERS:
        fail(name, "an integer tensor", targets)
    if targets.shape != (length,):
        fail(name, f"of shape ({length},)", targets)
    if reads_values(targets, check_values):
        wrong = targets < 0
        if num_classes is not None:
            wrong = wrong | (targets >= num_classes)
        if bool(wrong.any()):
            at = int(wrong.nonzero()[0])
            span = ">= 0" if num_classes is None else f"in 0..{num_classes - 1}"
            fail(name, span, f"{int(targets[at])} at position {at}")
    return targets.long()


def check_class_targets(
    targets: Any, name: str, length: int, num_classes: int, *, check_values: bool = False
) -> torch.Tensor:
    """Return hard targets as `check_targets` does, or soft ones as they are: floating point, rows that sum to 1.

    Args:
        targets: (length,) integer classes, or (length, num_classes) the share of each class.
        name: Name of the argument, for the message.
        length: B.
        num_classes: C.
        check_values: Look at the values off the CPU too.
    """
    if not (isinstance(targets, torch.Tensor) and targets.is_floating_point()):
        return check_targets(targets, name, length, num_classes=num_classes, check_values=check_values)
    if targets.shape != (length, num_classes):
        fail(name, f"integers of shape ({length},) or shares of shape ({length}, {num_classes})", targets)
    if reads_values(targets, check_values):
        sums = targets.detach().to(torch.promote_types(targets.dtype, torch.float32)).sum(dim=1)
        # shares that were rounded to half precision miss 1 by half of its step at most
        near = (sums - 1).abs() <= max(1e-4, torch.finfo(targets.dtype).eps)
        wrong = ~near | (targets < 0).any(dim=1)
        if bool(wrong.any()):
            at = int(wrong.nonzero()[0])
            fail(name, "shares >= 0 that sum to 1 in every row", f"{describe(targets[at].tolist())} in row {at}")
    return targets


def check_temperature(temperature: Any, logit_scale: Any = None, *, check_values: bool = False) -> float | torch.Tensor:
    """Return tau from a temperature or from a logit scale, exactly one of them.

    Args:
        temperature: tau, in (0, 10]: a number, or a floating-point tensor with one element.
        logit_scale: 1 / tau, what CLIP multiplies cosines with (100 at the end of its training), at least 0.1.
        check_values: Look at the value of a tensor off the CPU too.

    Returns:
        tau, a float or a zero-dimensional tensor, through which gradients reach what was given.

    Raises:
        ValueError: If both or neither are given, or the value looks like that of the other one.
    """
    if (temperature is None) == (logit_scale is None):
        fail("temperature", "given, or logit_scale in its place", "neither" if temperature is None else "both")
    if logit_scale is None:
        tau, number = _check_positive(temperature, "temperature", check_values)
        if number > 10:
            raise ValueError(
                f"temperature must be in (0, 10], got {number:g}: that looks like a logit scale: pass logit_scale="
            )
        return tau
    scale, number = _check_positive(logit_scale, "logit_scale", check_values)
    if number < 0.1:
        raise ValueError(
            f"logit_scale must be at least 0.1, got {number:g}: that looks like a temperature: pass temperature="
        )
    return 1 / scale


def _check_positive(value: Any, name: str, look: bool) -> tuple[float | torch.Tensor, float]:
    """A positive number or tensor with one element, and its value (1 where that must not be read)."""
    if not isinstance(value, torch.Tensor):
        number = check_number(value, name, 0.0, ends="()")
        return number, number
    if value.numel() != 1 or not value.is_floating_point():
        fail(name, "a positive number or a floating-point tensor with one element", value)
    scalar = value.reshape(()).to(torch.promote_types(value.dtype, torch.float32))
    if not reads_values(scalar, look):
        return scalar, 1.0
    return scalar, check_number(float(scalar.detach()), name, 0.0, ends="()")
