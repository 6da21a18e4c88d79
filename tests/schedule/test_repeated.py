"""What is remembered of lowering: plans are those that would be made without it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

sys.path.insert(0, str(Path(__file__).parent))

from graphs import broadcast, copied, graphs, leaf, make

from flambeau.dtypes import float32
from flambeau.graph.node import Node
from flambeau.kernels import contract, lower, repeated
from flambeau.kernels.operation import Program
from flambeau.schedule import build
from flambeau.traced import Trace


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_plans_don_t_depend_on_what_was_planned_before(nodes: Any) -> None:
    """What is remembered here comes of all the graphs drawn before."""
    first, second = build(copied(nodes)), build(copied(nodes))
    repeated._known.clear()
    fresh = build(copied(nodes))
    assert first.steps == second.steps == fresh.steps
    assert first.values == fresh.values and first.aliases == fresh.aliases


def _block(x: Node, weight: Node, bias: Node) -> Node:
    product = make("contract", (x, weight), (0, 1), (2, 1), (0, 2))
    added = make("maximum", (make("add", (product, broadcast(bias, product.shape))), broadcast(constant(0.0), product.shape)))
    total = make("reshape", (make("sum", (added,), (1,), added.shape),), (*product.shape[:1], 1), product.shape[:1])
    return make("sub", (added, make("expand", (total,), product.shape, total.shape)))


def constant(value: float) -> Node:
    return make("constant", (), value, float32)


def _random(*shape: int) -> Node:
    return leaf(np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32))


def test_equal_blocks_are_lowered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for module, name in ((lower, "lower_loops"), (contract, "lower_contraction")):
        plain = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, plain=plain, name=name: [calls.append(name), plain(*given)][1])

    def lowered(blocks: int) -> tuple[int, int]:
        repeated._known.clear()
        calls.clear()
        x = _random(24, 32)
        for _ in range(blocks):
            x = _block(x, _random(32, 32), _random(32))
        return len(calls), len({step.kernel for step in build([x]).steps})

    assert lowered(3) == lowered(9)


@pytest.mark.parametrize("pair", [(0.0, -0.0), (1.0, 2.0), (float("inf"), float("-inf"))])
def test_constants_that_differ(pair: tuple[float, float]) -> None:
    x = _random(64)
    kernels = [build([make("mul", (x, broadcast(constant(c), x.shape)))]).steps[0].kernel for c in pair]
    assert kernels[0] != kernels[1]


def test_many_operands_that_need_memory_are_found_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each product's epilogue would hold random numbers, which it can't: one round finds that of all."""
    import flambeau as torch
    from flambeau.schedule import pieces, planning, running

    monkeypatch.setattr(running, "_novelty", pieces.Novelty())  # whatever graphs other tests made
    rounds: list[int] = []
    fusion = planning.Fusion
    monkeypatch.setattr(planning, "Fusion", lambda *given: [rounds.append(len(given[2])), fusion(*given)][1])
    x = torch.randn(32, 32)
    for _ in range(6):
        x = torch.nn.functional.dropout(x @ torch.randn(32, 32), 0.5)
    x.sum().item()
    assert len(rounds) <= 2


def test_traced_numbers_of_a_write_are_asked_anew() -> None:
    """The target's shape is plain, what is written where is not: the second lowering makes the same notes as the first."""
    trace = Trace([24])
    (start,) = trace.variables

    def notes() -> int:
        program = Program()
        base, value = program.new("memory", (64,), float32), program.new("memory", (16,), float32)
        target = program.new("assign", (64,), float32, (base, value), ((16,), (1,), start))
        trace.begin([24])
        calls.clear()
        repeated.lower_loops([lower.Write(target, value, "assign")], {base.number, value.number, target.number}, [0] * 3)
        return len(calls)

    calls: list[int] = []
    plain = lower.lower_loops
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lower, "lower_loops", lambda *given: [calls.append(1), plain(*given)][1])
        assert notes() == notes() == 1
