# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

"""PyTorch's other names of the dtypes, and what has no shapes to check."""

from collections.abc import Callable
from typing import Any, TypeVar

from ._dtypes import bfloat16 as bfloat16
from ._dtypes import bool as bool
from ._dtypes import complex64 as complex64
from ._dtypes import complex128 as complex128
from ._dtypes import device as device
from ._dtypes import dtype as dtype
from ._dtypes import float16 as float16
from ._dtypes import float32 as float32
from ._dtypes import float64 as float64
from ._dtypes import int16 as int16
from ._dtypes import int32 as int32
from ._dtypes import int64 as int64
from ._dtypes import int8 as int8
from ._dtypes import uint8 as uint8
from ._dtypes import uint32 as uint32

half = float16
float = float32
double = float64
short = int16
int = int32
long = int64
cfloat = complex64
cdouble = complex128
F = TypeVar("F", bound=Callable[..., Any])

def manual_seed(seed: Any) -> Any: ...
def save(obj: Any, f: Any, **options: Any) -> None: ...
def load(f: Any, map_location: Any = None, *, weights_only: Any = True, mmap: Any = None, **options: Any) -> Any: ...
def synchronize(device: Any = None) -> None: ...
def is_tensor(obj: object) -> Any: ...
