"""PyTorch's samples for its modules (`module_db`): the state's names, text, results, gradients and errors are the same."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

import flambeau
from tests.databases.samples import database
from tests.helpers.oracle import _tensors, compare, outcome, same_error, translate

DATABASE = {
    info.name.removeprefix("nn."): info
    for info in database("common_modules", "module_db")
    if info.module_cls.__module__.startswith("torch.nn.modules") and not info.name.startswith("nn.Lazy")
}
ELSEWHERE = {
    "TransformerEncoder": "is made of another module",
    "LinearCrossEntropyLoss": "PyTorch's takes long to get ready: see test_modules.py",
    **dict.fromkeys(["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout", "RReLU"], "random"),
    **dict.fromkeys(["FractionalMaxPool2d", "FractionalMaxPool3d"], "random"),
}  # fmt: skip
NAMES = [name for name in DATABASE if name not in ELSEWHERE]
SAMPLES = 1
"""How many of each module's, spread over all."""


def _translated(value: Any) -> Any:
    """As the oracle's `translate`; functions of `nn.functional` too. KeyError for other functions."""
    if inspect.isfunction(value) or inspect.isbuiltin(value):
        if getattr(torch.nn.functional, value.__name__, None) is not value:
            raise KeyError(value)
        return getattr(flambeau.nn.functional, value.__name__)
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(map(_translated, value))
    if isinstance(value, dict):
        return {k: _translated(v) for k, v in value.items()}
    return "reference" if value == "cpu" and isinstance(value, str) else translate(value, "reference")


def _detached(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {k: _detached(v) for k, v in value.items()}
    return type(value)(map(_detached, value)) if isinstance(value, (list, tuple)) else value


def _check(name: str, sample: Any, training: bool) -> None:
    cls, made = DATABASE[name].module_cls, sample.constructor_input
    options = dict(made.kwargs)
    if "dtype" in inspect.signature(cls.__init__).parameters:
        options["dtype"] = torch.float64
    try:
        args, kwargs = _translated(made.args), _translated(options)
    except KeyError:
        return
    theirs, mine = cls(*made.args, **options).double().train(training), getattr(flambeau.nn, name)(*args, **kwargs).double()
    mine.train(training).to("reference")
    assert repr(mine) == repr(theirs)
    state = theirs.state_dict()
    assert list(mine.state_dict()) == list(state)
    mine.load_state_dict(translate(dict(state), "reference"))
    given, options = _detached(sample.forward_input.args), _detached(sample.forward_input.kwargs)
    my_given, my_options = _translated(given), _translated(options)
    expected, error = outcome(theirs, given, options)
    found, my_error = outcome(mine, my_given, my_options)
    if error is not None or my_error is not None:
        assert error is not None and my_error is not None and same_error(my_error, error), (my_error, error)
        return
    compare(found, expected, factor=10)
    results = [[t for t in _tensors(r) if t.requires_grad] for r in (found, expected)]
    if results[1]:
        for library, tensors in zip((flambeau, torch), results):
            library.autograd.backward(tensors, [library.ones_like(t) for t in tensors])
    leaves = [[*_tensors((a, k)), *m.parameters()] for a, k, m in ((my_given, my_options, mine), (given, options, theirs))]
    for i, (a, b) in enumerate(zip(*leaves, strict=True)):
        assert (a.grad is None) == (b.grad is None), f"gradient of leaf {i}"
        if b.grad is not None:
            compare(a.grad, b.grad, f"gradient of leaf {i}", factor=100)
    for (key, a), b in zip(mine.named_buffers(), theirs.buffers(), strict=True):
        compare(a, b, key, factor=10)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", NAMES)
def test_samples(name: str, training: bool) -> None:
    info = DATABASE[name]
    torch.manual_seed(0)
    samples = info.module_inputs_func(info, device="cpu", dtype=torch.float64, requires_grad=True, training=training)
    for i in range(min(SAMPLES, len(samples))):
        _check(name, samples[i * len(samples) // SAMPLES if len(samples) > SAMPLES else i], training)
