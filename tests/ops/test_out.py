"""`out=`: which tensors are resized, with what warning, and which dtypes are refused, as PyTorch does."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import compare, outcome, same_error, translate

X = torch.arange(6.0).reshape(2, 3)
CALLS: list[Callable[..., Any]] = [
    lambda t, x, o: t.abs(x, out=o(5)), lambda t, x, o: t.abs(x, out=o(0)), lambda t, x, o: t.abs(x, out=o(2, 3)),
    lambda t, x, o: t.sum(x, 0, out=o(2)), lambda t, x, o: t.cat([x, x], out=o(1)), lambda t, x, o: t.mm(x, x.mT, out=o(2, 3)),
    lambda t, x, o: t.sort(x, out=(o(6), o(6).long())), lambda t, x, o: t.zeros(4, out=o(2)), lambda t, x, o: t.eye(2, out=o(2)),
    lambda t, x, o: t.linspace(0, 1, 3, out=o(2)), lambda t, x, o: t.range(0, 3, 2, out=o(2)),
    lambda t, x, o: t.randint(1, (3,), out=o(2)), lambda t, x, o: t.randperm(1, out=o(2).long()),
    lambda t, x, o: t.softmax(x, 0, out=o(2, 3).double()), lambda t, x, o: t.nn.functional.linear(x, x, out=o(2, 2).double()),
    lambda t, x, o: t.masked_select(x, x > 1, out=o(2).double()), lambda t, x, o: t.float_power(x, 2, out=o(2, 3)),
    lambda t, x, o: t.linalg.qr(x, out=(o(9, 9), o(9, 9))), lambda t, x, o: t.abs(x.mT, out=o(9, 9)),
    lambda t, x, o: t.zeros(2, dtype=t.float64, out=o(2)), lambda t, x, o: t.rand(2, dtype=t.float64, out=o(2)),
    lambda t, x, o: t.arange(2, dtype=t.int64, out=o(2)), lambda t, x, o: t.multinomial(x[1], 2, out=o(2)),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CALLS)))
@pytest.mark.filterwarnings("ignore:torch.range is deprecated")
def test_resized_and_refused(number: int) -> None:
    found = []
    for library, x in ((flambeau, translate(X, "cpu")), (torch, X)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            result = outcome(CALLS[number], (library, x, library.ones), {})
        found.append((*result, [str(w.message).split(" (Triggered")[0] for w in caught if "out" in str(w.message)]))
    (mine, my_error, my_warnings), (theirs, error, expected) = found
    if error is not None:
        assert my_error is not None and same_error(my_error, error)
        return
    assert my_error is None
    compare(mine, theirs)
    assert my_warnings == expected


DTYPES = ["float64", "float16", "int32", "complex64", "bool"]
CAST = """
max(x) | min(x) | max(x, x) | min(i, i) | max(i) | maximum(x, x) | max(x, 0) | diff(x) | diff(i) | diff(x > 2) | diff(x, n=0)
diff(x, 2) | diff(x, prepend=x) | lerp(x, x, 0.5) | lerp(x, x, x) | lerp(x, x, weight=x) | stack([x, x]) | cat([x, x])
cat([i, i]) | cat([x, i]) | stack([i, i], 1) | hstack([x, x]) | vstack([x, x]) | dstack([x, x]) | column_stack([x, x])
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("call", [call.strip()[:-1] for call in CAST if call.strip()])
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_of_another_dtype(call: str, dtype: str) -> None:
    """Which operators cast into `out`, which refuse any other dtype, and which error says that a cast can't be."""

    def run(t: Any, x: Any) -> Any:
        out = t.empty(0, dtype=getattr(t, dtype))
        if call == "max(x, 0":
            return eval(f"t.{call}, out=(out, t.empty(0, dtype=t.int64)))", {"t": t, "x": x, "out": out})
        return eval(f"t.{call}, out=out)", {"t": t, "x": x, "i": x.long(), "out": out})

    mine, my_error = outcome(lambda: run(flambeau, translate(X, "cpu")), (), {})
    theirs, error = outcome(lambda: run(torch, X), (), {})
    assert (my_error is None) == (error is None), (my_error, error)
    if error is None:
        compare(mine, theirs)
    else:
        assert same_error(my_error, error), (my_error, error)
        assert isinstance(error, TypeError) == isinstance(my_error, TypeError)
        assert not isinstance(error, TypeError) or str(my_error) == str(error)


OVERLAPPING: list[Callable[..., Any]] = [
    lambda t, x, i: t.gather(x, 0, i, out=x), lambda t, x, i: t.index_select(x, 0, i[0], out=x),
    lambda t, x, i: t.take(x, i, out=x), lambda t, x, i: t.cat([x[:1], x[1:]], out=x),
    lambda t, x, i: t.stack([x[0], x[1], x[1]], out=x), lambda t, x, i: t.masked_select(x[0], x[0] > -1, out=x[0]),
    lambda t, x, i: t.take_along_dim(x, i, 0, out=x), lambda t, x, i: t.scatter(x, 0, i, x * 2, out=x),
    lambda t, x, i: t.sort(x[:2], out=(x[1:], i[:2].clone())), lambda t, x, i: t.sort(x, out=(x, i.clone())),
    lambda t, x, i: t.kthvalue(x, 1, out=(x[0], i[0].clone())), lambda t, x, i: t.cumsum(x, 0, out=x),
    lambda t, x, i: t.sin(x, out=t.zeros(1, 3).expand(3, 3)),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(OVERLAPPING)))
def test_overlapping(number: int) -> None:
    """What reads its operands at computed places refuses to write over them; the rest may write over the whole operand."""
    found = []
    for library in (flambeau, torch):
        x, index = library.arange(9.0).reshape(3, 3), library.tensor([[2, 0, 1]] * 3)
        found.append((*outcome(OVERLAPPING[number], (library, x, index), {}), x))
    (_, my_error, mine), (_, error, theirs) = found
    assert (my_error is None) == (error is None) and (error is None or same_error(my_error, error))
    compare(mine, theirs)
