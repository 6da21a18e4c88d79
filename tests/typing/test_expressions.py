"""Tensor expressions, einops and `Tensor.at`, against PyTorch and the einops package on PyTorch's tensors."""

from __future__ import annotations

import einops
import numpy as np
import pytest
import torch as oracle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flambeau as torch
from flambeau.ops.expressions import ExpressionError, tx
from flambeau.shapes import ShapeError
from flambeau.typing.rules import RULES


def both(*shape):
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return torch.tensor(values.tolist()), oracle.tensor(values)


EXPRESSIONS = [
    "relu(x @ w + b)",
    "softmax(x @ w, dim=-1) * 2 - b / 3",
    "(x @ w)[0, 1:] ** 2",
    "where(x > 0, x, -x).T",
    "einsum('ij,jk->ik', x, w) + b",
    "cat([x, x], dim=1)[:, ::2]",
    "layer_norm(x, (4,)) + pi",
    "~(x > 0)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_is_what_pytorch_computes(text):
    (x, X), (w, W), (b, B) = both(3, 4), both(4, 5), both(5)
    values = {"x": (x, X), "w": (w, W), "b": (b, B)}
    expression = tx(text)
    mine = expression(**{name: values[name][0] for name in expression.names})
    names = {name: getattr(oracle, name) for name in ("relu", "softmax", "where", "einsum", "cat")}
    names["layer_norm"] = oracle.nn.functional.layer_norm
    theirs = eval(text, {"pi": 3.141592653589793, **names}, {name: pair[1] for name, pair in values.items()})
    np.testing.assert_allclose(np.array(mine.tolist()), theirs.numpy(), rtol=1e-5, atol=1e-6)


def test_an_expression_is_differentiable_and_compiles():
    (x, X), (w, W) = both(3, 4), both(4, 5)
    w.requires_grad_()
    W.requires_grad_()
    tx("tanh(x @ w)")(x=x, w=w).sum().backward()
    oracle.tanh(X @ W).sum().backward()
    np.testing.assert_allclose(np.array(w.grad.tolist()), W.grad.numpy(), rtol=1e-4, atol=1e-5)
    compiled = torch.compile(lambda x, w: tx("tanh(x @ w)")(x=x, w=w))
    with torch.no_grad():
        np.testing.assert_allclose(np.array(compiled(x, w).tolist()), oracle.tanh(X @ W).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_names_and_graph():
    expression = tx("relu(x @ w + b)")
    assert expression.names == ("x", "w", "b")
    assert expression.graph().splitlines() == ["%1 = x @ w", "%2 = %1 + b", "%3 = relu(%2)"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("relu(x @ w +", "never closed"),
        ("foo(x)", "unknown function foo"),
        ("x.data", "attribute .data"),
        ("__import__('os')", "unknown function __import__"),
        ("(lambda: x)()", "plain name"),
        ("x if y else z", "IfExp"),
        ("[v for v in x]", "ListComp"),
        ("x and y", "BoolOp"),
        ("1 < x < 2", "one comparison"),
        ("", "empty"),
    ],
)
def test_what_is_no_expression_is_refused(text, says):
    with pytest.raises(ExpressionError, match=says):
        tx(text)


def test_missing_and_extra_names():
    with pytest.raises(ExpressionError, match="no value for w"):
        tx("x @ w")(x=torch.zeros(2, 2))
    with pytest.raises(ExpressionError, match="y is not in the expression"):
        tx("relu(x)")(x=torch.zeros(2), y=1)


def test_an_error_points_at_its_place():
    with pytest.raises(ShapeError) as caught:
        tx("relu(x @ w + b)")(x=torch.zeros(2, 3), w=torch.zeros(4, 5), b=torch.zeros(5))
    lines = str(caught.value).splitlines()
    assert "(with x: [2, 3], w: [4, 5])" in lines[0]
    assert lines[1:] == ["  relu(x @ w + b)", "       ^^^^^"]


PATTERNS = [
    ("rearrange", "a b c -> a (b c)", {}),
    ("rearrange", "a b (c d) -> d a b c", {"d": 2}),
    ("rearrange", "a ... -> ... a", {}),
    ("rearrange", "(a x) b c -> x a (b c) 1", {"x": 2}),
    ("repeat", "a b c -> a b c d", {"d": 3}),
    ("repeat", "a b c -> (a r) b c", {"r": 2}),
    ("reduce", "a b c -> a c", {}),
    ("reduce", "a b (c d) -> b d", {"d": 2}),
    ("reduce", "... c -> ...", {}),
]


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(PATTERNS),
    st.lists(st.sampled_from([1, 2, 3, 4]), min_size=2, max_size=4),
    st.sampled_from(["max", "sum", "mean", "prod"]),
)
def test_einops_as_on_pytorchs_tensors(pattern, shape, reduction):
    operation, text, axes = pattern
    x, X = both(*shape)
    extra = (reduction,) if operation == "reduce" else ()
    try:
        theirs = getattr(einops, operation)(X, text, *extra, **axes)
    except einops.EinopsError:
        with pytest.raises(RuntimeError):
            getattr(torch, operation)(x, text, *extra, **axes)
        with pytest.raises(RuntimeError):
            RULES[f"einops_{operation}"](text, tuple(shape), axes)
        return
    for function in (getattr(torch, operation), getattr(einops, operation)):
        mine = function(x, text, *extra, **axes)
        np.testing.assert_allclose(np.array(mine.tolist()).reshape(theirs.shape), theirs.numpy(), rtol=1e-5, atol=1e-6)
    assert RULES[f"einops_{operation}"](text, tuple(shape), axes) == tuple(theirs.shape)


def test_einops_gradients_and_views():
    x, _ = both(2, 6)
    x.requires_grad_()
    torch.reduce(x, "a (b c) -> a b", "sum", c=2).sum().backward()
    assert x.grad.tolist() == torch.ones(2, 6).tolist()
    y = torch.zeros(2, 3)
    torch.rearrange(y, "a b -> b a")[0, 1] = 5.0
    assert y[1, 0].item() == 5.0
    with pytest.raises(TypeError, match="must be a Tensor"):
        torch.rearrange([1, 2], "a -> a")


def test_at():
    x, X = both(4, 6, 5)
    for mine, theirs in (
        (x.at(0, (1, 5), None, ...), X[0, 1:5, None, ...]),
        (x.at(..., (None, None, 2)), X[..., ::2]),
        (x.at(-1), X[-1]),
        (x.at(torch.tensor([0, 2]), (1, None)), X[oracle.tensor([0, 2]), 1:]),
    ):
        np.testing.assert_array_equal(np.array(mine.tolist()), theirs.numpy())
    with pytest.raises(IndexError, match="argument 1"):
        x.at(0, (1,))
    with pytest.raises(IndexError):
        x.at(9)
