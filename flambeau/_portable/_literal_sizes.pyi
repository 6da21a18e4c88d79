# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

from typing import Any, Literal

from typing_extensions import TypeVar

Known = Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 36, 40, 44, 48, 52, 56, 60, 64, 72, 80, 88, 96, 104, 112, 120, 128, 100, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 480, 512, 640, 768, 1000, 1024, 1536, 2048, 4096]
K = TypeVar("K", bound=Known, default=Any)
L0 = TypeVar("L0", bound=Known, default=Any)
L1 = TypeVar("L1", bound=Known, default=Any)
L2 = TypeVar("L2", bound=Known, default=Any)
L3 = TypeVar("L3", bound=Known, default=Any)
L4 = TypeVar("L4", bound=Known, default=Any)
L5 = TypeVar("L5", bound=Known, default=Any)
I = TypeVar("I", bound=Known, default=Any)
O = TypeVar("O", bound=Known, default=Any)
