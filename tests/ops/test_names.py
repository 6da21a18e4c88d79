"""Names that programs use beside PyTorch's own: NumPy's for dim and keepdim, classes of tensors by dtype, Variable."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

import flambeau
from flambeau.ops.registry import OPERATORS

X = np.random.RandomState(0).rand(2, 3)
CALLS = {
    "sum": lambda m, x: x.sum(axis=1, keepdims=True),
    "mean": lambda m, x: m.mean(x, axis=0),
    "max": lambda m, x: x.max(axis=1)[1],
    "argmax": lambda m, x: x.argmax(axis=0),
    "softmax": lambda m, x: x.softmax(axis=1),
    "cumsum": lambda m, x: m.cumsum(x, axis=1),
    "cat": lambda m, x: m.cat([x, x], axis=1),
    "concatenate": lambda m, x: m.concatenate((x, x), axis=0),
    "stack": lambda m, x: m.stack([x, x], axis=2),
    "unsqueeze": lambda m, x: x.unsqueeze(axis=1),
    "sort": lambda m, x: m.sort(x, axis=1).values,
    "topk": lambda m, x: x.topk(1, axis=0).values,
    "index_select": lambda m, x: m.index_select(x, axis=1, index=m.tensor([0])),
    "split_size": lambda m, x: x.split(split_size=2, dim=1)[0],
    "out": lambda m, x: m.cumsum(x, axis=1, out=m.empty(2, 3, dtype=m.float64)),
    "in place": lambda m, x: x.clone().cumsum_(axis=0),
}


@pytest.mark.parametrize("name", CALLS)
def test_numpy_names(name):
    a, b = (CALLS[name](m, m.tensor(X)) for m in (torch, flambeau))
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_numpy_names_where_there_is_none():
    for m in (torch, flambeau):
        with pytest.raises(TypeError):
            m.relu(m.tensor(X), axis=1)
        with pytest.raises(TypeError):
            m.sum(m.tensor(X), dim=1, axis=1)


@pytest.mark.parametrize("name", ["Float", "Double", "Half", "BFloat16", "Byte", "Char", "Short", "Int", "Long", "Bool"])
def test_classes_by_dtype(name):
    results = []
    for m in (torch, flambeau):
        kind = getattr(m, name + "Tensor")
        x = kind([[1, 0], [1, 1]])
        others = [m.zeros(1), m.zeros(1).double(), m.zeros(1).long(), m.zeros(1).bool(), 3]
        results.append([
            x.tolist(), str(x.dtype), x.type(), isinstance(x, kind), [isinstance(o, kind) for o in others], kind(2, 3).shape,
            kind().shape, kind(x).tolist(), m.ones(2).type(kind).tolist(), kind((1, 0)).tolist(), kind(x.shape).shape,
        ])  # fmt: skip
        with pytest.raises(TypeError):
            kind(m.zeros(1, dtype=m.uint8 if name != "Byte" else m.int8))
    assert results[0] == results[1]


def test_variable():
    for m in (torch, flambeau):
        x = m.autograd.Variable(m.ones(2), requires_grad=True)
        (x * 3).sum().backward()
        assert x.grad.tolist() == [3, 3] and isinstance(x, m.autograd.Variable) and isinstance(m.ones(1), m.autograd.Variable)
        assert not m.autograd.Variable(m.ones(2)).requires_grad


def test_default_type():
    try:
        flambeau.set_default_tensor_type(flambeau.DoubleTensor)
        assert flambeau.zeros(1).dtype is flambeau.float64
        flambeau.set_default_tensor_type("torch.FloatTensor")
        assert flambeau.zeros(1).dtype is flambeau.float32
        with pytest.raises(TypeError, match="only floating-point types"):
            flambeau.set_default_tensor_type(flambeau.LongTensor)
    finally:
        flambeau.set_default_dtype(flambeau.float32)


def test_operators_can_be_pickled():
    """A module that holds one (a layer's activation) is pickled by the name under which everyone finds it."""
    for module in (flambeau, flambeau.nn.functional, flambeau.linalg, flambeau.fft, flambeau.special):
        dir(module)  # all are there then
    for (namespace, name), operator in list(OPERATORS.items()):
        if namespace is not None and operator.public is not operator.function:
            assert pickle.loads(pickle.dumps(operator.public)) is operator.public, name


def test_functions_are_called_what_they_are_found_by():
    """Graphs of calls (fx), tables of functions and errors say their names."""
    functions = {name: operator.public for (space, name), operator in OPERATORS.items() if space == "" and hasattr(torch, name)}
    wrong = {name for name, function in functions.items() if function.__name__ != getattr(torch, name).__name__}
    assert len(functions) > 500 and not wrong
    methods = {name for name in dir(flambeau.Tensor) if not name.startswith("_") and callable(getattr(torch.Tensor, name, None))}
    assert not {n for n in methods if getattr(flambeau.Tensor, n).__name__ != getattr(torch.Tensor, n).__name__}
