# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

from typing import Any

from typing_extensions import TypeVar

from . import _dtypes as dt

D = TypeVar("D", bound=dt.dtype, default=Any)
E = TypeVar("E", bound=dt.dtype, default=Any)
DF = TypeVar("DF", bound=dt.floating, default=Any)
DI = TypeVar("DI", bound=dt.integral, default=Any)
V = TypeVar("V", bound=dt.device, default=Any)
V2 = TypeVar("V2", bound=dt.device, default=Any)
T = TypeVar("T", default=Any)
U = TypeVar("U", default=Any)
W = TypeVar("W", default=Any)
Any0 = TypeVar("Any0", bound=dt.complex64 | dt.float32, default=Any)
Any1 = TypeVar("Any1", bound=dt.complex128 | dt.float64, default=Any)
Any2 = TypeVar("Any2", bound=dt.complex64 | dt.float64 | dt.float32 | dt.float16 | dt.bfloat16 | dt.int64 | dt.int32 | dt.int16 | dt.int8 | dt.uint8 | dt.bool, default=Any)
Any3 = TypeVar("Any3", bound=dt.float32 | dt.float16 | dt.bfloat16 | dt.int64 | dt.int32 | dt.int16 | dt.int8 | dt.uint8 | dt.bool, default=Any)
Any4 = TypeVar("Any4", bound=dt.float16 | dt.bfloat16 | dt.int64 | dt.int32 | dt.int16 | dt.int8 | dt.uint8 | dt.bool, default=Any)
Any5 = TypeVar("Any5", bound=dt.int64 | dt.int32 | dt.int16 | dt.int8 | dt.uint8 | dt.bool, default=Any)
Any6 = TypeVar("Any6", bound=dt.int32 | dt.int16 | dt.int8 | dt.uint8 | dt.bool, default=Any)
Any7 = TypeVar("Any7", bound=dt.int16 | dt.int8 | dt.uint8 | dt.bool, default=Any)
Any8 = TypeVar("Any8", bound=dt.int8 | dt.uint8 | dt.bool, default=Any)
Any9 = TypeVar("Any9", bound=dt.bool | dt.uint8 | dt.int8 | dt.int16 | dt.int32 | dt.int64, default=Any)
# Sizes: a bound of literals is the only one that keeps a literal argument literal in pyright and ty. mypy would compare all
# pairs of them for each pair of overloads; its plugin reads the literals itself.
#
# A list of tensors of several shapes is one of tensors of an open shape to mypy, where the shape is covariant; in pyright and ty it
# must be invariant, or the two K of a product are widened until they meet.
MYPY = False
if MYPY:
    from ._sizes import *

    S = TypeVar("S", covariant=True, default=Any)
else:
    from ._literal_sizes import *

    S = TypeVar("S", default=Any)
