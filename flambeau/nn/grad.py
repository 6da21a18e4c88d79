"""`torch.nn.grad`: the gradients of convolutions by input and by weight, as functions. May import: nn.functional, autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.autograd.interface import grad
from flambeau.autograd.modes import enable_grad
from flambeau.nn.functional.convolution import conv1d, conv2d, conv3d
from flambeau.tensor import Tensor

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _gradient(f: Any, input: Tensor, weight: Tensor, wanted: int, g: Tensor, options: tuple[Any, ...]) -> Tensor:
    leaves = [t.detach() for t in (input, weight)]
    leaves[wanted].requires_grad_()
    with enable_grad():
        y = f(leaves[0], leaves[1], None, *options)
    found = grad(y, leaves[wanted], g)[0]
    assert found is not None
    return found


def _add(name: str, f: Any) -> tuple[Any, Any]:
    def of_input(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        input = grad_output.new_zeros(()).expand(tuple(input_size))
        return _gradient(f, input, weight, 0, grad_output, (stride, padding, dilation, groups))

    def of_weight(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        weight = grad_output.new_zeros(()).expand(tuple(weight_size))
        return _gradient(f, input, weight, 1, grad_output, (stride, padding, dilation, groups))

    for function, what in ((of_input, "input"), (of_weight, "weight")):
        function.__name__ = function.__qualname__ = f"{name}_{what}"
        function.__doc__ = f"The gradient of `{name}` by its {what}, whose size is given, from that of its output."
    return of_input, of_weight


conv1d_input, conv1d_weight = _add("conv1d", conv1d)
conv2d_input, conv2d_weight = _add("conv2d", conv2d)
conv3d_input, conv3d_weight = _add("conv3d", conv3d)
