"""The meta device: what every operator's result would be like, without elements; modules that are made there first."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import _tensors, outcome, same_error, translate
from tests.ops.table import EXAMPLES, Draw
from tests.ops.test_operators import KEYS, _arguments, _both, _name

LOOKS = {
    "allclose", "equal", "is_nonzero", "full", "tensor", "where", "nonzero", "nonzero_static", "argwhere", "masked_select",
    "unique", "unique_consecutive", "bincount", "histc", "histogram", "histogramdd", "repeat_interleave", "segment_reduce",
    "index_put", "masked_scatter", "cov", "istft", "matrix_exp", "linspace", "zeta",
}  # fmt: skip
"""Operators that read elements to know the result's shape, to check them, or to know how many steps to take."""


def _looks(key: tuple[str | None, str]) -> bool:
    return key[1] in LOOKS or (key[0] == "special" and "polynomial" in key[1])


@pytest.mark.parametrize("key", KEYS, ids=_name)
def test_results_are_alike(key: tuple[str | None, str]) -> None:
    mine, _ = _both(key)
    if key[1] in ("apply_", "map_", "share_memory_"):
        pytest.skip("for CPU tensors alone")
    for example in EXAMPLES[key]:
        args, kwargs = _arguments(example.draw(Draw(3, example.dtypes[0])))
        if not _tensors((args, kwargs)):
            continue
        expected, error = outcome(mine, translate(args, "reference"), translate(kwargs, "reference"))
        if error is not None:
            continue
        found, error = outcome(mine, translate(args, "meta"), translate(kwargs, "meta"))
        if error is not None:
            assert _looks(key) and isinstance(error, RuntimeError) and "meta tensor" in str(error)
            continue
        for mine_is, theirs in zip(_tensors(found), _tensors(expected), strict=True):
            assert mine_is.is_meta
            assert (mine_is.shape, mine_is.dtype, mine_is.stride()) == (theirs.shape, theirs.dtype, theirs.stride())


def test_nothing_is_held_or_computed() -> None:
    x = flambeau.rand(10**6, 10**6, device="meta", requires_grad=True)
    y = (x @ x + 1).softmax(0)
    y.sum().backward()
    assert x.grad.is_meta and x.grad.shape == x.shape and not y.data_ptr()
    flambeau.synchronize()


EXPRESSIONS = [
    "empty(3, 4, device='meta')", "empty(2, device='meta', dtype=t.int64) + 1", "empty((), device='meta').requires_grad_()",
    "nn.Parameter(t.empty(2, 3, device='meta'))", "nn.Linear(3, 4, device='meta')(t.empty(2, 3, device='meta'))",
    "ones(2).to('meta')", "empty(3, device='meta').cpu()", "empty(3, device='meta').item()", "empty(1, device='meta').tolist()",
    "empty(3, device='meta').numpy()", "bool(t.empty((), device='meta'))", "ones(3).copy_(t.empty(3, device='meta'))",
    "empty(3, device='meta').copy_(t.ones(3))", "ones(3) + t.empty(3, device='meta')", "tensor(2.0) * t.empty(3, device='meta')",
    "nn.Linear(3, 4, device='meta').to('cpu')", "nn.Linear(3, 4, device='meta').to_empty(device='cpu').weight.device",
    "tensor([1, 2], device='meta')", "arange(5, device='meta')", "device('meta')", "sort(t.empty(3, device='meta'))",
    "empty(3, 2, device='meta').t().stride()", "empty_like(t.ones(2), device='meta').is_meta",
]  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_shown_and_refused_as_in_pytorch(expression: str) -> None:
    def text(library: Any) -> tuple[str, BaseException | None]:
        prefix = "" if expression.startswith("bool") else "t."
        found, error = outcome(eval, (prefix + expression, {"t": library}), {})
        return repr(found).replace("flambeau.", "torch."), error

    (found, my_error), (expected, error) = text(flambeau), text(torch)
    assert found == expected
    assert (error is None) == (my_error is None)
    if error is not None:
        assert my_error is not None and same_error(my_error, error)


def _net(nn: Any) -> Any:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))


def test_a_model_is_made_on_meta_and_filled() -> None:
    with flambeau.device("meta"):
        net = _net(flambeau.nn)
    assert flambeau.get_default_device().type == "cpu"
    assert all(t.is_meta for t in net.state_dict().values())
    assert net(flambeau.empty(5, 3, 4, 4, device="meta")).shape == (5, 2)
    assert sum(math.prod(p.shape) for p in net.parameters()) == sum(p.numel() for p in _net(torch.nn).parameters())
    filled = _net(flambeau.nn)
    with pytest.warns(UserWarning, match=r"copying from a non-meta parameter .* which is a no-op"):
        net.load_state_dict(filled.state_dict())
    assert net[0].weight.is_meta
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again.load_state_dict(filled.state_dict(), assign=True)
        x = flambeau.randn(2, 3, 4, 4)
        assert flambeau.equal(again(x), filled(x))
        assert all(p.requires_grad for p in again.parameters())
    made = net.to_empty(device="reference")
    made.load_state_dict(filled.state_dict())
    assert flambeau.equal(made[4].weight.cpu(), filled[4].weight)
