# ruff: noqa: F821, UP037 - ruff reads the strings of `Shaped` as annotations
"""Annotations enforced at run time: `checked`, and jaxtyping with beartype as on PyTorch's tensors."""

from __future__ import annotations

import pytest

import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.shapes import ShapeError
from flambeau.typing import Shaped, checked, cpu, shape_vars
from flambeau.typing.shape_strings import ShapeStringError, parse


@checked
@shape_vars("N, H, W, *Rest")
def halve(
    x: Shaped[Tensor[float32, cpu], "[N, 3, 2 * H, W]"],
    y: Shaped[Tensor[float32, cpu], "[*Rest, N]"] | None = None,
    N: int | None = None,
) -> Shaped[Tensor[float32, cpu], "[N, H, W]"]:
    return x[:, 0, ::2]


@checked
@shape_vars("B, N")
def pair(xs: list[Shaped[Tensor, "[B, N]"]], *more: Shaped[Tensor, "[B, _]"]) -> tuple[Shaped[Tensor, "[B]"], int]:
    return xs[0].sum(1), len(more)


def test_names_bind_across_a_call():
    assert halve(torch.zeros(2, 3, 8, 5), torch.zeros(7, 6, 2)).shape == (2, 4, 5)
    assert halve(torch.zeros(2, 3, 8, 5), None, 2).shape == (2, 4, 5)
    assert pair([torch.zeros(2, 3), torch.zeros(2, 3)], torch.zeros(2, 9))[1] == 1


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: halve(torch.zeros(2, 4, 8, 5)), ShapeError, "argument 'x'.*dimension 1 is 4, not 3"),
        (lambda: halve(torch.zeros(3, 8, 5)), ShapeError, "expected 4 dimensions"),
        (lambda: halve(torch.zeros(2, 3, 7, 5)), ShapeError, "dimension 2 is 7"),
        (lambda: halve(torch.zeros(2, 3, 8, 5), torch.zeros(3)), ShapeError, "argument 'y'.*dimension 0 is 3, not N = 2"),
        (lambda: halve(torch.zeros(2, 3, 8, 5), N=5), ShapeError, "N = 5"),
        (
            lambda: halve(torch.zeros(2, 3, 8, 5, dtype=torch.float64)),
            TypeError,
            "expected dtype torch.float32, got torch.float64",
        ),
        (lambda: halve(torch.zeros(2, 3, 8, 5, device="reference")), TypeError, "expected device cpu"),
        (lambda: halve([1, 2]), TypeError, "expected a Tensor, got list"),
        (lambda: pair([torch.zeros(2, 3), torch.zeros(2, 4)]), ShapeError, r"'xs'\[1\]"),
        (lambda: pair([torch.zeros(2, 3)], torch.zeros(3, 3)), ShapeError, r"'more\[0\]'"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_why(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_a_wrong_result_is_an_error():
    @checked
    @shape_vars("N")
    def wrong(x: Shaped[Tensor, "[N]"]) -> Shaped[Tensor, "[N + 1]"]:
        return x

    with pytest.raises(ShapeError, match="result"):
        wrong(torch.zeros(3))


def test_methods_can_be_checked():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 2)

        @checked
        @shape_vars("N")
        def forward(self, x: Shaped[Tensor, "[N, 4]"]) -> Shaped[Tensor, "[N, 2]"]:
            return self.fc(x)

    assert Net()(torch.zeros(3, 4)).shape == (3, 2)
    with pytest.raises(ShapeError, match="dimension 1 is 5, not 4"):
        Net()(torch.zeros(3, 5))


@pytest.mark.parametrize("text", ["[N, ", "[N + ]", "[f(N)]", "[*A, *B]", "[N // 0]", "[1.5]", "['N']"])
def test_a_bad_shape_string_is_refused(text):
    with pytest.raises(ShapeStringError):
        parse(text)


def test_names_are_checked_where_they_are_declared():
    with pytest.raises(ValueError, match="not a name"):
        shape_vars("N, 3")


def test_jaxtyping_annotations_with_beartype():
    jaxtyping = pytest.importorskip("jaxtyping")
    beartype = pytest.importorskip("beartype")

    def double(x, y):
        return x * 2

    double.__annotations__ = {
        "x": jaxtyping.Float32[Tensor, "batch channels"],
        "y": jaxtyping.Int64[Tensor, "batch"],
        "return": jaxtyping.Float32[Tensor, "batch channels"],
    }
    double = jaxtyping.jaxtyped(typechecker=beartype.beartype)(double)
    labels = torch.tensor([1, 2])
    assert double(torch.zeros(2, 3), labels).shape == (2, 3)
    for x, y in ((torch.zeros(3, 3), labels), (torch.zeros(2, 3), torch.zeros(2)), (torch.zeros(2), labels)):
        with pytest.raises(Exception, match="type"):
            double(x, y)
