"""`Backbone`: one CLIP with its tokenizer, its preprocessing and its precision."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ltnb._checks import check_choice, check_finite, check_texts, fail
from ltnb.clip import input_size, towers
from ltnb.clip.feature_cache import state_hash
from ltnb.clip.mini import SeenWords
from ltnb.clip.precision import ComputeType, arithmetic
from ltnb.clip.preprocess import Preprocess
from ltnb.clip.towers import Layer

if TYPE_CHECKING:
    from PIL.Image import Image


class Backbone(nn.Module):
    """A CLIP whose outputs are float32 and differentiable; made by `ltnb.clip.load`.

    Weights are float32. Inside ``encode_*`` matrix products run in `precision` through ``torch.autocast``, whatever
    autocast is around, so that a training loop needs no setting of its own.

    **Hooks.** Of a plain ViT's or text tower's last block only the token that is read is computed, and sentences go
    through in groups of similar length: the same numbers with less arithmetic. A hook on the last block, on the whole
    transformer or on the tower is not called then, and a method replaced there is not used; a hook on a part of the
    last block sees one token, one in the text tower a group of sentences. Whoever registers hooks, replaces methods or
    shards blocks asks for open_clip's own pass::

        with backbone.in_full(), block.register_forward_hook(listen):
            backbone.encode_images(batch)

    or sets ``backbone.full_towers = True`` once. Results agree up to rounding.

    Attributes:
        model: the open_clip model; ``model.visual`` is the image tower.
        tokenizer: its tokenizer: list of B str → int64 (B, context length).
        name: architecture.
        pretrained: tag, file name, ``shipped`` or ``random:<seed>``.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        quick_gelu: whether the towers use QuickGELU.
        metadata: what a mini model's weight file says about its training; else empty.
        full_towers: whether every token of every block is computed, by open_clip's own pass; False by default.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Callable[..., Tensor],
        preprocess: Preprocess,
        *,
        name: str,
        pretrained: str,
        precision: ComputeType,
        quick_gelu: bool,
        vocabulary: Tensor | None = None,
        metadata: dict[str, Any] | None = None,
        frozen_vocabulary: bool = False,
    ) -> None:
        super().__init__()
        self.model: Any = model
        self.tokenizer = tokenizer
        self.name = name
        self.pretrained = pretrained
        self.precision = precision
        self.quick_gelu = quick_gelu
        self.metadata = metadata or {}
        self.full_towers = False
        self._preprocess = preprocess
        self._frozen_vocabulary = frozen_vocabulary
        self._vocabulary = None if vocabulary is None else SeenWords(tokenizer, vocabulary)
        self._warned: set[str] = set()
        # channels last: convolutions train four times as fast on a CPU (a patch embedding alone gains nothing)
        convolutions = sum(isinstance(module, nn.Conv2d) for module in model.modules())
        self._memory_format = torch.channels_last if convolutions > 1 else torch.contiguous_format
        self.model.to(memory_format=self._memory_format)  # type: ignore[call-overload]

    # What it is ------------------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.model.logit_scale.device
        return device

    @property
    def image_size(self) -> int:
        """Side of the square that the image tower reads, in pixels (the height, if it is no square)."""
        return self._preprocess.size[0]

    @property
    def embed_dim(self) -> int:
        """Width D of the joint embedding."""
        if hasattr(self.model.visual, "output_dim"):
            return int(self.model.visual.output_dim)
        with torch.no_grad():
            return int(self.encode_images(torch.zeros(1, 3, *self._preprocess.size)).shape[-1])

    @property
    def logit_scale(self) -> float:
        """The exponential of the learned parameter: what CLIP multiplies cosines with (100 for OpenAI's models)."""
        return float(self.model.logit_scale.detach().exp())

    @property
    def weights_hash(self) -> str:
        """SHA-256 over all weights as they are now."""
        return state_hash(self.model)

    @property
    def image_weights_hash(self) -> str:
        """SHA-256 over the image tower's weights as they are now: image features depend on no other weights."""
        return state_hash(self.model.visual)

    @property
    def preprocessor(self) -> Preprocess:
        """The preprocessing without the model, for worker processes."""
        return self._preprocess

    def facts(self) -> dict[str, Any]:
        """What decides a zero-shot number, as plain values for a record; weights as they are now.

        Keys: ``name``, ``pretrained``, ``precision`` (resolved), ``quick_gelu``, ``image_size`` (pixels),
        ``interpolation``, ``resize_mode``, ``mean``, ``std``, ``weights`` (first 16 digits of their SHA-256).
        """
        return {
            "name": self.name,
            "pretrained": self.pretrained,
            "precision": self.precision,
            "quick_gelu": self.quick_gelu,
            "image_size": self.image_size,
            "interpolation": self._preprocess.interpolation,
            "resize_mode": self._preprocess.resize_mode,
            "mean": list(self._preprocess.mean),
            "std": list(self._preprocess.std),
            "weights": self.weights_hash[:16],
        }

    # Encoding --------------------------------------------------------------------------------------------------------

    def preprocess(self, image: Image | Tensor) -> Tensor:
        """Resizes, crops and normalises; see `Preprocess`.

        Args:
            image: a PIL picture, or uint8 (3, H, W) or (B, 3, H, W).

        Returns:
            float32 (3, h, w) or (B, 3, h, w).
        """
        return self._preprocess(image)

    @contextmanager
    def in_full(self) -> Iterator[None]:
        """Sets `full_towers` while the block runs: for hooks and prompts that need to see all tokens."""
        before, self.full_towers = self.full_towers, True
        try:
            yield
        finally:
            self.full_towers = before

    def arithmetic(self) -> AbstractContextManager[None]:
        """What the towers are run under, see `ltnb.clip.precision`; for code that runs parts of `model` itself."""
        recomputes = any(getattr(module, "grad_checkpointing", False) for module in self.model.modules())
        return arithmetic(self.precision, self.device, recomputes=recomputes)

    def encode_images(self, batch: Tensor, *, normalize: bool = True) -> Tensor:
        """Embeds preprocessed images.

        A hook inside the tower needs `in_full`, or it may not be called: see the class.

        Args:
            batch: float (B, 3, h, w) from `preprocess`; moved to the model's device.
            normalize: divide each row by its norm. BALLAD's adapter needs False.

        Returns:
            float32 (B, D), differentiable.

        Raises:
            ValueError: another shape or dtype, no image, or (in a batch on the CPU) NaN or infinity.
        """
        return self._image_features(batch, "embedding", normalize)

    def encode_tokens(self, batch: Tensor) -> Tensor:
        """All tokens of the last stage of the image tower, class token first; see `towers.layers`.

        Args:
            batch: float (B, 3, h, w) from `preprocess`.

        Returns:
            float32 (B, T, W), differentiable.
        """
        return self._image_features(batch, "tokens", False)

    def encode_pooled(self, batch: Tensor) -> Tensor:
        """The pooled feature before the projection; see `towers.layers`.

        Args:
            batch: float (B, 3, h, w) from `preprocess`.

        Returns:
            float32 (B, W), differentiable.
        """
        return self._image_features(batch, "pooled", False)

    def encode_layers(self, batch: Tensor, layers: Sequence[Layer]) -> dict[Layer, Tensor]:
        """Several of ``embedding``, ``pooled`` and ``tokens`` after one pass; see `towers.layers`.

        Args:
            batch: float (B, 3, h, w) from `preprocess`.
            layers: their names.

        Returns:
            Layer → float32, un-normalised, differentiable.
        """
        for layer in layers:
            check_choice(layer, "layers", towers.LAYERS)
        batch = self._checked(batch)
        with self.arithmetic():
            visual = self.model.visual
            if not self.full_towers and "tokens" not in layers and towers.reads_class_token(visual):
                found = towers.class_token(visual, batch)
            elif set(layers) == {"embedding"}:  # any tower can do this
                return {"embedding": self.model.encode_image(batch, normalize=False).float()}
            else:
                found = towers.layers(visual, batch)
            return {layer: found[layer]().float() for layer in layers}

    def _image_features(self, batch: Tensor, layer: Layer, normalize: bool) -> Tensor:
        features = self.encode_layers(batch, (layer,))[layer]
        return functional.normalize(features, dim=-1) if normalize else features

    def _checked(self, batch: Tensor) -> Tensor:
        """A batch of preprocessed images where and how the model wants it."""
        shape = (3, *self._preprocess.size)
        if not isinstance(batch, Tensor) or not batch.is_floating_point() or batch.shape[1:] != shape or not len(batch):
            height, width = self._preprocess.size
            fail("batch", f"a float tensor (B, 3, {height}, {width}) from preprocess, B >= 1", batch)
        check_finite(batch, "batch")
        return batch.to(self.device, memory_format=self._memory_format)

    def encode_texts(self, texts: Sequence[str], *, normalize: bool = True) -> Tensor:
        """Embeds texts. What is longer than the tokenizer's context is cut, as open_clip does.

        A hook inside the tower needs `in_full`, or it may not be called: see the class.

        A mini model warns, once a word, about words that never occurred in its pre-training: their embeddings are
        noise.

        Args:
            texts: B strings.
            normalize: divide each row by its norm.

        Returns:
            float32 (B, D), differentiable.
        """
        texts = check_texts(texts, "texts")
        fresh = [word for word in self.unknown_words(texts) if word not in self._warned]
        if fresh:
            self._warned.update(fresh)
            warnings.warn(
                f"{self.name} never saw these words in pre-training, their embeddings are noise: {', '.join(fresh)}",
                UserWarning,
                stacklevel=2,
            )
        tokens = self.tokenizer(texts).to(self.device)
        with self.arithmetic():
            features = towers.encode_text(self.model, tokens, full=self.full_towers).float()
        return functional.normalize(features, dim=-1) if normalize else features

    def unknown_words(self, texts: Sequence[str]) -> list[str]:
        """Words of `texts` with a token that never occurred in a mini model's pre-training, each once, in order.

        Empty for models whose vocabulary is not known (all others).
        """
        return [] if self._vocabulary is None else self._vocabulary.unknown(texts)

    # Training --------------------------------------------------------------------------------------------------------

    def tower_parameters(self, tower: Literal["image", "text"]) -> dict[str, nn.Parameter]:
        """Parameters of one tower by their name in `model`; the logit scale and bias belong to neither."""
        if tower not in ("image", "text"):
            fail("tower", "'image' or 'text'", repr(tower))
        return {
            name: parameter
            for name, parameter in self.model.named_parameters()
            if not name.startswith("logit_") and name.startswith("visual.") == (tower == "image")
        }

    def set_trainable(self, *, image: bool, text: bool, logit_scale: bool = False) -> None:
        """Chooses what training changes.

        Args:
            image: the image tower.
            text: the text tower. A mini model's token embedding stays frozen: its gradient would cost more than the
                rest of a step, and rows unseen in pre-training would be all that it moves for.
            logit_scale: the temperature.
        """
        for parameter in self.tower_parameters("image").values():
            parameter.requires_grad_(image)
        for name, parameter in self.tower_parameters("text").items():
            frozen = self._frozen_vocabulary and name.endswith("token_embedding.weight")
            parameter.requires_grad_(text and not frozen)
        self.model.logit_scale.requires_grad_(logit_scale)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trades time for memory in training: activations of a transformer's blocks are computed anew when needed.

        Both towers then run open_clip's own loop over their blocks, which is what checkpoints. open_clip does nothing
        for a ModifiedResNet.
        """
        self.model.set_grad_checkpointing(enable)

    def set_image_size(self, pixels: int) -> None:
        """Reads pictures of another size from now on; see `ltnb.clip.input_size`.

        Args:
            pixels: side of the square, a multiple of the tower's patch.

        Raises:
            ValueError: another kind of image tower, or a side that does not fit.
        """
        input_size.resize_positions(self.model.visual, pixels)
        self._preprocess = dataclasses.replace(self._preprocess, size=(pixels, pixels))

    def copy_tower(self, source: Backbone, tower: Literal["image", "text"]) -> None:
        """Takes over one tower's weights (and running statistics) from another Backbone of the same architecture.

        BALLAD's Table 4, random against pre-trained towers, is made of it.
        """
        chosen = self.tower_parameters(tower).keys() | {
            name for name, _ in self.model.named_buffers() if name.startswith("visual.") == (tower == "image")
        }
        state = {name: value for name, value in source.model.state_dict().items() if name in chosen}
        own = self.model.state_dict()
        wrong = [name for name in chosen & own.keys() if name not in state or state[name].shape != own[name].shape]
        if wrong:
            fail(
                "source",
                f"of the same architecture as {self.name!r}",
                f"{source.name!r} (first difference: {min(wrong)})",
            )
        self.model.load_state_dict(state, strict=False)

    def extra_repr(self) -> str:
        """The facts that identify the model, on one line."""
        return f"{self.name}:{self.pretrained}, {self.precision}, quick_gelu={self.quick_gelu}, {self.image_size} px"
