"""Recurrent layers and cells with their weights as arguments: `torch.lstm` and the others."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import check, compare, to_flambeau, translate

LAYERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "lstm": (torch.nn.LSTM, {}),
    "lstm projected": (torch.nn.LSTM, {"proj_size": 3}),
    "gru": (torch.nn.GRU, {}),
    "rnn_tanh": (torch.nn.RNN, {}),
    "rnn_relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
}


def _arguments(case: str, bias: bool, batch_first: bool) -> tuple[str, Any, Any, list[torch.Tensor]]:
    kind, options = LAYERS[case]
    module = kind(4, 5, num_layers=2, bidirectional=True, bias=bias, batch_first=batch_first, **options)
    hidden = torch.randn(4, 3, options.get("proj_size", 5))
    state = (hidden, torch.randn(4, 3, 5)) if case.startswith("lstm") else hidden
    return case.split()[0], module, state, [p.detach() for row in module.all_weights for p in row]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("case", LAYERS)
def test_layers(device: str, case: str, bias: bool, batch_first: bool) -> None:
    torch.manual_seed(0)
    name, _, state, weights = _arguments(case, bias, batch_first)
    x = torch.randn(3, 6, 4) if batch_first else torch.randn(6, 3, 4)
    args = (x, state, weights, bias, 2, 0.0, False, True, batch_first)
    check(getattr(flambeau, name), getattr(torch, name), args, {}, device=device, factor=10, layout=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", LAYERS)
def test_packed(device: str, case: str) -> None:
    torch.manual_seed(0)
    name, _, state, weights = _arguments(case, True, False)
    packed = torch.nn.utils.rnn.pack_sequence([torch.randn(n, 4) for n in (5, 4, 2)])
    args = (packed.data, packed.batch_sizes, state, weights, True, 2, 0.0, False, True)
    expected = getattr(torch, name)(*args)
    sizes = flambeau.tensor(packed.batch_sizes.tolist())
    found = getattr(flambeau, name)(to_flambeau(packed.data, device), sizes, *translate(args[2:], device))
    for mine, theirs in zip(found, expected, strict=True):
        compare(mine, theirs, factor=10, layout=False)


@pytest.mark.parametrize(("name", "gates"), [("lstm_cell", 4), ("gru_cell", 3), ("rnn_tanh_cell", 1), ("rnn_relu_cell", 1)])
def test_cells(device: str, name: str, gates: int) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(2, 5)
    state = [hidden, torch.randn(2, 5)] if name == "lstm_cell" else hidden
    weights = (torch.randn(5 * gates, 4), torch.randn(5 * gates, 5), torch.randn(5 * gates), torch.randn(5 * gates))
    for given in (weights, weights[:2]):
        args = (torch.randn(2, 4), state, *given)
        check(getattr(flambeau, name), getattr(torch, name), args, {}, device=device, factor=10, layout=False)


def test_what_does_not_fit() -> None:
    x, h = flambeau.ones(5, 3, 4), flambeau.zeros(1, 3, 5)
    with pytest.raises(RuntimeError, match="expected 4 weights"):
        flambeau.gru(x, h, [flambeau.ones(15, 4)], True, 1, 0.0, False, False, False)
    with pytest.raises(TypeError, match="missing argument 'params'"):
        flambeau.gru(x, h)
    with pytest.raises(RuntimeError, match="two hidden states"):
        flambeau.lstm(x, (h,), [], True, 1, 0.0, False, False, False)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_dtypes_inside_autocast(device: str, name: str) -> None:
    def dtypes(t: Any, where: str) -> list[str]:
        module = getattr(t.nn, name)(4, 5).to(where)
        with t.autocast(where, dtype=t.bfloat16):
            output, state = module(t.ones(2, 3, 4, device=where))
        return [str(s.dtype) for s in (output, *(state if isinstance(state, tuple) else (state,)))]

    # PyTorch hands an LSTM to oneDNN, whose bfloat16 layer refuses to run on processors without AVX-512
    expected = ["torch.bfloat16"] * 3 if name == "LSTM" else dtypes(torch, "cpu")
    assert dtypes(flambeau, device) == expected
