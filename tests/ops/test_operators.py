"""Every operator against PyTorch, from the examples in `table.py`: values, dtypes, shapes, views, errors, gradients, variants."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import flambeau
from flambeau.ops.registry import OPERATORS
from tests.helpers.layouts import as_laid_out, layouts
from tests.helpers.oracle import check, check_gradients, has_enough, supports
from tests.ops.table import ELSEWHERE, EXAMPLES, LOOSE, Draw

OTHERS = ("activation", "at", "einops", "elements", "expressions", "softmax")
"""Modules of `flambeau.ops` that tests of their own cover (tests/functional, tests/expressions)."""
OWN = {
    key: operator
    for key, operator in OPERATORS.items()
    if key[0] in ("", None, "linalg", "fft", "special")
    and operator.function.__module__.startswith("flambeau.ops")
    and operator.function.__module__.rpartition(".")[2] not in OTHERS
}
KEYS = [key for key in EXAMPLES if EXAMPLES[key]]


def _name(key: tuple[str | None, str]) -> str:
    namespace, name = key
    return f"Tensor.{name}" if namespace is None else f"{namespace}.{name}" if namespace else name


def _both(key: tuple[str | None, str]) -> tuple[Any, Any]:
    """The operator in flambeau and in PyTorch."""
    namespace, name = key
    if namespace is None:
        return getattr(flambeau.Tensor, name), getattr(torch.Tensor, name)
    mine, theirs = (getattr(library, namespace) if namespace else library for library in (flambeau, torch))
    return getattr(mine, name), getattr(theirs, name)


def _arguments(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments; a dictionary at the end holds the latter."""
    if example and isinstance(example[-1], dict):
        return tuple(example[:-1]), example[-1]
    return tuple(example), {}


def test_every_operator_has_examples() -> None:
    def has_examples(namespace: str | None, name: str) -> bool:
        plain = name.removesuffix("_")
        return (namespace, name) in EXAMPLES or name in ELSEWHERE or any((place, plain) in EXAMPLES for place in (namespace, ""))

    missing = [_name(key) for key in OWN if not has_examples(*key)]
    assert not missing


ELSEWHERE_ONLY = {
    "apply_": "for CPU tensors alone, in PyTorch too", "map_": "for CPU tensors alone, in PyTorch too",
    "share_memory_": "memory of the host, a GPU's is its own", "get_device": "answers with the device's index",
}  # fmt: skip
"""What is not compared on a GPU, and why."""


def skip_on_gpu(key: tuple[str | None, str], device: str) -> None:
    if device == "webgpu" and key[1] in ELSEWHERE_ONLY:
        pytest.skip(ELSEWHERE_ONLY[key[1]])


NOT_IN_FLOAT64 = {"nextafter": "WGSL has no bits of a float64"}
"""What a GPU has not, in float64, and why."""


def _lacks_float64(key: tuple[str | None, str], device: str) -> bool:
    return device == "webgpu" and key[1] in NOT_IN_FLOAT64


def _types(example: Any, key: tuple[str | None, str], device: str) -> list[torch.dtype]:
    """The dtypes of an example that the device has the operator for."""
    return [d for d in example.dtypes if not (d is torch.float64 and _lacks_float64(key, device))]


FEW = settings(max_examples=3, phases=[Phase.explicit, Phase.generate])
"""Each example is checked for a few draws; which values they hold matters little, so nothing is shrunk."""


@pytest.mark.parametrize("key", KEYS, ids=_name)
@FEW
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_operator(key: tuple[str | None, str], device: str, seed: int, data: st.DataObject) -> None:
    skip_on_gpu(key, device)
    if has_enough(device, seed, "operator", key):
        return
    mine, theirs = _both(key)
    for example in EXAMPLES[key]:
        args, kwargs = _arguments(example.draw(Draw(seed, data.draw(st.sampled_from(_types(example, key, device))))))
        call = functools.partial(mine, device=device) if _takes_device(mine) and not _takes_tensors((args, kwargs)) else mine
        check(call, theirs, args, kwargs, device=device, factor=LOOSE.get(key, 1.0), layout=_has_layout(key))


REMEMBERED = [key for key in KEYS if key in OPERATORS and hasattr(OPERATORS[key].function, "__wrapped__")]


@pytest.mark.parametrize("key", REMEMBERED, ids=_name)
def test_called_again(key: tuple[str | None, str], device: str) -> None:
    """From the third call with operands of some kinds on, an operator may be built again instead of called."""
    mine, theirs = _both(key)
    for example in EXAMPLES[key]:
        for seed in range(3):
            args, kwargs = _arguments(example.draw(Draw(seed, _types(example, key, device)[0])))
            check(mine, theirs, args, kwargs, device=device, factor=LOOSE.get(key, 1.0), layout=_has_layout(key))


NOT_LAID_OUT = {
    "kron": "PyTorch's view fails on other layouts than the row-major",
    "take_along_dim": "PyTorch's view fails, too",
    **dict.fromkeys(["diagonal_scatter", "slice_scatter", "select_scatter", "as_strided_scatter"], "PyTorch's keeps gaps"),
}
"""Operators whose arguments stay as they are, and why."""


def _has_layout(key: tuple[str | None, str]) -> bool:
    """Whether results are compared in memory: those of transforms lie there as the library that PyTorch calls leaves them."""
    return key[0] != "fft" and key[1] not in ("stft", "istft")


