"""What transformers and attention warn of, as PyTorch does, and how they put masks together."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

import flambeau

ENCODERS = """
Layer(8, 2, 16) | Layer(8, 2, 16, batch_first=True) | Layer(8, 2, 16, batch_first=True, norm_first=True) | m.nn.Linear(2, 2)
Layer(9, 3, 18, batch_first=True) | Layer(8, 2, 16, batch_first=True, bias=False)
Layer(8, 2, 16, batch_first=True, activation="gelu") | Layer(8, 2, 16, batch_first=True, activation=m.nn.functional.silu)
Layer(8, 2, 16, batch_first=True, activation=m.nn.GELU())
""".replace("\n", "|").split("|")


def _warned(call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in caught if "prototype" not in str(w.message)]


@pytest.mark.parametrize("layer", [layer.strip() for layer in ENCODERS if layer.strip()])
def test_why_encoders_are_not_nested(layer: str) -> None:
    def run(m: Any, nested: bool) -> list[str]:
        made = eval(layer, {"m": m, "Layer": m.nn.TransformerEncoderLayer})
        return _warned(lambda: m.nn.TransformerEncoder(made, 2, enable_nested_tensor=nested))

    for nested in (True, False):
        assert run(flambeau, nested) == run(torch, nested)


@pytest.mark.parametrize("kind", ["bool", "float32"])
@pytest.mark.parametrize("padding_kind", ["bool", "float32"])
def test_masks_of_two_kinds(kind: str, padding_kind: str) -> None:
    def run(m: Any) -> list[list[str]]:
        x, mask = m.ones(2, 3, 8), m.zeros(3, 3, dtype=getattr(m, kind))
        padding = m.zeros(2, 3, dtype=getattr(m, padding_kind))
        layer = m.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        attention = m.nn.MultiheadAttention(8, 2, batch_first=True)
        encoder = m.nn.TransformerEncoder(layer, 2)
        return [
            _warned(lambda: layer(x, src_mask=mask, src_key_padding_mask=padding)),
            _warned(lambda: encoder(x, mask=mask, src_key_padding_mask=padding)),
            _warned(lambda: attention(x, x, x, attn_mask=mask, key_padding_mask=padding)),
        ]

    assert run(flambeau) == run(torch)


def test_merged_masks() -> None:
    def run(m: Any) -> list[Any]:
        attention, query = m.nn.MultiheadAttention(4, 2), m.ones(2, 3, 4)
        square, each = m.arange(9.0).reshape(3, 3), m.arange(36.0).reshape(4, 3, 3)
        padding = m.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
        found = []
        for mask in (None, square, each):
            for beside in (None, padding):
                merged, kind = attention.merge_masks(mask, beside, query)
                found.append((None if merged is None else merged.tolist(), kind))
        return found

    assert run(flambeau) == run(torch)
