"""Plans mean what their graphs mean: random graphs, scheduled and interpreted, against the reference device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parent))

from graphs import copied, graphs, leaf, make
from interpreter import Interpreter

import flambeau.graph.node as node
import flambeau.schedule.running as running
from flambeau.devices.reference import ReferenceBackend
from flambeau.dtypes import float32
from flambeau.graph.numpy import array_type
from flambeau.schedule import prepare, realize
from flambeau.schedule.general import Structures
from flambeau.schedule.keeping import Plans


class Donating(Interpreter):
    """Overwrites every input that a plan lets it, in copies."""

    def execute(self, plan: Any, inputs: Any, scalars: Any, donated: frozenset[int]) -> list[Any]:
        return super().execute(plan, [np.array(i) for i in inputs], scalars, frozenset(range(len(inputs))))


def check(nodes: Any, backend: Any) -> None:
    expected = copied(nodes)
    try:
        ReferenceBackend().realize(expected)
    except IndexError:
        with pytest.raises(IndexError):
            realize(backend, copied(nodes))
        return
    found = copied(nodes)
    realize(backend, found)
    for e, f in zip(expected, found, strict=True):
        size = e.size * e.dtype.itemsize
        a = np.asarray(e.buffer).reshape(-1).view(np.uint8)[:size].view(array_type(e.dtype))
        b = np.asarray(f.buffer).reshape(-1).view(np.uint8)[:size].view(array_type(e.dtype))
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-4, err_msg=str(f))


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_random_graphs(nodes: Any) -> None:
    if nodes:
        check(nodes, Interpreter())
        check(nodes, Donating())


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(steps=8))
def test_equal_structure_finds_the_same_plan(nodes: Any) -> None:
    if nodes:
        first, _, _ = prepare(nodes)
        second, _, _ = prepare(copied(nodes))
        assert first is second


class Recording(Interpreter):
    """Notes what was donated."""

    donated: frozenset[int] = frozenset()

    def execute(self, plan: Any, inputs: Any, scalars: Any, donated: frozenset[int]) -> list[Any]:
        self.donated = donated
        return super().execute(plan, inputs, scalars, donated)


def updated(parameter: Any) -> Any:
    """parameter - 0.1 · parameter²."""
    step = make("scalar", (), 0.1, float32)
    step = make("expand", (make("reshape", (step,), (1, 1), ()),), parameter.shape, (1, 1))
    return make("sub", (parameter, make("mul", (step, make("mul", (parameter, parameter))))))


def test_an_old_value_that_nobody_knows_is_overwritten() -> None:
    backend = Recording()
    new = updated(leaf(np.full((64, 64), 2.0, np.float32)))
    realize(backend, [new])
    assert backend.donated == {0}
    np.testing.assert_allclose(new.buffer, 1.6, rtol=1e-6)


def test_an_old_value_that_somebody_knows_is_kept() -> None:
    backend = Recording()
    parameter = leaf(np.full((64, 64), 2.0, np.float32))
    realize(backend, [updated(parameter)])
    assert backend.donated == frozenset()
    data = np.full((64, 64), 2.0, np.float32)
    new = updated(leaf(data))
    realize(backend, [new])
    assert backend.donated == frozenset()
    square = make("mul", (leaf(np.full((64, 64), 2.0, np.float32)),) * 2)
    between = make("neg", (square,))
    realize(backend, [make("neg", (between,))])  # `between` could be asked for later
    assert backend.donated == frozenset()
    realize(backend, [between])
    np.testing.assert_array_equal(between.buffer, -4)


def test_plans_are_bounded_by_their_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PLANS", Plans(4096, 6))
    for n in range(2, 22):
        x = leaf(np.ones((n, 3), np.float32))
        prepare([make("argsort", (x,), 1, False, 3), make("argsort", (x,), 1, True, 3)])
        assert sum(len(p.steps) for p in running.PLANS.values()) <= 6
    assert len(running.PLANS) == 2


def test_sizes_that_vary_do_not_crowd_out_other_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of general plans some sizes are filled in again and again: those are kept apart, and few."""
    monkeypatch.setattr(running, "PLANS", Plans(8))
    monkeypatch.setattr(running, "FILLED_IN", Plans(8))
    monkeypatch.setattr(running, "_structures", Structures())
    prepare([make("exp", (leaf(np.ones(5, np.float32)),))], True)
    for n in range(20, 90):
        prepare([make("neg", (make("sin", (leaf(np.ones(n, np.float32)),)),))], True)
    assert len(running.PLANS) == 2 and 7 <= len(running.FILLED_IN) <= 8
    used = {key: plan.used for key, plan in running.PLANS.items()}
    prepare([make("exp", (leaf(np.ones(5, np.float32)),))], True)
    assert used != {key: plan.used for key, plan in running.PLANS.items()}


def test_forgotten_signatures_are_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "_REMEMBERED", 20)
    for n in range(1, 60):
        a, b = leaf(np.full(n, 2, np.float32)), leaf(np.full((n, 1), 3, np.float32))
        check([make("mul", (a, a)), make("neg", (b,))], Interpreter())
    assert max(len(node._kinds), len(node._signatures), len(node._forms)) <= 20


def test_accumulated_gradients_are_one_plan():
    """Gradients are added to leaves in the order in which they are reached, not by where in memory Python put things."""
    import flambeau

    model = flambeau.nn.Sequential(*[flambeau.nn.Linear(n, n + 1) for n in range(2, 8)])
    x = flambeau.ones(3, 2)
    clutter = []
    found = []
    for step in range(8):
        for _ in range(2):
            model(x).sum().backward()
            clutter.append([object() for _ in range(37 * step % 11)])
        flambeau.synchronize()
        found.append(len(running.PLANS))
    assert found[2] == found[-1]
