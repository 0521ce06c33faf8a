"""CoOp's learnable context: words of a prompt that are vectors to train, in front of every class name."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ltnb._checks import check_integer, check_texts, describe, fail
from ltnb._seeds import chosen_seed
from ltnb.clip import towers
from ltnb.clip.backbone import Backbone

_PLACEHOLDER = "X"  # a word of one token, whose embedding the context replaces
_STD = 0.02


class ContextPrompt(nn.Module):
    r"""Class weights t_j = encode("[V]_1 ... [V]_M CLASS_j.") with one learnable context V for all classes.

    A drop-in for `zero_shot_weights` that has a gradient. IVLM Eq. 5 trains V, theta_p there, by cross-entropy on the
    cosines z_ij of image i and class j with both towers frozen.

    Every call encodes all C prompts, which is what makes CoOp slow with many classes (section 4.1, footnote 2).

    While ``forward`` runs, a hook on the tower's ``token_embedding`` puts V where the placeholders of "X ... X CLASS."
    are; it is removed afterwards, whatever happens, and the backbone works as before. The backbone is no submodule:
    parameters and state are V alone, and ``to()`` leaves it where it is. Whoever trains V freezes the backbone, for
    example with ``backbone.set_trainable(image=False, text=False)``: the gradient reaches all of its weights that ask
    for one.

    Args:
        backbone: A `Backbone` with one of open_clip's own text towers (of ``CLIP``, ``CustomTextCLIP`` or ``CoCa``).
        class_names: C names, put in as they are. A mini model warns about words never seen in its pre-training.
        n_ctx: M, the number of context tokens, at least 1; set by ``init`` where that is given.
        init: Words that V starts from, such as ``"a photo of a"``. None draws V from N(0, 0.02^2).
        seed: Of that draw; the global generator is left as it was.
        generator: Gives the seed in place of ``seed``.
        chunk: Prompts encoded at a time; their activations are all kept for the gradient.

    Attributes:
        context: V, a parameter (M, W), W the width of the token embedding; float32 (float64 for a float64 backbone).
        n_ctx: M.
        class_names: List of C str.

    Raises:
        ValueError: If the backbone is none, names are no non-empty list of str, a number is out of range, ``init`` has
            no word, both ``seed`` and ``generator`` are given, the text tower has no ``token_embedding`` (Hugging
            Face's have none), or a name does not fit into the tower's context length behind M tokens.

    Example:
        >>> import torch
        >>> from ltnb import clip
        >>> from ltnb.tuning import ContextPrompt
        >>> backbone = clip.load("mini-vit", device="cpu")
        >>> backbone.set_trainable(image=False, text=False)
        >>> prompt = ContextPrompt(backbone, ["red frog", "blue beetle"], n_ctx=4)
        >>> images, labels = torch.eye(2, backbone.embed_dim), torch.tensor([0, 1])
        >>> loss = torch.nn.functional.cross_entropy(images @ prompt().T / 0.07, labels)
        >>> loss.backward()
        >>> prompt.context.grad.shape == prompt.context.shape
        True

    Source: IVLM (Wang et al. 2023) section 4.1 and Table 7 (M = 16, class at the end),
    https://arxiv.org/abs/2304.01457; CoOp (Zhou et al. 2022), whose code has the standard deviation and the full stop,
    https://arxiv.org/abs/2109.01134.
    """

    context: nn.Parameter
    tokens: Tensor

    def __init__(
        self,
        backbone: Backbone,
        class_names: Sequence[str],
        n_ctx: int = 16,
        *,
        init: str | None = None,
        seed: int = 0,
        generator: torch.Generator | None = None,
        chunk: int = 256,
    ) -> None:
        super().__init__()
        if not isinstance(backbone, Backbone):
            fail("backbone", "a Backbone from ltnb.clip.load", f"an object of class {type(backbone).__name__}")
        self._backbone = (backbone,)  # in a tuple, because nn.Module would register it
        table: Tensor = _token_embedding(backbone).weight
        self.class_names = check_texts(class_names, "class_names")
        seed = chosen_seed(seed, generator)
        self.chunk = check_integer(chunk, "chunk", 1)
        if init is None:
            n_ctx = check_integer(n_ctx, "n_ctx", 1)
            start = _STD * torch.randn(n_ctx, table.shape[1], generator=torch.Generator().manual_seed(seed))
        else:
            start = table.detach()[_word_ids(backbone.tokenizer, init).to(table.device)]
            n_ctx = len(start)
        self.n_ctx = n_ctx
        self._first, tokens = _prompt_tokens(
            backbone.tokenizer, self.class_names, n_ctx, "n_ctx" if init is None else "init"
        )
        unknown = backbone.unknown_words(self.class_names if init is None else [init, *self.class_names])
        if unknown:
            warnings.warn(
                f"{backbone.name} never saw these words in pre-training, their embeddings are noise: "
                f"{', '.join(unknown)}",
                UserWarning,
                stacklevel=2,
            )
        self.context = nn.Parameter(start.to(table.device, torch.promote_types(table.dtype, torch.float32)))
        self.register_buffer("tokens", tokens.to(table.device), persistent=False)

    if TYPE_CHECKING:

        def __call__(self, *, normalize: bool = True) -> Tensor:
            """Class weights (C, D)."""

    def forward(self, *, normalize: bool = True) -> Tensor:
        """Embed the C prompts with the context as it is now.

        Args:
            normalize: Divide each row by its norm.

        Returns:
            (C, D), float32 (float64 for a float64 backbone) on the context's device, differentiable in the context.
            Products run in the backbone's precision, as in `Backbone.encode_texts`.
        """
        (backbone,) = self._backbone
        model = backbone.model
        tokens = self.tokens.to(backbone.device)
        context = self.context.to(backbone.device)
        first, behind = self._first, self._first + self.n_ctx

        def insert(_: nn.Module, __: Any, embedded: Tensor) -> Tensor:  # (B, T, W)
            words = context.to(embedded.dtype).expand(len(embedded), -1, -1)
            return torch.cat([embedded[:, :first], words, embedded[:, behind:]], dim=1)

        with _token_embedding(backbone).register_forward_hook(insert), backbone.arithmetic():
            full = backbone.full_towers
            chunks = tokens.split(self.chunk)
            parts = [towers.encode_text(model, chunk, full=full, group=self.chunk) for chunk in chunks]
        features = torch.cat(parts)
        features = features.to(self.context.device, torch.promote_types(features.dtype, torch.float32))
        return functional.normalize(features, dim=-1) if normalize else features

    def extra_repr(self) -> str:
        """Show M, C and the backbone's name when printed."""
        return f"n_ctx={self.n_ctx}, classes={len(self.class_names)}, backbone={self._backbone[0].name}"


def _token_embedding(backbone: Backbone) -> nn.Embedding:
    """The module of the text tower that turns token ids (B, T) into vectors (B, T, W)."""
    tower = towers.text_module(backbone.model)
    embedding = getattr(tower, "token_embedding", None)
    if not isinstance(embedding, nn.Embedding):
        fail(
            "backbone",
            "one whose text tower has a token_embedding, as open_clip's own have",
            f"a text tower of class {type(tower).__name__}",
        )
    return embedding


def _prompt_tokens(tokenizer: Any, names: list[str], n_ctx: int, argument: str) -> tuple[int, Tensor]:
    """Position of the first placeholder, and int64 (C, T): the tokens of "X ... X CLASS." for every class."""
    placeholders = " ".join([_PLACEHOLDER] * n_ctx)
    tokens, fits = _tokenize(tokenizer, [f"{placeholders} {name}." for name in names])
    length = tokens.shape[1]
    room = length - n_ctx - _used(tokenizer, "") - 1  # behind context and start, before full stop and end
    if room < 1:
        fail(argument, f"of at most {n_ctx + room - 1} tokens, as the text tower reads {length}", f"{n_ctx} tokens")
    if not bool(fits.all()):
        fail(
            "class_names",
            f"names of at most {room} tokens (the text tower reads {length}, the context takes {n_ctx})",
            describe(names[int((~fits).nonzero()[0])]),
        )
    first, token = _first_word(tokenizer)
    if not bool((tokens[:, first : first + n_ctx] == token).all()):
        fail(
            "backbone",
            f"one whose tokenizer gives each {_PLACEHOLDER!r} of a text one token",
            f"a tokenizer of class {type(tokenizer).__name__}",
        )
    return first, tokens


def _first_word(tokenizer: Any) -> tuple[int, Tensor]:
    """Position of a text's first word (1 behind a start token, else 0), and the placeholder's id."""
    row = tokenizer([" ".join([_PLACEHOLDER] * 8)])[0]
    first = int((row[:-1] == row[1:]).int().argmax())
    return first, row[first]


def _word_ids(tokenizer: Any, init: str) -> Tensor:
    """Ids of the words of ``init``, without start, end and padding: int64 (M,)."""
    if not isinstance(init, str) or not init.strip():
        fail("init", "a str with at least one word, or None", init if not isinstance(init, str) else repr(init))
    tokens, fits = _tokenize(tokenizer, [init])
    if not bool(fits[0]):
        fail("init", f"shorter than the {tokens.shape[1]} tokens that the text tower reads", describe(init))
    first, _ = _first_word(tokenizer)
    return tokens[0, first : first + _used(tokenizer, init) - _used(tokenizer, "")]


def _tokenize(tokenizer: Any, texts: list[str]) -> tuple[Tensor, Tensor]:
    """Tokens int64 (B, T), and bool (B,): whether nothing was cut off, which holds where more room changes nothing."""
    tokens: Tensor = tokenizer(texts)
    length = tokens.shape[1]
    wide = tokenizer([*texts, ""], context_length=2 * length)
    padding = wide[-1, -1]
    wide = wide[:-1]
    return tokens, (wide[:, :length] == tokens).all(dim=1) & (wide[:, length:] == padding).all(dim=1)


def _used(tokenizer: Any, text: str) -> int:
    """Number of tokens before the padding, start and end included."""
    row, empty = tokenizer([text, ""])
    return max((int(i) + 1 for i in (row != empty[-1]).nonzero()), default=0)
