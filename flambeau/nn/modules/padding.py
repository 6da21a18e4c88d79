"""Padding layers in one to three dimensions. May import: nn.functional, nn.modules.module, tensor."""

from __future__ import annotations

from flambeau.nn import functional as F
from flambeau.nn.modules.module import Module
from flambeau.nn.modules.utils import expand
from flambeau.tensor import Tensor

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

Padding = int | tuple[int, ...]


class _Pad(Module):
    """Pads `_dims` dimensions in `_mode`; `padding` is one number or (left, right) of the last dimension first."""

    _mode: str
    _dims: int

    def __init__(self, padding: Padding) -> None:
        super().__init__()
        self.padding = expand(padding, 2 * self._dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPad(_Pad):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (self._dims + 1, self._dims + 2):
            raise ValueError(f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class _ReflectionPad(_Pad):
    _mode = "reflect"


class _ReplicationPad(_Pad):
    _mode = "replicate"


class _ConstantPad(_Pad):
    _mode = "constant"

    def __init__(self, padding: Padding, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class CircularPad1d(_CircularPad):
    """Pads the last dimension with the values from the other side."""

    _dims = 1


class CircularPad2d(_CircularPad):
    """Pads 2 dimensions with the values from the other side."""

    _dims = 2


class CircularPad3d(_CircularPad):
    """Pads 3 dimensions with the values from the other side."""

    _dims = 3


class ReflectionPad1d(_ReflectionPad):
    """Pads the last dimension with the values mirrored at the edge, which is not repeated."""

    _dims = 1


class ReflectionPad2d(_ReflectionPad):
    """Pads 2 dimensions with the values mirrored at the edge, which is not repeated."""

    _dims = 2


class ReflectionPad3d(_ReflectionPad):
    """Pads 3 dimensions with the values mirrored at the edge, which is not repeated."""

    _dims = 3


class ReplicationPad1d(_ReplicationPad):
    """Pads the last dimension with the value at the edge."""

    _dims = 1


class ReplicationPad2d(_ReplicationPad):
    """Pads 2 dimensions with the value at the edge."""

    _dims = 2


class ReplicationPad3d(_ReplicationPad):
    """Pads 3 dimensions with the value at the edge."""

    _dims = 3


class ConstantPad1d(_ConstantPad):
    """Pads the last dimension with `value`."""

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """Pads 2 dimensions with `value`."""

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Pads 3 dimensions with `value`."""

    _dims = 3


class ZeroPad1d(ConstantPad1d):
    """Pads the last dimension with zeros."""

    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pads 2 dimensions with zeros."""

    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pads 3 dimensions with zeros."""

    def __init__(self, padding: Padding) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"
