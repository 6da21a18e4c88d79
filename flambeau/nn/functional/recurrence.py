"""What recurrent layers and cells do at one step, one direction of a layer, which is that step over a whole sequence, and layers.

May import what `nn.functional` may.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flambeau.autograd.modes import state as modes
from flambeau.nn.functional.dropout import dropout as _dropout
from flambeau.nn.functional.linear import linear
from flambeau.ops import creation, joining
from flambeau.ops.autocast import cast_floating
from flambeau.ops.choices import where
from flambeau.ops.recurrence import recur
from flambeau.ops.sequences import arange
from flambeau.tensor import Tensor

__all__ = ["GATES", "State", "Weights", "advance", "run_direction", "run_layers", "run_packed"]

State = tuple[Tensor, ...]
Weights = Mapping[str, Tensor]
"""A layer's and direction's, by their names without both: weight_ih, weight_hh[, bias_ih, bias_hh][, weight_hr]."""


def _tanh_step(from_input: Tensor, from_hidden: Tensor, state: State) -> State:
    return ((from_input + from_hidden).tanh(),)


def _relu_step(from_input: Tensor, from_hidden: Tensor, state: State) -> State:
    return ((from_input + from_hidden).relu(),)


def _lstm_step(from_input: Tensor, from_hidden: Tensor, state: State) -> State:
    """Hochreiter & Schmidhuber 1997, gates in PyTorch's order: input, forget, cell, output."""
    i, f, g, o = (from_input + from_hidden).chunk(4, -1)
    cell = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def _gru_step(from_input: Tensor, from_hidden: Tensor, state: State) -> State:
    """Cho et al. 2014, gates in PyTorch's order: reset, update, new."""
    input_r, input_z, input_n = from_input.chunk(3, -1)
    hidden_r, hidden_z, hidden_n = from_hidden.chunk(3, -1)
    new = (input_n + (input_r + hidden_r).sigmoid() * hidden_n).tanh()
    return (new + (input_z + hidden_z).sigmoid() * (state[0] - new),)


_STEPS: dict[str, Callable[[Tensor, Tensor, State], State]] = {
    "RNN_TANH": _tanh_step,
    "RNN_RELU": _relu_step,
    "LSTM": _lstm_step,
    "GRU": _gru_step,
}
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
"""By mode: the number of gates."""


def advance(mode: str, from_input: Tensor, from_hidden: Tensor, state: State) -> State:
    """W_ih x + b_ih, W_hh h + b_hh and a state to the next state, whose first part is the cell's output."""
    return _STEPS[mode](from_input, from_hidden, state)


@dataclass(frozen=True)
class _Step:
    """A layer's step for `recur`: rows are (W_ih x + b_ih, which sequences go on, if some end early), constants (W_hh, b_hh if
    the input's part doesn't hold it, W_hr if there is one)."""

    mode: str
    has_bias: bool
    projects: bool
    ends: bool

    def __call__(self, state: list[Tensor], rows: list[Tensor], constants: list[Tensor]) -> tuple[State, tuple[()]]:
        from_hidden = linear(state[0], constants[0], constants[1] if self.has_bias else None)
        following = advance(self.mode, rows[0], from_hidden, tuple(state))
        if self.projects:
            following = (linear(following[0], constants[-1]), *following[1:])
        if self.ends:
            following = tuple([where(rows[1], new, old) for new, old in zip(following, state)])
        return following, ()


def run_direction(
    mode: str, input: Tensor, going_on: Tensor | None, state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    """One layer, one direction: input (T, N, features) and the first state to the outputs (T, N, size) and the last state.

    Where `going_on` (bool, (T, N, 1)) is false the state stays as it is.
    """
    bias, hidden_bias = weights.get("bias_ih"), weights.get("bias_hh")
    constants = [weights["weight_hh"]]
    if bias is not None and hidden_bias is not None:
        if mode == "GRU":  # its new gate scales the hidden part, bias included
            constants.append(hidden_bias)
        else:
            bias = bias + hidden_bias
    projection = weights.get("weight_hr")
    step = _Step(mode, len(constants) > 1, projection is not None, going_on is not None)
    if projection is not None:
        constants.append(projection)
    rows: Sequence[Tensor] = [linear(input, weights["weight_ih"], bias)]
    if going_on is not None:
        rows = [*rows, going_on]
    found = recur(step, state, rows, constants, reverse, (True,) + (False,) * (len(state) - 1))
    return found.states[0], tuple(found.last)


def run_layers(
    mode: str,
    input: Tensor,
    going_on: Tensor | None,
    state: State,
    weights: Sequence[Weights],
    bidirectional: bool = False,
    dropout: float = 0.0,
    training: bool = False,
) -> tuple[Tensor, State]:
    """All layers over (T, N, features): the outputs (T, N, size) and the last states (layers · directions, N, size).

    `weights` and the first states are layer by layer, in it direction by direction. `going_on`: see `run_direction`.
    Inside `autocast` all is in the lower precision, but for a GRU, whose state is not a product's alone: only its products are.
    """
    lower = modes.autocast
    if lower is not None and mode != "GRU":
        weights = [{name: cast_floating(w, lower) for name, w in layer.items()} for layer in weights]
        input, state = cast_floating((input, state), lower)
        modes.autocast = None
        try:
            return run_layers(mode, input, going_on, state, weights, bidirectional, dropout, training)
        finally:
            modes.autocast = lower
    last: list[State] = []
    directions = 2 if bidirectional else 1
    for layer in range(len(weights) // directions):
        outputs = []
        for reverse in range(directions):
            index = layer * directions + reverse
            first = tuple(part[index] for part in state)
            output, final = run_direction(mode, input, going_on, first, weights[index], reverse == 1)
            outputs.append(output)
            last.append(final)
        input = outputs[0] if len(outputs) == 1 else joining.cat(outputs, -1)
        if dropout and (layer + 1) * directions < len(weights):
            input = _dropout(input, dropout, training)
    return input, tuple(joining.stack(parts) for parts in zip(*last))


def run_packed(
    mode: str,
    data: Tensor,
    counts: Sequence[int],
    state: State,
    weights: Sequence[Weights],
    bidirectional: bool = False,
    dropout: float = 0.0,
    training: bool = False,
) -> tuple[Tensor, State]:
    """`run_layers` over sequences of several lengths, the longest first: `counts` tells how many go on at each time.

    `data` (sum of the counts, features) holds their steps time by time, and so does the output. They are run as sequences of the
    greatest length, in which the shorter ones' states stand still.
    """
    options = (weights, bidirectional, dropout, training)
    times, batch = len(counts), counts[0]
    if counts[-1] == batch:
        output, last = run_layers(mode, data.unflatten(0, (times, batch)), None, state, *options)
        return output.flatten(0, 1), last
    device = data.device
    numbers = creation.tensor(list(counts), device=device).unsqueeze(1)
    place = arange(batch, device=device)
    going_on = place < numbers  # (T, N)
    first = numbers.cumsum(0) - numbers
    from_data = (first + place)._fill_where(~going_on, 0)
    padded = data.index_select(0, from_data.flatten()).unflatten(0, (times, batch))
    output, last = run_layers(mode, padded, going_on.unsqueeze(-1), state, *options)
    kept = [row * batch + n for row, size in enumerate(counts) for n in range(size)]
    return output.flatten(0, 1).index_select(0, creation.tensor(kept, device=device)), last
