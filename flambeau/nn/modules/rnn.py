"""Recurrent layers and cells: RNN, LSTM, GRU.

May import: nn.functional, nn.init, nn.parameter, nn.modules.module, nn.utils.rnn, ops.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from flambeau.nn import functional as F
from flambeau.nn import init
from flambeau.nn.functional.recurrence import GATES, State, Weights, advance, run_layers, run_packed
from flambeau.nn.modules.module import Module
from flambeau.nn.parameter import Parameter
from flambeau.nn.utils.rnn import PackedSequence
from flambeau.ops import creation
from flambeau.shapes import recurrent as rules
from flambeau.tensor import Tensor

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase"]


def _check_arguments(module: RNNBase, dropout: Any) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
        raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element being zeroed")
    if dropout > 0 and module.num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
            f"num_layers greater than 1, but got dropout={dropout} and num_layers={module.num_layers}",
            stacklevel=4,
        )
    for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
        value = getattr(module, name)
        if not isinstance(value, kind):
            raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
    for name in ("input_size", "hidden_size", "num_layers"):
        if getattr(module, name) <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if module.proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if module.proj_size >= module.hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNNBase(Module):
    """Layers of recurrent cells, in one direction or two; `mode` names the cell.

    Parameters of layer k are `weight_ih_lk`, `weight_hh_lk`, `bias_ih_lk`, `bias_hh_lk` and, with `proj_size`,
    `weight_hr_lk`; those of the backward direction end in `_reverse`.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        _check_arguments(self, dropout)
        self.dropout = float(dropout)
        if mode not in GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        gates = GATES[mode] * hidden_size
        output_size = proj_size or hidden_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            layer_input = input_size if layer == 0 else output_size * self._directions
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, layer_input), "weight_hh": (gates, output_size)}
            if bias:
                shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for direction in range(self._directions):
                suffix = f"_l{layer}" + ("_reverse" if direction else "")
                for name, shape in shapes.items():
                    setattr(self, name + suffix, Parameter(creation.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append([name + suffix for name in shapes])
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """PyTorch's call for GPUs that want all weights in one block: nothing to do here."""

    def reset_parameters(self) -> None:
        """U(-1/√hidden_size, 1/√hidden_size) everywhere."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        parts += [f"{name}={getattr(self, name)}" for name, usual in defaults.items() if getattr(self, name) != usual]
        return ", ".join(parts)

    # Checks

    def check_input(self, input: Tensor, batch_sizes: Any) -> None:
        """Raises ValueError or RuntimeError unless dtype, rank and features fit."""
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        dims = 2 if batch_sizes is not None else 3
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        rules.rnn_output(tuple(input.shape), self.input_size, self.hidden_size, self.bidirectional)

    def _state_sizes(self, batch: int) -> list[tuple[int, int, int]]:
        sizes = [self.proj_size or self.hidden_size] + ([self.hidden_size] if self.mode == "LSTM" else [])
        return [(self.num_layers * self._directions, batch, size) for size in sizes]

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """(layers · directions, batch, size) of the state h for an input, or for packed data with its batch sizes."""
        return self._state_sizes(self._batch(input, batch_sizes))[0]

    def _batch(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        return input.size(0 if self.batch_first else 1) if batch_sizes is None else int(batch_sizes[0])

    def check_hidden_size(self, hx: Tensor, expected_hidden_size: Any, msg: str = "Expected hidden size {}, got {}") -> None:
        """Raises RuntimeError, with the two sizes in `msg`, unless the state has the expected size."""
        if tuple(hx.size()) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raises ValueError or RuntimeError unless the input, and the initial state for it, fit."""
        self.check_input(input, batch_sizes)
        self._check_state(self._as_parts(hidden), self._batch(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The state with its examples in another order."""
        if permutation is None:
            return hx
        return self._as_result(tuple(part.index_select(1, permutation) for part in self._as_parts(hx)))

    def _check_state(self, state: State, batch: int) -> None:
        for index, (part, expected) in enumerate(zip(state, self._state_sizes(batch))):
            what = f"hidden[{index}]" if self.mode == "LSTM" else "hidden"
            self.check_hidden_size(part, expected, f"Expected {what} size {{}}, got {{}}")

    def _as_parts(self, hx: Any) -> State:
        return tuple(hx) if self.mode == "LSTM" else (hx,)

    def _as_state(self, hx: Any, batched: bool) -> State:
        """The user's initial state as a tuple of (layers · directions, batch, size)."""
        state = self._as_parts(hx)
        dims = 3 if batched else 2
        if any(part.dim() != dims for part in state):
            kind = "batched 3-D" if batched else "unbatched 2-D"
            if self.mode == "LSTM":
                got = ", ".join(f"{part.dim()}-D" for part in state)
                raise RuntimeError(f"For {kind} input, hx and cx should also be {dims}-D but got ({got}) tensors")
            raise RuntimeError(f"For {kind} input, hx should also be {dims}-D but got {state[0].dim()}-D tensor")
        return state if batched else tuple(part.unsqueeze(1) for part in state)

    # Forward

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Outputs of all time steps, and the last state of each layer and direction.

        Input (T, N, input_size), (N, T, input_size) with `batch_first`, (T, input_size), or a PackedSequence.
        """
        state: State | None
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            name = type(self).__name__ if self.mode in ("LSTM", "GRU") else "RNN"
            tensor = " tensor" if name == "RNN" else ""
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D{tensor} instead")
        batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        state = None if hx is None else self._as_state(hx, batched)
        if not batched:
            input = input.unsqueeze(batch_dim)
        self.check_input(input, None)
        batch = input.size(batch_dim)
        if state is None:
            state = self._zeros(input, batch)
        else:
            self._check_state(state, batch)
        if input.size(1 - batch_dim) == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        times_first = input.transpose(0, 1) if self.batch_first else input
        output, state = run_layers(self.mode, times_first, None, state, *self._options())
        output = output.transpose(0, 1) if self.batch_first else output
        if not batched:
            output, state = output.squeeze(batch_dim), tuple(part.squeeze(1) for part in state)
        return output, self._as_result(state)

    def _forward_packed(self, packed: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        """The layers over sequences of several lengths: as one of the longest, in which shorter ones' states stand still."""
        sizes = packed.batch_sizes.tolist()
        batch = sizes[0]
        self.check_input(packed.data, packed.batch_sizes)
        order, back = packed.sorted_indices, packed.unsorted_indices
        if hx is None:
            state = self._zeros(packed.data, batch)
        else:
            state = self._as_state(hx, batched=True)
            self._check_state(state, batch)
            state = self._as_parts(self.permute_hidden(self._as_result(state), order))
        data, state = run_packed(self.mode, packed.data, sizes, state, *self._options())
        return PackedSequence(data, packed.batch_sizes, order, back), self.permute_hidden(self._as_result(state), back)

    def _as_result(self, state: State) -> Any:
        return state if self.mode == "LSTM" else state[0]

    def _zeros(self, input: Tensor, batch: int) -> State:
        return tuple(input.new_zeros(size) for size in self._state_sizes(batch))

    def _options(self) -> tuple[list[Weights], bool, float, bool]:
        """What `run_layers` takes after input and state."""
        weights: list[Weights] = [
            {name.rpartition("_l")[0]: getattr(self, name) for name in names} for names in self._all_weights
        ]
        return weights, self.bidirectional, self.dropout, self.training


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it (Elman 1990)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        _refuse_projection(kwargs)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype, **kwargs
        )
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory; the state is (h, c). With `proj_size`, h is projected to that size.

    >>> output, (h, c) = nn.LSTM(10, 20, num_layers=2, batch_first=True)(torch.randn(3, 5, 10))
    >>> output.shape, h.shape, c.shape
    (torch.Size([3, 5, 20]), torch.Size([2, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """`get_expected_hidden_size` of the state c, which is never projected."""
        return self._state_sizes(self._batch(input, batch_sizes))[1]


class GRU(RNNBase):
    """Gated recurrent units.

    >>> output, h = nn.GRU(10, 20)(torch.randn(5, 3, 10))
    >>> output.shape, h.shape
    (torch.Size([5, 3, 20]), torch.Size([1, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        _refuse_projection(kwargs)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype, **kwargs
        )


def _refuse_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNNCellBase(Module):
    """One recurrent cell with `num_chunks` gates."""

    bias_ih: Tensor | None
    bias_hh: Tensor | None
    nonlinearity: str

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(creation.empty((gates, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(creation.empty((gates, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            value = Parameter(creation.empty(gates, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """U(-1/√hidden_size, 1/√hidden_size) everywhere."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)

    def _run(self, mode: str, input: Tensor, state: State | None) -> State:
        """The next state; without a batch where `input` has none. `state` defaults to zeros."""
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for index, part in enumerate(state or ()):
            if part.dim() not in (1, 2):
                what = f"hx[{index}]" if mode == "LSTM" else "hidden"
                raise ValueError(f"{name}: Expected {what} to be 1D or 2D, got {part.dim()}D instead")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
            state = None if state is None else tuple(part.unsqueeze(0) for part in state)
        if input.size(1) != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.size(1)} expected {self.input_size}")
        if state is None:
            zeros = input.new_zeros(input.size(0), self.hidden_size)
            state = (zeros, zeros) if mode == "LSTM" else (zeros,)
        for index, part in enumerate(state):
            if part.size(0) != input.size(0):
                raise RuntimeError(f"Input batch size {input.size(0)} doesn't match hidden{index} batch size {part.size(0)}")
            if part.size(1) != self.hidden_size:
                raise RuntimeError(f"hidden{index} has inconsistent hidden_size: got {part.size(1)}, expected {self.hidden_size}")
        from_input = F.linear(input, self.weight_ih, self.bias_ih)
        from_hidden = F.linear(state[0], self.weight_hh, self.bias_hh)
        state = advance(mode, from_input, from_hidden, state)
        return state if batched else tuple(part.squeeze(0) for part in state)


class RNNCell(RNNCellBase):
    """One step of `RNN`. Input (N, input_size), state (N, hidden_size); both may lack N."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._run(f"RNN_{self.nonlinearity.upper()}", input, None if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    """One step of `LSTM`; the state is (h, c)."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        hidden, cell = self._run("LSTM", input, None if hx is None else tuple(hx))
        return hidden, cell


class GRUCell(RNNCellBase):
    """One step of `GRU`."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, num_chunks=3, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._run("GRU", input, None if hx is None else (hx,))[0]
