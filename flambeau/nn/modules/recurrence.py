"""What recurrent layers and cells do at one step, and one direction of a layer: that step over a whole sequence.

May import: nn.functional, ops, tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flambeau.nn import functional as F
from flambeau.ops.choices import where
from flambeau.ops.recurrence import recur
from flambeau.tensor import Tensor

__all__ = ["GATES", "State", "advance", "run_direction"]

State = tuple[Tensor, ...]


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
        from_hidden = F.linear(state[0], constants[0], constants[1] if self.has_bias else None)
        following = advance(self.mode, rows[0], from_hidden, tuple(state))
        if self.projects:
            following = (F.linear(following[0], constants[-1]), *following[1:])
        if self.ends:
            following = tuple([where(rows[1], new, old) for new, old in zip(following, state)])
        return following, ()


def run_direction(
    mode: str, input: Tensor, going_on: Tensor | None, state: State, weights: Mapping[str, Tensor], reverse: bool
) -> tuple[Tensor, State]:
    """One layer, one direction: input (T, N, features) and the first state to the outputs (T, N, size) and the last state.

    `weights` by their names without layer and direction. Where `going_on` (bool, (T, N, 1)) is false the state stays as it is.
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
    rows: Sequence[Tensor] = [F.linear(input, weights["weight_ih"], bias)]
    if going_on is not None:
        rows = [*rows, going_on]
    found = recur(step, state, rows, constants, reverse, (True,) + (False,) * (len(state) - 1))
    return found.states[0], tuple(found.last)
