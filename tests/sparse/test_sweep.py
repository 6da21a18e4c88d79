"""No operator computes on a sparse tensor what PyTorch doesn't: all operators, with their examples' first tensor made sparse."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from tests.helpers.oracle import translate
from tests.ops.table import EXAMPLES, Draw
from tests.ops.test_operators import KEYS, _arguments, _both, _name
from tests.sparse.both import outcome, same

FURTHER = {
    "detach_copy": "it reads nothing", "is_set_to": "it reads nothing", "lu_solve": "products are there",
}  # fmt: skip
"""What has a result here and an error there, and why that is right."""


def _results(key: Any, example: Any) -> tuple[Any, Any]:
    args, kwargs = _arguments(example)
    mine, theirs = _both(key)
    place = next((i for i, a in enumerate(args) if isinstance(a, torch.Tensor) and a.dim()), None)
    if place is None:
        return None, None
    (ours, our_kwargs) = translate(args, "cpu"), translate(kwargs, "cpu")
    ours = list(ours)
    given = [a.clone() if isinstance(a, torch.Tensor) else a for a in args]
    given[place], ours[place] = given[place].detach().to_sparse(), ours[place].detach().to_sparse()
    return outcome(lambda: mine(*ours, **our_kwargs)), outcome(lambda: theirs(*given, **kwargs))


@pytest.mark.parametrize("key", KEYS, ids=_name)
def test_nothing_is_computed_that_pytorch_refuses(key: Any) -> None:
    for example in EXAMPLES[key][:2]:
        dtype = min(example.dtypes, key=lambda d: d.is_complex)  # PyTorch's to_dense loses complex infinities
        made = example.draw(Draw(1, dtype))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mine, theirs = _results(key, made)
        if isinstance(mine, Exception) or mine is None:
            continue
        if key[1] not in FURTHER:
            assert not isinstance(theirs, Exception), f"PyTorch: {theirs}"
            if isinstance(theirs, torch.dtype):
                assert str(mine) == str(theirs)
            else:
                same(mine, theirs, places=False)
