"""Many small matrices, factored as vectors of matrices (`codegen/llvm/matrices.py`): functions of NumPy arrays.

May import `flambeau.codegen.llvm` and its neighbours. Matrices are the last two of three dimensions, real, and hold something.
The functions are what those of the same names in `ops/lapack_linalg.py` are; results lie in memory by columns.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flambeau.graph.numpy import np

__all__ = ["cholesky", "diagonal_of_u", "inverse", "is_there", "lu", "qr", "reflections", "solve", "triangular"]


@cache
def is_there() -> bool:
    """Whether this machine compiles code."""
    from importlib.util import find_spec

    return find_spec("llvmlite") is not None


@cache
def _loaded(name: str, element: str) -> tuple[Any, Any]:
    """The function, and what holds its code."""
    import ctypes

    from flambeau.codegen.llvm import matrices
    from flambeau.devices import backend
    from flambeau.devices.cpu.kept import kept_image

    cpu: Any = backend("cpu")
    jit = cpu.compiler.jit
    image = kept_image(jit, matrices.lower(name, element, jit.target))
    code = jit.load([image])
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.bases[0] + image.functions[name]), code


def _run(name: str, count: int, scratch: int, type: Any, *arguments: Any) -> None:
    """Calls a function; `scratch` is how many numbers of each matrix it needs room for."""
    function, _ = _loaded(name, "float" if type.itemsize == 4 else "double")
    room = np.empty(scratch * 64 // type.itemsize, type)  # lanes of 512 bits at most
    words = [count, room, *arguments]
    given = np.array([w if isinstance(w, int) else w.ctypes.data for w in words], np.int64)
    function(given.ctypes.data)


def _rows(a: Any) -> Any:
    return np.ascontiguousarray(a)


def _by_columns(count: int, rows: int, columns: int, type: Any) -> Any:
    """Memory for matrices by columns, as matrices."""
    return np.swapaxes(np.empty((count, columns, rows), type), -1, -2)


def _memory(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def lu(a: Any) -> tuple[Any, Any, Any]:
    (count, m, n), least = a.shape, min(a.shape[1:])
    packed = _by_columns(count, m, n, a.dtype)
    pivots, info = np.empty((count, least), a.dtype), np.empty(count, a.dtype)
    _run("lu", count, m * n + least + 1, a.dtype, _rows(a), _memory(packed), pivots, info, m, n)
    return packed, pivots.astype(np.int64), info.astype(np.int64)


def diagonal_of_u(a: Any) -> tuple[Any, Any]:
    count, n, _ = a.shape
    diagonal, sign = np.empty((count, n), a.dtype), np.empty(count, a.dtype)
    _run("diagonal", count, n * n + n + 1, a.dtype, _rows(a), diagonal, sign, n)
    return diagonal, sign


def solve(a: Any, b: Any) -> tuple[Any, Any]:
    count, n, k = b.shape
    x, info = _by_columns(count, n, k, a.dtype), np.empty(count, a.dtype)
    _run("solve", count, n * (n + k) + 1, a.dtype, _rows(a), _rows(b), _memory(x), info, n, k)
    return x, info.astype(np.int64)


def inverse(a: Any) -> tuple[Any, Any]:
    count, n, _ = a.shape
    x, info = _by_columns(count, n, n, a.dtype), np.empty(count, a.dtype)
    _run("inverse", count, 2 * n * n + 1, a.dtype, _rows(a), _memory(x), info, n)
    return x, info.astype(np.int64)


def triangular(a: Any, b: Any, upper: bool, unit: bool) -> Any:
    count, n, k = b.shape
    x = _by_columns(count, n, k, a.dtype)
    name = f"triangular{'_upper' * upper}{'_unit' * unit}"
    _run(name, count, n * (n + k), a.dtype, _rows(a), _rows(b), _memory(x), n, k)
    return x


def cholesky(a: Any, upper: bool) -> tuple[Any, Any]:
    count, n, _ = a.shape
    factor, info = _by_columns(count, n, n, a.dtype), np.empty(count, a.dtype)
    _run("cholesky" + "_upper" * upper, count, n * n + 1, a.dtype, _rows(a), _memory(factor), info, n)
    return factor, info.astype(np.int64)


def reflections(a: Any) -> tuple[Any, Any]:
    (count, m, n), least = a.shape, min(a.shape[1:])
    packed, weights = _by_columns(count, m, n, a.dtype), np.empty((count, least), a.dtype)
    _run("reflections", count, m * n + least, a.dtype, _rows(a), _memory(packed), weights, m, n)
    return packed, weights


def qr(a: Any, mode: str) -> tuple[Any, ...]:
    (count, m, n), least = a.shape, min(a.shape[1:])
    columns = m if mode == "complete" else least
    q, r = (_by_columns(count, *size, a.dtype) for size in ((m, columns), (columns, n)))
    _run("qr", count, m * n + m * columns + least + columns * n, a.dtype, _rows(a), _memory(q), _memory(r), m, n, columns)
    return (r,) if mode == "r" else (q, r)
