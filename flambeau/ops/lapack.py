"""LAPACK, called in the library that NumPy's linear algebra is linked with. May import `flambeau.graph`'s lazy NumPy.

NumPy reaches few of LAPACK's routines, copies matrices element by element to Fortran's order and back, and hides the factors.
Here a routine is called on arrays in place. A matrix in row-major order is, for LAPACK, its transpose.

The library is found through the extension module of NumPy that needs it; symbols of what a module is linked with are its own
(not on Windows, and not in a browser, where `is_there()` is False).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.graph.numpy import np

__all__ = ["IWORK", "RWORK", "WORK", "by_columns", "integers", "is_there", "run"]


class _Work:
    """Stands for a workspace and its length, which the routine is asked for."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


WORK, RWORK, IWORK = _Work("numbers"), _Work("real"), _Work("integers")

_SPELLINGS = (
    ("scipy_", "_64_"),
    ("", "_64_"),
    ("", "64_"),
    ("", "$NEWLAPACK$ILP64"),
    ("scipy_", "_"),
    ("", "_"),
    ("", "$NEWLAPACK"),
    ("", ""),
)
"""Before and after a routine's name: what builds of OpenBLAS, Accelerate, MKL and the reference library call it."""


class _Library:
    def __init__(self, handle: Any, spelling: tuple[str, str]) -> None:
        self.handle, self.spelling = handle, spelling
        version = np.full(3, -1, np.int64)
        places = [ctypes.c_void_p(version[i:].ctypes.data) for i in range(3)]
        self.routine("ilaver")(*places)
        is_wide = bool((version >= 0).all())  # a number of 32 bits leaves the other half as it was
        self.integer: Any = ctypes.c_int64 if is_wide else ctypes.c_int32
        self.integers: Any = np.int64 if is_wide else np.int32

    @functools.cache  # noqa: B019 - there is one library
    def routine(self, name: str) -> Callable[..., Any]:
        before, after = self.spelling
        f = getattr(self.handle, before + name + after)
        f.restype = None
        return f


class _one_thread:
    """Around calls that OpenBLAS, if it is that, shall make with one thread: factorisations of small matrices by columns meet
    its other threads so often that they take twice the time."""

    def __init__(self, library: _Library) -> None:
        before, after = library.spelling
        after = after.removeprefix("_")  # with it they are Fortran's, which take an address
        names = [f"{before}openblas_{verb}_num_threads{after}" for verb in ("get", "set")]
        calls: list[Any] = [getattr(library.handle, name, None) for name in names]
        self._get, self._set = calls

    def __enter__(self) -> None:
        self._before = self._get() if self._get and self._set else 1
        if self._before > 1:
            self._set(1)

    def __exit__(self, *error: object) -> None:
        if self._before > 1:
            self._set(self._before)


_BY_COLUMNS = frozenset(("geqrf", "orgqr", "gelsy", "gesdd"))
_SMALL = 1 << 18
"""Elements of a matrix."""


@functools.cache
def _library() -> _Library | None:
    try:
        handle = ctypes.CDLL(np.linalg._umath_linalg.__file__)
    except (AttributeError, OSError, TypeError):
        return None
    for spelling in _SPELLINGS:
        names = [spelling[0] + name + spelling[1] for name in ("ilaver", "sgetrf", "zgelsy", "strsm")]
        if all(hasattr(handle, name) for name in names):
            return _Library(handle, spelling)
    return None


def is_there() -> bool:
    """Whether routines can be called."""
    return _library() is not None


def integers() -> Any:
    """The NumPy type of LAPACK's integers."""
    library = _library()
    assert library is not None
    return library.integers


def by_columns(a: Any) -> Any:
    """A copy of matrices with columns in memory as rows: what LAPACK takes for the matrices themselves."""
    return np.array(np.swapaxes(a, -1, -2), order="C")


_REALS = {"f": ctypes.c_float, "d": ctypes.c_double, "F": ctypes.c_float, "D": ctypes.c_double}
_LETTERS = {"f": "s", "d": "d", "F": "c", "D": "z"}
_UNITARY = {"orgqr": "ungqr", "ormqr": "unmqr", "syevd": "heevd"}


def _argument(x: Any, type: Any, library: _Library) -> Any:
    if isinstance(x, bytes):
        return x
    if isinstance(x, int):
        return ctypes.byref(library.integer(x))
    if isinstance(x, float):
        return ctypes.byref((_REALS[type.char] * 2)(x, 0.0))  # of a complex number, both parts
    return x


def run(name: str, type: Any, arguments: Sequence[Any], count: int = 1, has_info: bool = True) -> Any:
    """Runs routine `name` of a NumPy dtype for each of `count` matrices, and gives the numbers that it says in INFO.

    Arguments are the routine's without INFO: flags as bytes, integers, real numbers, arrays, and for a workspace with its length
    `WORK`, `RWORK` or `IWORK`. Arrays are contiguous and hold something; those of `count` matrices have them along their first
    dimension, those with a first dimension of 1 are there for all. Raises ValueError when LAPACK finds an argument wrong.
    """
    library = _library()
    assert library is not None
    f = library.routine(_LETTERS[type.char] + (_UNITARY.get(name, name) if type.kind == "c" else name))
    info = library.integer(0)
    flags = [ctypes.c_size_t(1)] * sum(isinstance(x, bytes) for x in arguments)
    tail = ([ctypes.byref(info)] if has_info else []) + flags
    if any(isinstance(x, _Work) for x in arguments):
        arguments = _with_workspaces(f, arguments, type, library, tail)
    infos = np.zeros(count, np.int64)
    fixed: list[Any] = []
    moving: list[tuple[Any, int, int]] = []
    for x in arguments:
        if isinstance(x, np.ndarray):
            place = ctypes.c_void_p(x.ctypes.data)
            fixed.append(place)
            if count > 1 and x.shape[0] > 1:
                moving.append((place, x.ctypes.data, x.strides[0]))
        else:
            fixed.append(_argument(x, type, library))
    fixed += tail
    size = max((x[0].size for x in arguments if isinstance(x, np.ndarray) and x.ndim > 2), default=0)
    with _one_thread(library) if name in _BY_COLUMNS and size < _SMALL else contextlib.nullcontext():
        for i in range(count):
            for place, start, stride in moving:
                place.value = start + i * stride
            f(*fixed)
            if info.value:
                if info.value < 0:
                    raise ValueError(f"LAPACK's {name}: argument {-info.value} is wrong")
                infos[i] = info.value
    return infos


def _with_workspaces(
    f: Callable[..., Any], arguments: Sequence[Any], type: Any, library: _Library, tail: Sequence[Any]
) -> list[Any]:
    """The arguments, with workspaces of the lengths that the routine asks for when they are -1."""
    kinds = {"numbers": type, "real": np.dtype(type.char.lower()), "integers": np.dtype(library.integers)}
    asked: list[Any] = []
    wanted: list[Any] = []
    for x in arguments:
        if isinstance(x, _Work):
            wanted.append(np.zeros(1, kinds[x.kind]))
            asked += [ctypes.c_void_p(wanted[-1].ctypes.data), ctypes.byref(library.integer(-1))]
        elif isinstance(x, np.ndarray):
            asked.append(ctypes.c_void_p(x.ctypes.data))
        else:
            asked.append(_argument(x, type, library))
    f(*asked, *tail)
    lengths = iter(wanted)
    result: list[Any] = []
    for x in arguments:
        if isinstance(x, _Work):
            answer = next(lengths)
            length = max(1, int(answer[0].real * (1 + 1e-6)))  # a float32 may have been rounded down
            result += [np.empty((1, length), answer.dtype), length]
        else:
            result.append(x)
    return result
