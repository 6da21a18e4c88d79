"""`torch.lstm`, `torch.gru`, `torch.rnn_tanh`, `torch.rnn_relu` and the cells: recurrent layers with their weights as arguments.

May import what `nn.functional` may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.nn.functional.linear import linear
from flambeau.nn.functional.recurrence import State, Weights, advance, run_layers, run_packed
from flambeau.ops.operands import check_tensor
from flambeau.ops.registry import operator
from flambeau.shapes import recurrent as rules
from flambeau.tensor import Tensor

__all__: list[str] = []

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _weights(name: str, params: Sequence[Tensor], has_biases: bool, layers: int, projects: bool) -> list[Weights]:
    """The flat list of weights, by layer and direction."""
    names = (*_NAMES[: 4 if has_biases else 2], *(("weight_hr",) if projects else ()))
    if not isinstance(params, (list, tuple)):
        raise TypeError(f"{name}(): argument 'params' must be tuple of Tensors, not {type(params).__name__}")
    if len(params) != len(names) * layers:
        expected = f"{len(names) * layers} weights ({', '.join(names)} for each of {layers} layers and directions)"
        raise RuntimeError(f"{name}(): expected {expected}, got {len(params)}")
    return [dict(zip(names, params[i : i + len(names)])) for i in range(0, len(params), len(names))]


def _run(name: str, mode: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, State]:
    """A layer's output and last state from either list of arguments: of one tensor, or of packed data and its counts."""
    packed = "batch_sizes" in kwargs or "data" in kwargs or (len(args) > 3 and isinstance(args[3], (list, tuple)))
    first = ("data", "batch_sizes") if packed else ("input",)
    order = (*first, "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional")
    order = order if packed else (*order, "batch_first")
    if len(args) > len(order):
        raise TypeError(f"{name}() takes at most {len(order)} arguments, got {len(args)}")
    given = {**dict(zip(order, args)), **kwargs}
    missing = [n for n in order if n not in given]
    if missing or len(given) > len(order):
        what = f"missing argument '{missing[0]}'" if missing else f"unexpected argument '{(given.keys() - set(order)).pop()}'"
        raise TypeError(f"{name}(): {what}")
    state = tuple(given["hx"]) if mode == "LSTM" else (given["hx"],)
    if mode == "LSTM" and len(state) != 2:
        raise RuntimeError("lstm expects two hidden states")
    for part in state:
        check_tensor(part, name, "hx", 3 if packed else 2)
    directions = 2 if given["bidirectional"] else 1
    layers = given["num_layers"] * directions
    weights = _weights(name, given["params"], given["has_biases"], layers, mode == "LSTM" and state[0].shape != state[1].shape)
    x = check_tensor(given[first[0]], name, first[0])
    rules.rnn_output(tuple(x.shape), weights[0]["weight_ih"].shape[1], weights[0]["weight_hh"].shape[1], directions == 2)
    options = (weights, directions == 2, given["dropout"], given["train"])
    if packed:
        return run_packed(mode, x, given["batch_sizes"].tolist(), state, *options)
    if x.dim() != 3:
        raise RuntimeError(f"{name}(): expected an input of 3 dimensions, got {x.dim()}")
    output, last = run_layers(mode, x.transpose(0, 1) if given["batch_first"] else x, None, state, *options)
    return (output.transpose(0, 1) if given["batch_first"] else output), last


def _layer(name: str, mode: str, what: str) -> None:
    def layer(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        output, last = _run(name, mode, args, kwargs)
        return output, *last

    layer.__name__ = layer.__qualname__ = name
    layer.__doc__ = f"""{what} of (input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first).

    Of a packed sequence: (data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional). Gives the output
    and the last state's parts; `params` are the weights of `nn.{mode.partition("_")[0]}` in the order of its `all_weights`.
    """
    operator(method=False)(layer)


_layer("lstm", "LSTM", "Long short-term memory")
_layer("gru", "GRU", "Gated recurrent units")
_layer("rnn_tanh", "RNN_TANH", "A recurrent layer with tanh")
_layer("rnn_relu", "RNN_RELU", "A recurrent layer with relu")


def _step(
    name: str, mode: str, input: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> State:
    check_tensor(input, name, "input")
    check_tensor(w_ih, name, "w_ih", 3)
    check_tensor(w_hh, name, "w_hh", 4)
    for part in state:
        check_tensor(part, name, "hx", 2)
        if input.shape[0] != part.shape[0]:
            raise RuntimeError(f"Input batch size {input.shape[0]} doesn't match hidden batch size {part.shape[0]}")
    if input.shape[1] != w_ih.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]}")
    return advance(mode, linear(input, w_ih, b_ih), linear(state[0], w_hh, b_hh), state)


@operator(method=False)
def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of long short-term memory: input [N, I] and (h, c), each [N, H], to the next (h, c)."""
    hidden, cell = _step("lstm_cell", "LSTM", input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
    return hidden, cell


def _cell(name: str, mode: str, what: str) -> None:
    def cell(
        input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
    ) -> Tensor:
        return _step(name, mode, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]

    cell.__name__ = cell.__qualname__ = name
    cell.__doc__ = f"One step of {what}: input [N, I] and state [N, H] to the next state."
    operator(method=False)(cell)


_cell("gru_cell", "GRU", "gated recurrent units")
_cell("rnn_tanh_cell", "RNN_TANH", "a recurrent layer with tanh")
_cell("rnn_relu_cell", "RNN_RELU", "a recurrent layer with relu")
