"""Convolutions and transposed convolutions in one to three dimensions.

May import: nn.functional, nn.init, nn.parameter, nn.modules.module, ops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.nn import functional as F
from flambeau.nn.modules.linear import init_weight_and_bias
from flambeau.nn.modules.module import Module
from flambeau.nn.modules.utils import expand
from flambeau.nn.parameter import Parameter
from flambeau.ops import creation
from flambeau.ops.operands import as_python
from flambeau.shapes.convolution import in_groups, output_padding_for
from flambeau.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Size = int | tuple[int, ...]
_PADDING_STRINGS = ("same", "valid")
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What every convolution holds; `transposed` says which way the weight's first two dimensions stand."""

    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str | tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int
    padding_mode: str
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: str | tuple[int, ...],
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        in_channels, out_channels, groups = map(as_python, (in_channels, out_channels, groups))
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        in_groups(in_channels, out_channels, groups)
        if isinstance(padding, str):
            if padding not in _PADDING_STRINGS:
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {set(_PADDING_STRINGS)}")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {set(_PADDING_MODES)}, but got padding_mode='{padding_mode}'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _padding_for_pad(padding, kernel_size, dilation)
        self.weight = Parameter(creation.empty(self._weight_shape(), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(creation.empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        channels = (self.in_channels, self.out_channels) if self.transposed else (self.out_channels, self.in_channels)
        return (channels[0], channels[1] // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """U(-1/√fan_in, 1/√fan_in) for weight and bias, fan_in = weight.shape[1] · the kernel's size."""
        init_weight_and_bias(self.weight, self.bias)

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * len(self.dilation):
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * len(self.output_padding):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


def _padding_for_pad(padding: Any, kernel_size: tuple[int, ...], dilation: tuple[int, ...]) -> list[int]:
    """The padding in the form that `F.pad` takes: (left, right) of the last dimension first."""
    if not isinstance(padding, str):
        return [p for p in reversed(padding) for _ in range(2)]
    pads = []
    for k, d in zip(reversed(kernel_size), reversed(dilation)):
        total = d * (k - 1) if padding == "same" else 0
        pads += [total // 2, total - total // 2]
    return pads


class _Conv(_ConvNd):
    """The forward of Conv1d, Conv2d and Conv3d; `_function` is the convolution of that many dimensions."""

    _function: Any

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,) * len(self.kernel_size)
        return self._function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class _ConvTransposeNd(_ConvNd):
    """The forward of the transposed convolutions; `_function` is the one of that many dimensions."""

    _function: Any

    def __init__(self, *args: Any, padding_mode: str, **kwargs: Any) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        kwargs["padding_mode"] = padding_mode
        super().__init__(*args, **kwargs)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        output_padding = self.output_padding
        if output_size is not None:
            padding: Any = self.padding  # never a word here
            output_padding = output_padding_for(
                output_size, tuple(input.shape), self.kernel_size, self.stride, padding, self.dilation
            )
        return self._function(
            input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups, self.dilation
        )


class Conv1d(_Conv):
    """1-d convolution. Input (N, C, L) or (C, L), output (N, O, L') or (O, L').

    >>> nn.Conv1d(16, 33, 3, stride=2)(torch.randn(20, 16, 50)).shape
    torch.Size([20, 33, 24])
    """

    _function = staticmethod(F.conv1d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            expand(kernel_size, 1),
            expand(stride, 1),
            padding if isinstance(padding, str) else expand(padding, 1),
            expand(dilation, 1),
            False,
            (0,) * 1,
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )


class Conv2d(_Conv):
    """2-d convolution. Input (N, C, H, W) or (C, H, W), output (N, O, H', W') or (O, H', W').

    >>> nn.Conv2d(3, 16, 3, padding=1)(torch.randn(8, 3, 32, 32)).shape
    torch.Size([8, 16, 32, 32])
    >>> nn.Conv2d(16, 16, (3, 5), groups=4, padding='same')
    Conv2d(16, 16, kernel_size=(3, 5), stride=(1, 1), padding=same, groups=4)
    """

    _function = staticmethod(F.conv2d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            expand(kernel_size, 2),
            expand(stride, 2),
            padding if isinstance(padding, str) else expand(padding, 2),
            expand(dilation, 2),
            False,
            (0,) * 2,
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )


class Conv3d(_Conv):
    """3-d convolution. Input (N, C, D, H, W) or (C, D, H, W), output (N, O, D', H', W') or (O, D', H', W')."""

    _function = staticmethod(F.conv3d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            expand(kernel_size, 3),
            expand(stride, 3),
            padding if isinstance(padding, str) else expand(padding, 3),
            expand(dilation, 3),
            False,
            (0,) * 3,
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )


class ConvTranspose1d(_ConvTransposeNd):
    """1-d transposed convolution: the gradient of a convolution for its input. Input (N, C, L) or (C, L)."""

    _function = staticmethod(F.conv_transpose1d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            expand(kernel_size, 1),
            expand(stride, 1),
            expand(padding, 1),
            expand(dilation, 1),
            True,
            expand(output_padding, 1),
            groups,
            bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )


class ConvTranspose2d(_ConvTransposeNd):
    """2-d transposed convolution: the gradient of a convolution for its input. Input (N, C, H, W) or (C, H, W).

    >>> nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1)(torch.randn(1, 16, 8, 8)).shape
    torch.Size([1, 3, 16, 16])
    """

    _function = staticmethod(F.conv_transpose2d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            expand(kernel_size, 2),
            expand(stride, 2),
            expand(padding, 2),
            expand(dilation, 2),
            True,
            expand(output_padding, 2),
            groups,
            bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )


class ConvTranspose3d(_ConvTransposeNd):
    """3-d transposed convolution: the gradient of a convolution for its input. Input (N, C, D, H, W) or (C, D, H, W)."""

    _function = staticmethod(F.conv_transpose3d)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            expand(kernel_size, 3),
            expand(stride, 3),
            expand(padding, 3),
            expand(dilation, 3),
            True,
            expand(output_padding, 3),
            groups,
            bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )
