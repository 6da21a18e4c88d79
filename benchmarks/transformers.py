"""Transformers: inference and training steps, compiled, beside PyTorch's. Each is written once, for either namespace."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch

import flambeau
from benchmarks.kernels import kernels
from benchmarks.models import gpt
from benchmarks.tensors import to_flambeau
from benchmarks.timing import inference_and_training, measure

__all__ = ["transformer_kernels", "transformers"]

_VOCABULARY = 4096


def _gpt(library: Any, length: int = 128) -> Any:
    """`models.gpt`, 4 layers of 256; the loss of the next token."""
    nn = library.nn

    class NextToken(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = gpt(library, _VOCABULARY, 256, 4, 4, length, gelu="tanh")

        def forward(self, tokens: Any) -> Any:
            logits = self.model(tokens[:, :-1])
            return nn.functional.cross_entropy(logits.reshape(-1, _VOCABULARY), tokens[:, 1:].reshape(-1))

    return NextToken()


def _bert(library: Any) -> Any:
    """`nn.TransformerEncoder`, 4 layers of 256, with a padding mask; the mean of squares is to become small."""
    nn = library.nn

    class Encoder(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(256, 4, 1024, 0.0, "gelu", batch_first=True)
            self.tokens = nn.Embedding(_VOCABULARY, 256)
            self.encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)

        def forward(self, tokens: Any) -> Any:
            return self.encoder(self.tokens(tokens), src_key_padding_mask=tokens % 8 == 0).square().mean()

    return Encoder()


def _decoder(library: Any) -> Any:
    """`nn.TransformerDecoder`, 4 layers of 256 that look at 64 places of another sequence, causal."""
    nn = library.nn

    class Decoder(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerDecoderLayer(256, 4, 1024, 0.0, batch_first=True)
            self.tokens, self.others = nn.Embedding(_VOCABULARY, 256), nn.Embedding(_VOCABULARY, 256)
            self.decoder = nn.TransformerDecoder(layer, 4)

        def forward(self, tokens: Any) -> Any:
            mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
            seen = self.others(tokens[:, :64])
            return self.decoder(self.tokens(tokens), seen, tgt_mask=mask, tgt_is_causal=True).square().mean()

    return Decoder()


_MODELS: dict[str, tuple[Callable[[Any], Any], tuple[int, int]]] = {
    "GPT of 4 layers, 256 wide, 8×128": (_gpt, (8, 129)),
    "GPT of 4 layers, 256 wide, 2×1024": (lambda library: _gpt(library, length=1024), (2, 1025)),
    "TransformerEncoder of 4 layers, padding, 8×128": (_bert, (8, 128)),
    "TransformerDecoder of 4 layers, 8×128 to 64": (_decoder, (8, 128)),
}
"""What makes a model that gives a loss, and the shape of its tokens."""


def _step(library: Any, model: Any) -> Callable[[Any], Any]:
    """A training step with AdamW."""
    optimizer = library.optim.AdamW(model.parameters(), lr=1e-4)

    def step(tokens: Any) -> Any:
        optimizer.zero_grad()
        loss = model(tokens)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def _times(name: str, is_training: bool) -> tuple[float, float]:
    """Seconds of flambeau and of PyTorch. The losses are compared first."""
    make, shape = _MODELS[name]
    torch.manual_seed(0)
    tokens = torch.randint(0, _VOCABULARY, shape)
    theirs, mine = make(torch), make(flambeau)
    mine.load_state_dict({k: to_flambeau(v) for k, v in theirs.state_dict().items()})
    numbers = to_flambeau(tokens)
    with contextlib.ExitStack() as stack:
        if not is_training:
            theirs.eval()
            mine.eval()
            stack.enter_context(torch.no_grad())
            stack.enter_context(flambeau.no_grad())
        call = _step(torch, theirs) if is_training else theirs
        compiled = flambeau.compile(_step(flambeau, mine) if is_training else mine)
        for _ in range(2):
            expected, got = call(tokens).item(), compiled(numbers).item()
            assert abs(expected - got) < 1e-3 * abs(expected), (name, expected, got)
        found = measure({"flambeau": lambda: compiled(numbers), "PyTorch": lambda: call(tokens)}, 1, 5)
    return found["flambeau"], found["PyTorch"]


def transformers(filter: str = "") -> str:
    """Inference and training step of the models whose name has `filter`."""
    return inference_and_training("Transformers, compiled", [name for name in _MODELS if filter in name], _times)


def transformer_kernels(filter: str = "") -> str:
    """What each kernel of a training step takes, of the models whose name has `filter`."""
    found = []
    for name, (make, shape) in _MODELS.items():
        if filter in name:
            tokens = flambeau.randint(0, _VOCABULARY, shape)
            step = flambeau.compile(_step(flambeau, make(flambeau)))
            found.append(kernels(f"{name}, training step: its kernels", lambda step=step, t=tokens: step(t), fewest_ms=0.05))
    return "\n".join(found)
