"""The cases that the WebGPU device is measured on, as graphs, with their values by PyTorch or NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Conv", "CONVOLUTIONS"]


@dataclass(frozen=True)
class Conv:
    """A two-dimensional convolution: N, C, H, W → O with a square kernel."""

    n: int
    c: int
    h: int
    w: int
    o: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    def __str__(self) -> str:
        text = f"{self.n},{self.c},{self.h},{self.w}→{self.o} {self.kernel}×{self.kernel}"
        for letter, value, usual in (
            ("s", self.stride, 1),
            ("p", self.padding, 0),
            ("d", self.dilation, 1),
            ("g", self.groups, 1),
        ):
            if value != usual:
                text += f" {letter}{value}"
        return text

    @property
    def out_size(self) -> tuple[int, int]:
        reach = self.dilation * (self.kernel - 1) + 1
        return tuple((n + 2 * self.padding - reach) // self.stride + 1 for n in (self.h, self.w))  # type: ignore[return-value]

    @property
    def operations(self) -> int:
        oh, ow = self.out_size
        return 2 * self.n * self.o * oh * ow * (self.c // self.groups) * self.kernel**2


CONVOLUTIONS = (
    Conv(1, 3, 224, 224, 64, 3, padding=1),
    Conv(4, 64, 112, 112, 128, 3, stride=2, padding=1),
    Conv(1, 128, 32, 32, 128, 3, padding=2, dilation=2),
    Conv(32, 64, 28, 28, 64, 3, padding=1, groups=64),
    Conv(8, 128, 16, 16, 256, 3, padding=1),
    Conv(64, 3, 224, 224, 64, 7, stride=2, padding=3),
    Conv(64, 64, 56, 56, 256, 1),
    Conv(64, 128, 28, 28, 128, 3, padding=1),
)
"""The eight cases of the project's figures."""


def conv_node(case: Conv, x: Any, w: Any, bias: Any, make: Any) -> Any:
    """The convolution as a graph: `x`, `w`, `bias` are leaf nodes, `make(name, inputs, *params)` makes a node."""
    g, k, p = case.groups, case.kernel, case.padding
    oh, ow = case.out_size
    if p:
        x = make("pad", (x,), (0, 0, p, p), (0, 0, p, p), (0, 0, 0, 0), 0)
    h, wd = case.h + 2 * p, case.w + 2 * p
    if g == 1:
        windows = make("window", (x,), (2, 3), (k, k), (case.stride,) * 2, (case.dilation,) * 2)
        y = make("contract", (windows, w), (0, 1, 2, 3, 4, 5), (6, 1, 4, 5), (0, 6, 2, 3))
    else:
        x = make("reshape", (x,), (case.n, g, case.c // g, h, wd), (case.n, case.c, h, wd))
        w = make("reshape", (w,), (g, case.o // g, case.c // g, k, k), (case.o, case.c // g, k, k))
        windows = make("window", (x,), (3, 4), (k, k), (case.stride,) * 2, (case.dilation,) * 2)
        y = make("contract", (windows, w), (0, 7, 1, 2, 3, 4, 5), (7, 6, 1, 4, 5), (0, 7, 6, 2, 3))
        y = make("reshape", (y,), (case.n, case.o, oh, ow), (case.n, g, case.o // g, oh, ow))
    b = make("expand", (make("reshape", (bias,), (1, case.o, 1, 1), (case.o,)),), (case.n, case.o, oh, ow), (1, case.o, 1, 1))
    return make("add", (y, b))
