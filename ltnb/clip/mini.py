"""mini-CLIP: small open_clip architectures of our own, and weight files that store only the vocabulary in use.

`mini-vit`, `mini-vit-s` and `mini-rn` are model configurations (``configs/*.json``) that open_clip's own classes build,
with open_clip's own tokenizer, so that every line written for them holds for ViT-B/16 too. Most of such a model would
be its token embedding (49,408 rows, of which pre-training on Critters uses 666). A *compact* file therefore keeps only
the rows in use and their ids; loading expands them to the full table, because a smaller table would break the
tokenizer's ids. A model that took over another one's text tower and kept it can leave it out of its file: loading
fetches it from the file beside it.

Pre-training can use a small table as well (`shrink_vocabulary`): ids are renumbered in ascending order, which keeps the
end-of-text id the largest, and open_clip's text tower pools at the largest id.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ltnb._files import replacing
from ltnb._optional import require
from ltnb._torchvision import prepare_torchvision
from ltnb.clip.input_size import adopt_size

MINI_MODELS = ("mini-vit", "mini-vit-s", "mini-rn")
TAGS: dict[str, tuple[str, ...]] = {"mini-vit": ("90k",)}
"""Shipped weights besides a model's own: mini-vit after a fifth of the pairs, as CLIP's 400M are a fifth of Laion's 2B
(IVLM Table 5)."""
VOCABULARY = 49_408  # rows of open_clip's byte-pair tokenizer
PADDING, START, END = 0, 49_406, 49_407  # ids that every text uses
_EMBEDDING = "token_embedding.weight"
_ROWS, _IDS = "token_embedding.rows", "token_embedding.ids"
_HEADER = "ltnb"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class CompactInfo:
    """What a compact file says about itself.

    Attributes:
        metadata: world version, steps, images, date, commit, attributes ...: what `save_compact` was given.
        token_ids: int64 (V,), ascending: the ids seen in pre-training.
    """

    metadata: dict[str, Any]
    token_ids: Tensor


def weights_path(name: str, tag: str | None = None) -> Path:
    """Where the shipped weights of `name` lie, or those of one of its `TAGS` (the file need not exist)."""
    return _HERE / "weights" / f"{name if tag is None else f'{name}-{tag}'}.safetensors"


def shipped_weights() -> dict[str, Path]:
    """Every weight file of the package, by the name that `ltnb.clip.load` takes."""
    files = {name: weights_path(name) for name in MINI_MODELS}
    return files | {f"{name}:{tag}": weights_path(name, tag) for name, tags in TAGS.items() for tag in tags}


def register_mini_models() -> None:
    """Makes `MINI_MODELS` known to open_clip; harmless when repeated."""
    require(("open_clip",), "ltnb.clip")
    prepare_torchvision()
    import open_clip

    if not set(MINI_MODELS) <= set(open_clip.list_models()):
        open_clip.add_model_config(_HERE / "configs")


def build_mini(name: str, seed: int = 0) -> nn.Module:
    """Builds a mini-CLIP with random weights.

    Args:
        name: one of `MINI_MODELS`.
        seed: of the initialisation; the global generator is left as it was.

    Returns:
        open_clip's ``CLIP`` module in float32 on the CPU, in training mode.
    """
    if name not in MINI_MODELS:
        raise ValueError(f"name must be one of {', '.join(MINI_MODELS)}, got {name!r}")
    register_mini_models()
    import open_clip

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = open_clip.get_model_config(name)
        config.pop("custom_text", None)
        model: nn.Module = open_clip.CLIP(**config)
    return model


def vocabulary_ids(texts: Iterable[str], tokenizer: Any) -> Tensor:
    """Ids that `texts` use, ascending, with padding, start and end: int64 (V,)."""
    used = {PADDING, START, END}
    for text in texts:
        used.update(tokenizer.encode(text))
    return torch.tensor(sorted(used))


def _check_ids(token_ids: Tensor | Iterable[int]) -> Tensor:
    ids = torch.as_tensor(token_ids if isinstance(token_ids, Tensor) else list(token_ids), dtype=torch.int64).cpu()
    if ids.ndim != 1 or ids.numel() == 0:
        raise ValueError(f"token_ids must be a non-empty vector, got shape {tuple(ids.shape)}")
    if int(ids.min()) < 0 or int(ids.max()) >= VOCABULARY:
        raise ValueError(f"token_ids must lie in [0, {VOCABULARY}), got {int(ids.min())}..{int(ids.max())}")
    ids = torch.unique(ids)
    absent = [
        name for name, i in (("padding 0", PADDING), ("start", START), ("end", END)) if not bool((ids == i).any())
    ]
    if absent:
        raise ValueError(f"token_ids lacks ids that every text uses: {', '.join(absent)}")
    return ids


class VocabularyMap:
    """Renumbers open_clip's token ids to the rows of a compact vocabulary.

    Args:
        token_ids: (V,) ids in use; sorted here, duplicates dropped; must hold padding, start and end.
    """

    def __init__(self, token_ids: Tensor | Iterable[int]) -> None:
        self.token_ids = _check_ids(token_ids)
        self._row = torch.full((VOCABULARY,), -1, dtype=torch.int64)
        self._row[self.token_ids] = torch.arange(len(self.token_ids))

    def __call__(self, tokens: Tensor) -> Tensor:
        """Maps int64 (B, T) ids to int64 (B, T) rows; an id outside the vocabulary raises ValueError."""
        rows = self._row.to(tokens.device)[tokens]
        if bool((rows < 0).any()):
            raise ValueError(f"tokens holds ids outside the vocabulary: {sorted(set(tokens[rows < 0].tolist()))[:10]}")
        return rows


class SeenWords:
    """Tells words apart that a small pre-training world never used.

    Args:
        tokenizer: open_clip's ``SimpleTokenizer``.
        token_ids: int64 (V,), the ids seen in pre-training.
    """

    def __init__(self, tokenizer: Any, token_ids: Tensor) -> None:
        self._tokenizer = tokenizer
        self._ids = frozenset(token_ids.tolist())
        self._is_known: dict[str, bool] = {}

    def unknown(self, texts: Iterable[str]) -> list[str]:
        """Words of `texts` (as the tokenizer splits them) with a token never seen: each once, in order."""
        found: dict[str, None] = {}
        for text in texts:
            for word in self._tokenizer.pat.findall(self._tokenizer.clean_fn(text)):
                if word not in self._is_known:
                    self._is_known[word] = self._ids.issuperset(self._tokenizer.encode(word))
                if not self._is_known[word]:
                    found[word] = None
        return list(found)


def shrink_vocabulary(model: nn.Module, token_ids: Tensor | Iterable[int]) -> VocabularyMap:
    """Replaces the token embedding of `model`, in place, by the rows of `token_ids` only.

    A training step on the full table spends most of its time in the gradient and the optimiser state of rows that are
    never used. Call this before the optimiser is made.

    Returns:
        The map to apply to every batch of tokens.
    """
    mapping = VocabularyMap(token_ids)
    table: Tensor = model.token_embedding.weight  # type: ignore[union-attr,assignment]
    if table.shape[0] != VOCABULARY:
        raise ValueError(f"model must have the full vocabulary of {VOCABULARY} rows, got {table.shape[0]}")
    rows = table.detach()[mapping.token_ids.to(table.device)].clone()
    model.token_embedding = nn.Embedding.from_pretrained(rows, freeze=False)
    return mapping


def save_compact(
    model: nn.Module,
    token_ids: Tensor | Iterable[int],
    path: str | os.PathLike[str],
    metadata: Mapping[str, Any],
    *,
    with_text: bool = True,
) -> Path:
    """Writes a compact safetensors file, atomically.

    Matrices are stored as float16. Vectors and scalars (biases, norms, running statistics, logit scale) stay float32:
    they are few, and running variances may leave float16's range.

    Args:
        model: a mini-CLIP with the full vocabulary or one shrunk to exactly `token_ids`.
        token_ids: ids seen in pre-training (padding, start and end among them).
        path: file to write; its folder is made if missing.
        metadata: JSON-serialisable facts about the training, kept in the file's header.
        with_text: False leaves the text tower out, because it is that of ``<metadata["text_from"]>.safetensors`` in the
            same folder, where `load_compact` will look for it.

    Returns:
        `path` as a Path.

    Raises:
        ValueError: token ids out of range, a table of another size, weights that are not finite in the stored type, or
            a text tower left out without a word where it is.
    """
    from safetensors.torch import save_file

    ids = _check_ids(token_ids)
    if not with_text and not metadata.get("text_from"):
        raise ValueError('metadata must name the file with the text tower under "text_from" when with_text=False')
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    table = state.pop(_EMBEDDING)
    if table.shape[0] not in (VOCABULARY, len(ids)):
        raise ValueError(f"model has {table.shape[0]} token rows: expected {VOCABULARY} or len(token_ids) = {len(ids)}")
    state[_ROWS] = table[ids] if table.shape[0] == VOCABULARY else table
    tensors = {}
    for name, tensor in state.items():
        stored = tensor
        if tensor.is_floating_point():
            stored = tensor.to(torch.float16 if tensor.ndim >= 2 else torch.float32)
            if not bool(torch.isfinite(stored).all()):
                raise ValueError(f"model weight {name!r} is not finite as {stored.dtype}")
        tensors[name] = stored.contiguous()
    tensors[_IDS] = ids.to(torch.int32)
    if not with_text:
        tensors = {name: tensor for name, tensor in tensors.items() if not _is_text(name)}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={_HEADER: json.dumps(dict(metadata), sort_keys=True)})
    return Path(path)


def is_compact(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is a safetensors file written by `save_compact`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            return _HEADER in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def load_compact(model: nn.Module, path: str | os.PathLike[str], seed: int = 0) -> CompactInfo:
    """Loads a compact file into a mini-CLIP with the full vocabulary; the image tower takes over its input size.

    Rows never seen in pre-training are drawn from a normal distribution with the mean and standard deviation that the
    seen rows have in each dimension: the same rows on every load.

    Args:
        model: what `build_mini` gives; its weights are replaced in place.
        path: file written by `save_compact`.
        seed: of the unseen rows.

    Raises:
        ValueError: the file is no compact file, or does not fit the architecture of `model`.
        FileNotFoundError: the file with its text tower is not beside it.
    """
    metadata, stored = _read_compact(path)
    if _ROWS not in stored:
        source = Path(path).with_name(f"{metadata['text_from']}.safetensors")
        if not source.is_file():
            raise FileNotFoundError(f"{str(path)!r} has its text tower in {source.name}, which must lie beside it")
        stored |= {name: tensor for name, tensor in _read_compact(source)[1].items() if _is_text(name)}
    ids = stored.pop(_IDS).long()
    rows = stored.pop(_ROWS).float()
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in stored.items()}
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(VOCABULARY, rows.shape[1], generator=generator)
    state[_EMBEDDING] = noise.mul_(rows.std(dim=0)).add_(rows.mean(dim=0)).index_copy_(0, ids, rows)
    adopt_size(model.visual, state)  # type: ignore[arg-type]
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"path {str(path)!r} does not fit the model: {error}") from error
    return CompactInfo(metadata=metadata, token_ids=ids)


def _is_text(name: str) -> bool:
    """Whether a stored tensor belongs to the text tower; the logit scale belongs to both and stays."""
    return not name.startswith("visual.") and name != "logit_scale"


def _read_compact(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Metadata and tensors of a compact file."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    if not is_compact(path):
        raise ValueError(f"path must be a compact file written by ltnb.clip.mini.save_compact, got {str(path)!r}")
    with safe_open(str(path), framework="pt") as file:
        metadata = json.loads(file.metadata()[_HEADER])
    return metadata, load_file(str(path))