def _laid_out(value: Any, data: st.DataObject) -> Any:
    """The tensors of nested arguments in other layouts."""
    if isinstance(value, torch.Tensor):
        layout, order, where = data.draw(layouts(value.ndim))
        return value if layout == "repeated" else as_laid_out(value, layout, order, where)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields") and not isinstance(value, torch.Size):
        return type(value)(_laid_out(v, data) for v in value)
    return {k: _laid_out(v, data) for k, v in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("key", KEYS, ids=_name)
@FEW
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_layouts(key: tuple[str | None, str], device: str, seed: int, data: st.DataObject) -> None:
    """Arguments whose elements lie in other orders, or apart: the same results, in memory as PyTorch's."""
    skip_on_gpu(key, device)
    if key[1] in NOT_LAID_OUT:
        pytest.skip(NOT_LAID_OUT[key[1]])
    if has_enough(device, seed, "layouts", key):
        return
    mine, theirs = _both(key)
    for example in EXAMPLES[key]:
        args, kwargs = _arguments(example.draw(Draw(seed, data.draw(st.sampled_from(_types(example, key, device))))))
        if _takes_tensors((args, kwargs)):
            args, kwargs = _laid_out((args, kwargs), data)
            check(mine, theirs, args, kwargs, device=device, factor=LOOSE.get(key, 1.0), layout=_has_layout(key))


def _takes_tensors(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, torch.Tensor) or (isinstance(value, (list, tuple)) and any(map(_takes_tensors, value)))


def _takes_device(f: Any) -> bool:
    return "device" in inspect.signature(f).parameters


DIFFERENTIABLE = [key for key in KEYS if any(example.differentiable for example in EXAMPLES[key])]


@pytest.mark.parametrize("key", DIFFERENTIABLE, ids=_name)
@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_gradients(key: tuple[str | None, str], device: str, seed: int) -> None:
    skip_on_gpu(key, device)
    if has_enough(device, seed, "gradients", key):
        return
    mine, theirs = _both(key)
    for example in EXAMPLES[key]:
        exact = supports(device, torch.float64) and not _lacks_float64(key, device)
        draw = Draw(seed, _widest(example.dtypes, exact))
        args, kwargs = _arguments(example.draw(draw))
        if not example.differentiable:
            continue
        try:
            theirs(*args, **kwargs)
        except Exception:  # an example of an error
            continue
        second = example.second and not draw.is_singular
        check_gradients(mine, theirs, args, kwargs, device=device, second=second, factor=LOOSE.get(key, 1.0 if exact else 20.0))


def _widest(dtypes: tuple[torch.dtype, ...], exact: bool) -> torch.dtype:
    """The dtype in which the gradients of an example are compared."""
    if all(dtype.is_complex for dtype in dtypes):
        return torch.complex128 if exact else torch.complex64
    return torch.float64 if exact else torch.float32


IN_PLACE = [
    key for key in KEYS if key in OPERATORS and (OPERATORS[key].has_inplace or key[1] in ("cumsum", "cumprod", "float_power"))
]
"""Operators with an in-place form; that of some has dtype rules, and so a function, of its own."""


@pytest.mark.parametrize("key", IN_PLACE, ids=_name)
@FEW
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_in_place(key: tuple[str | None, str], device: str, seed: int, data: st.DataObject) -> None:
    skip_on_gpu(key, device)
    if has_enough(device, seed, "in_place", key):
        return
    name = key[1] + "_"
    for example in EXAMPLES[key]:
        args, kwargs = _arguments(example.draw(Draw(seed, data.draw(st.sampled_from(_types(example, key, device))))))
        if args and isinstance(args[0], torch.Tensor):
            factor = LOOSE.get(key, 1.0)
            check(getattr(flambeau.Tensor, name), getattr(torch.Tensor, name), args, kwargs, device=device, factor=factor)


OUT_LEFT_ALONE = (("fft", "ihfft2"), ("fft", "ihfftn"))
"""PyTorch writes nothing to `out=` of these."""
TAKES_OUT = [k for k in KEYS if k in OPERATORS and OPERATORS[k].takes_out and k not in OUT_LEFT_ALONE]


@pytest.mark.parametrize("key", TAKES_OUT, ids=_name)
@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_out(key: tuple[str | None, str], device: str, seed: int) -> None:
    """`out=` takes the result and its shape, and is what is given back."""
    skip_on_gpu(key, device)
    if has_enough(device, seed, "out", key):
        return
    mine, theirs = _both(key)
    for example in EXAMPLES[key]:
        args, kwargs = _arguments(example.draw(Draw(seed, _widest(example.dtypes, False))))
        try:
            result = theirs(*args, **kwargs)
            theirs(*args, **kwargs, out=torch.empty(0, dtype=result.dtype))
        except Exception:
            continue
        kwargs["out"] = torch.empty(0, dtype=result.dtype)
        copied = key[1] in ("cholesky", "cholesky_solve", "quantile", "nanquantile")  # into a row-major out, in PyTorch
        layout = _has_layout(key) and not copied
        found, _ = check(mine, theirs, args, kwargs, device=device, factor=LOOSE.get(key, 1.0), strides=False, layout=layout)
        assert found is not None


@pytest.mark.parametrize("name", ["add", "exp", "matmul", "mul", "sqrt", "minimum"])
def test_out_that_cannot_hold_the_result(name: str, device: str) -> None:
    x = torch.ones(2, 2)
    args = (x,) if name in ("exp", "sqrt") else (x, x)
    for target in (torch.bool, torch.int64):
        check(getattr(flambeau, name), getattr(torch, name), args, {"out": torch.empty(2, 2, dtype=target)}, device=device)
