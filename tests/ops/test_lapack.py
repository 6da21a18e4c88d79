"""Linear algebra with LAPACK called directly, and by NumPy's functions: the same results, failures and gradients as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import flambeau
from flambeau.ops import lapack
from tests.helpers.oracle import check_gradients, compare, to_flambeau
from tests.ops.draw import Draw

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.complex128], ids=str)
SHAPES = pytest.mark.parametrize("shape", [(40,), (3, 30), (200, 4), (2, 3, 5), (1,), (0,)], ids=str)
"""Leading dimensions and the order of square matrices."""


@pytest.fixture(params=["lapack", "numpy"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to compute."""
    if request.param == "numpy":
        monkeypatch.setattr(lapack, "is_there", lambda: False)
    elif not lapack.is_there():
        pytest.skip("NumPy's LAPACK can't be reached here")


Call = Callable[[Any, Any, Any, Any], Any]
OPERATORS: dict[str, Call] = {
    "solve": lambda t, a, s, b: t.linalg.solve(a, b),
    "solve from the right": lambda t, a, s, b: t.linalg.solve(a, b.mT, left=False),
    "inv": lambda t, a, s, b: t.linalg.inv(a),
    "inv_ex": lambda t, a, s, b: t.linalg.inv_ex(a),
    "det": lambda t, a, s, b: t.linalg.det(a * 0.2),
    "slogdet": lambda t, a, s, b: t.linalg.slogdet(a),
    "lu_factor": lambda t, a, s, b: t.linalg.lu_factor(a),
    "lu of a wide matrix": lambda t, a, s, b: t.linalg.lu(t.cat([a, b], -1)),
    "lu_solve": lambda t, a, s, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b),
    "cholesky": lambda t, a, s, b: t.linalg.cholesky(s),
    "cholesky, upper": lambda t, a, s, b: t.linalg.cholesky(s, upper=True),
    "triangular, upper": lambda t, a, s, b: t.linalg.solve_triangular(a, b, upper=True),
    "triangular, lower": lambda t, a, s, b: t.linalg.solve_triangular(s, b, upper=False),
    "triangular, ones": lambda t, a, s, b: t.linalg.solve_triangular(a * 0.1, b, upper=False, unitriangular=True),
    "eigvalsh": lambda t, a, s, b: t.linalg.eigvalsh(s),
    "eigvalsh of the upper half": lambda t, a, s, b: t.linalg.eigvalsh(s + s.triu(1), UPLO="U"),
    "svdvals": lambda t, a, s, b: t.linalg.svdvals(t.cat([a, b], -1)),
    "lstsq": lambda t, a, s, b: t.linalg.lstsq(t.cat([a, b.mT], -2), t.cat([b, b.mT @ b], -2))[::2],
    "lstsq, gelsd": lambda t, a, s, b: t.linalg.lstsq(a, b, driver="gelsd")[::3],
    "reflections": lambda t, a, s, b: t.geqrf(a),
    "householder_product": lambda t, a, s, b: t.linalg.householder_product(*t.geqrf(a)),
    "matrix_exp": lambda t, a, s, b: t.linalg.matrix_exp(a * 0.3),
    "pinv": lambda t, a, s, b: t.linalg.pinv(a),
    "matrix_rank": lambda t, a, s, b: t.linalg.matrix_rank(a),
}


def _systems(shape: tuple[int, ...], dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    *lead, n = shape
    draw = Draw(0, dtype)
    a = draw.f(*lead, n, n) + torch.eye(n) * (2 + n**0.5)
    return a, a @ a.mH / max(n, 1) + torch.eye(n), draw.f(*lead, n, 3)


@DTYPES
@SHAPES
@pytest.mark.parametrize("name", OPERATORS)
def test_results(device: str, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    operands = [t.to(dtype) for t in _systems(shape, dtype)]
    if not shape[-1] and name in ("lstsq", "lstsq, gelsd", "matrix_exp", "reflections", "householder_product"):
        pytest.skip("of nothing")
    mine = OPERATORS[name](flambeau, *(to_flambeau(t, device) for t in operands))
    theirs = OPERATORS[name](torch, *operands)
    for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (mine, theirs)), strict=True):
        compare(a, b, factor=300, layout=not name.startswith("lstsq"))


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_ormqr(device: str, left: bool, transpose: bool, dtype: torch.dtype) -> None:
    draw = Draw(0, dtype)
    packed, tau = torch.geqrf(draw.f(2, 6, 4))
    c = draw.f(2, 6, 5) if left else draw.f(2, 5, 6)
    mine = flambeau.ormqr(*(to_flambeau(t, device) for t in (packed, tau, c)), left=left, transpose=transpose)
    compare(mine, torch.ormqr(packed, tau, c, left=left, transpose=transpose), factor=100)


def test_failures(device: str) -> None:
    a = torch.eye(30, dtype=torch.float64).repeat(3, 1, 1)
    a[1, 4, 4] = 0
    a[2, 7, 7] = -1
    b = to_flambeau(a, device)
    calls: list[Callable[[Any, Any], Any]] = [
        lambda t, x: t.linalg.inv(x),
        lambda t, x: t.linalg.inv(x[1]),
        lambda t, x: t.linalg.solve(x, x),
        lambda t, x: t.linalg.solve(x[1], x[1]),
        lambda t, x: t.linalg.cholesky(x),
        lambda t, x: t.linalg.cholesky(x[2]),
    ]
    for call in calls:
        with pytest.raises(torch.linalg.LinAlgError) as theirs:
            call(torch, a)
        with pytest.raises(flambeau.linalg.LinAlgError) as mine:
            call(flambeau, b).tolist()
        assert str(mine.value) == str(theirs.value)
    with pytest.raises(flambeau.linalg.LinAlgError, match="failed to converge"):
        flambeau.linalg.svdvals(b * float("nan")).tolist()
    for name in ("inv_ex", "cholesky_ex", "lu_factor_ex"):
        assert getattr(flambeau.linalg, name)(b)[-1].tolist() == getattr(torch.linalg, name)(a)[-1].tolist(), name


@pytest.mark.parametrize("shape", [(5, 3), (3, 3), (3, 5), (2, 4, 3)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128], ids=str)
def test_gradients_of_least_squares(device: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    draw = Draw(0, dtype)
    operands = (draw.f(*shape), draw.f(*shape[:-1], 2))
    mine, theirs = (lambda a, b, t=t: t.linalg.lstsq(a, b)[0] for t in (flambeau, torch))
    check_gradients(mine, theirs, operands, device=device, factor=1e3)


BUILDS = [("scipy_", "_64_", "64_"), ("", "_64_", "64_"), ("", "64_", "64_"), ("scipy_", "_", ""), ("", "_", "")]


@pytest.mark.parametrize(("before", "after", "c_suffix"), BUILDS)
def test_how_openblas_is_told_its_threads(before: str, after: str, c_suffix: str) -> None:
    """By C functions: those of the same name with an underscore more are Fortran's, and would take the number for an address."""
    threads = [4]
    functions = {
        f"{before}openblas_get_num_threads{c_suffix}": lambda: threads[-1],
        f"{before}openblas_set_num_threads{c_suffix}": threads.append,
    }
    library: Any = SimpleNamespace(handle=SimpleNamespace(**functions), spelling=(before, after))
    with lapack._one_thread(library):
        assert threads == [4, 1]
    assert threads == [4, 1, 4]
