"""An exception of a signal's handler may come at any call: modes, and what is being recorded, are afterwards as before."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

import flambeau
import flambeau.nn.functional as F
from flambeau.autograd.modes import state
from flambeau.storage import RECORDERS, pending


class Stop(BaseException):
    pass


def stopped(program: Callable[[], Any], at: int) -> int:
    """Runs a program with an exception where Python would call a signal's handler for the `at`-th time in the library: as a
    function begins, or after a call of a builtin one. Gives how many such places there were."""
    count = 0

    def watch(frame: Any, event: str, _: Any) -> None:
        nonlocal count
        if event in ("call", "c_return") and "flambeau" in frame.f_globals.get("__name__", ""):
            count += 1
            if count == at:
                raise Stop

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        program()
    except Stop:
        assert count == at
    finally:
        sys.setprofile(before)
    return count


def training() -> Callable[[], Any]:
    model = flambeau.nn.Sequential(
        flambeau.nn.Linear(4, 8), flambeau.nn.LayerNorm(8), flambeau.nn.ReLU(), flambeau.nn.Linear(8, 3)
    )
    optimizer = flambeau.optim.SGD(model.parameters(), lr=0.01)
    x, y = flambeau.randn(5, 4), flambeau.tensor([0, 1, 2, 0, 1])

    def step() -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def derivatives() -> Callable[[], Any]:
    w = flambeau.randn(4, 4, requires_grad=True)

    def second() -> None:
        (gradient,) = flambeau.autograd.grad(F.layer_norm(w @ w, (4,)).sum(), w, create_graph=True)
        gradient.square().sum().backward()

    return second


def examples() -> Callable[[], Any]:
    x = flambeau.randn(3, 4)
    return flambeau.vmap(flambeau.func.grad(lambda row: F.softmax(row, 0).square().sum())).__get__(x)


def recorded() -> Callable[[], Any]:
    """Each call a recording: the first of a new function."""

    def program() -> None:
        flambeau.compile(training())()

    return program


@pytest.mark.parametrize("make", [training, derivatives, examples, recorded])
def test_modes_and_recordings_end(make: Callable[[], Callable[[], Any]]) -> None:
    program = make()
    for _ in range(4):
        program()
    places = stopped(program, 0)
    rng = random.Random(0)
    for _ in range(60):
        try:
            stopped(program, rng.randrange(1, places))
        except RuntimeError as error:  # parameters were lost, as it says: in the middle of being overwritten
            assert "interrupted half-way" in str(error)
            program = make()
        assert state.enabled and not state.inference and state.autocast is None
        assert pending.recorder is None and not RECORDERS and not pending.examples
    x = flambeau.ones(3, requires_grad=True)
    (x * x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [2.0, 2.0, 2.0]
