"""Parameters as one vector and back. May import: ops, tensor."""

from __future__ import annotations

from collections.abc import Iterable

from flambeau.nn.modules.module import type_name
from flambeau.ops import joining
from flambeau.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def _check_device(parameter: Tensor, first: Tensor) -> None:
    if parameter.device != first.device:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of `parameters`, one tensor after the other, as a vector."""
    parameters = list(parameters)
    for parameter in parameters:
        _check_device(parameter, parameters[0])
    return joining.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Gives each of `parameters` its part of `vec` as its data."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type_name(vec)}")
    begin = 0
    parameters = list(parameters)
    for parameter in parameters:
        _check_device(parameter, parameters[0])
        parameter.data = vec[begin : begin + parameter.numel()].view_as(parameter).data
        begin += parameter.numel()
