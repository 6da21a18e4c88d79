"""`torch._foreach_*` beside PyTorch's: values, what is returned, and which calls are errors."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flambeau

NAMES = [n for n in dir(torch) if n.startswith("_foreach_")]
BINARY = {"add", "sub", "mul", "div", "clamp_max", "clamp_min", "maximum", "minimum", "pow"}


def _tensors(library: Any) -> list[Any]:
    return [library.tensor([0.5, 0.25]), library.tensor([[0.75], [0.125]], dtype=library.float64)]


def _calls(library: Any, name: str) -> list[Any]:
    """What one call of each kind gives, with the list it was done to, as lists of numbers."""
    function, stem = getattr(library, name), name.removeprefix("_foreach_").rstrip("_")
    others, zero = [t + 1 for t in _tensors(library)], library.tensor(2.0)
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [((), {})]
    if stem in BINARY:
        calls = [((o,), {}) for o in (others, 2, [2, 0.5], *((zero,) if stem in ("add", "mul", "div") else ()))]
        calls += [((others,), {"alpha": 3})] if stem in ("add", "sub") else []
    elif stem in ("addcmul", "addcdiv"):
        calls = [((others, others, *more), {}) for more in ((), (2,), ([2, 3],), (library.tensor([2.0, 3.0]),))]
        calls += [((others, others), {"value": 0.5})]
    elif stem == "lerp":
        calls = [((others, 0.25), {}), ((others, [0.5, 2]), {}), ((others, others), {}), ((others,), {"weight": 0.5})]
    elif stem == "mm":
        calls = [(([library.ones(2, 1), library.ones(1, 2, dtype=library.float64)],), {})]
    elif stem == "copy":
        calls = [((others,), {})]
    elif stem in ("norm", "powsum"):
        calls = [((), {}), ((1,), {}), ((3,), {"dtype": library.float64})]
    found: list[Any] = []
    for operands, options in calls:
        tensors = _tensors(library)
        if stem == "mm":
            tensors[0] = tensors[0][None]
        made = function(tensors, *operands, **options)
        assert not name.endswith("_") or all(a is b for a, b in zip(made, tensors, strict=True))
        assert type(made) is (list if name.endswith("_") else tuple)
        found.append([(str(t.dtype).rpartition(".")[2], t.double().tolist()) for t in (*made, *tensors)])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_does_what_pytorch_does(name: str) -> None:
    ours, theirs = _calls(flambeau, name), _calls(torch, name)
    for a, b in zip(ours, theirs, strict=True):
        for (dtype, numbers), (wanted, those) in zip(a, b, strict=True):
            assert dtype == wanted
            torch.testing.assert_close(torch.tensor(numbers), torch.tensor(those), equal_nan=True)


@pytest.mark.parametrize("library", [torch, flambeau], ids=["torch", "flambeau"])
def test_errors_and_a_number_to_powers(library: Any) -> None:
    a = _tensors(library)
    assert [t.shape for t in library._foreach_pow(2.0, a)] == [t.shape for t in a]
    for call, kind, message in (
        (lambda: library._foreach_add(a, a[:1]), RuntimeError, "same number of tensors, got 2 and 1"),
        (lambda: library._foreach_add(a, [1.0]), RuntimeError, "same number of elements as scalar list"),
        (lambda: library._foreach_sqrt([]), RuntimeError, "at least one tensor"),
        (lambda: library._foreach_mul(a, library.ones(2)), RuntimeError, "expected to be 0 dim but it has 1 dimensions"),
        (lambda: library._foreach_mul(a, 2, alpha=3), TypeError, "invalid combination of arguments"),
        (lambda: library._foreach_sqrt(a[0]), TypeError, "must be tuple of Tensors"),
        (lambda: library._foreach_sqrt([1]), TypeError, "expected Tensor as element 0"),
        (lambda: library._foreach_addcmul(a, a, a, library.ones(1)), RuntimeError, "match input of length 2 but got 1"),
        (lambda: library._foreach_add_([library.ones(2, requires_grad=True)], 1), RuntimeError, "leaf Variable"),
    ):
        with pytest.raises(kind, match=message):
            call()
