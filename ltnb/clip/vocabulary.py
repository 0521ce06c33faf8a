"""Which words a mini-CLIP has seen in its pre-training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor


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
