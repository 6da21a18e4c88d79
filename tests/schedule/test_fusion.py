"""What becomes one kernel, what gets memory and what is overwritten."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from graphs import broadcast, copied, leaf, make
from interpreter import Interpreter

from flambeau.devices.reference import ReferenceBackend
from flambeau.dtypes import float32, int64
from flambeau.graph.node import Node
from flambeau.kernels.ir import ContractionKernel, LoopKernel, SortKernel
from flambeau.schedule import build, realize
from flambeau.schedule.plan import Plan


def array(*shape: int) -> Node:
    return leaf(np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32))


def number(value: float, shape: tuple[int, ...]) -> Node:
    return broadcast(make("scalar", (), value, float32), shape)


def reduced(kind: str, x: Node, *axes: int) -> Node:
    """A reduction that keeps its dimensions, repeated to x's shape again."""
    kept = tuple(1 if d in axes else n for d, n in enumerate(x.shape))
    r = make(kind, (x,), axes, x.shape)
    return make("expand", (make("reshape", (r,), kept, r.shape),), x.shape, kept)


def plan_of(*nodes: Node) -> Plan:
    """The plan, after a check of its results."""
    expected, found = copied(list(nodes)), copied(list(nodes))
    ReferenceBackend().realize(expected)
    realize(Interpreter(), found)
    for e, f in zip(expected, found, strict=True):
        np.testing.assert_allclose(np.reshape(f.buffer, -1), np.reshape(e.buffer, -1), rtol=1e-4, atol=1e-5)
    return build(nodes)


def softmax(x: Node, *axes: int) -> Node:
    e = make("exp", (make("sub", (x, reduced("max", x, *axes))),))
    return make("div", (e, reduced("sum", e, *axes)))


def test_softmax_is_one_kernel_along_any_dimension() -> None:
    for axes in ((1,), (2,), (0,), (1, 2)):
        assert len(plan_of(softmax(array(6, 7, 5), *axes)).steps) == 1


def test_normalisation_is_one_kernel() -> None:
    x = array(4, 6, 10)
    centred = make("sub", (x, make("mul", (reduced("sum", x, 2), number(0.1, x.shape)))))
    variance = make("mul", (reduced("sum", make("mul", (centred, centred)), 2), number(0.1, x.shape)))
    scale = make("rsqrt", (make("add", (variance, number(1e-5, x.shape))),))
    out = make(
        "add", (make("mul", (make("mul", (centred, scale)), broadcast(array(10), x.shape))), broadcast(array(10), x.shape))
    )
    plan = plan_of(out)
    assert len(plan.steps) == 1
    assert len(plan.steps[0].kernel.axes) == 2  # two dimensions of rows are one axis


def test_statistics_of_a_long_row_are_kernels_of_their_own() -> None:
    x = array(1 << 18)
    assert len(plan_of(make("sub", (x, reduced("sum", x, 0)))).steps) == 2


def test_sums_of_the_same_rows_are_one_kernel() -> None:
    g, x = array(8, 16, 30), array(8, 16, 30)
    plan = plan_of(make("sum", (g,), (0, 2), g.shape), make("sum", (make("mul", (g, x)),), (0, 2), g.shape))
    assert len(plan.steps) == 1 and len(plan.steps[0].kernel.stores) == 2


def test_an_adam_step_is_one_kernel_in_place() -> None:
    shape = (40, 50)
    parameter, gradient, mean, square = array(*shape), array(*shape), array(*shape), array(*shape)
    square = leaf(np.abs(square.buffer))
    m = make("add", (make("mul", (mean, number(0.9, shape))), make("mul", (gradient, number(0.1, shape)))))
    scaled = make("mul", (gradient, number(0.001, shape)))
    v = make("add", (make("mul", (square, number(0.999, shape))), make("mul", (scaled, gradient))))
    step = make("div", (m, make("add", (make("sqrt", (v,)), number(1e-8, shape)))))
    p = make("sub", (parameter, make("mul", (number(0.01, shape), step))))
    plan = plan_of(m, v, p)
    assert len(plan.steps) == 1
    assert plan.steps[0].kernel.axes == (2000,)
    place = dict(zip(plan.inputs, ("p", "g", "m", "v")))
    assert [place[plan.aliases[o]] for o in plan.outputs] == ["m", "v", "p"]


def test_a_dear_value_is_computed_once_and_a_cheap_one_again() -> None:
    def program(middle: Any) -> Plan:
        x = array(30, 40)
        y = middle(x)
        by_row, by_column = make("sum", (y,), (1,), y.shape), make("max", (y,), (0,), y.shape)
        return plan_of(by_row, by_column)

    assert len(program(lambda x: make("neg", (x,))).steps) == 2
    assert len(program(lambda x: make("pow", (make("exp", (x,)), make("tanh", (x,))))).steps) == 3


def test_a_value_is_not_computed_again_for_each_place_that_it_is_repeated_to() -> None:
    x = array(3, 200)
    plan = plan_of(make("add", (x, broadcast(make("tanh", (make("exp", (array(200),)),)), x.shape))))
    assert [s.kernel.axes for s in plan.steps] == [(200,), (3, 200)]


def test_parts_are_written_where_they_belong() -> None:
    a, b = array(4, 3), array(4, 5)
    plan = plan_of(make("concatenate", (make("neg", (a,)), b, make("exp", (a,))), 1))
    assert len(plan.steps) == 3
    assert len({s.arguments[-1] for s in plan.steps}) == 1


def test_writes_of_a_loop_take_turns_in_one_memory() -> None:
    x: Node = make("neg", (array(100),))
    for row in range(5):
        place = make("as_strided", (x,), (10,), (1,), 10 * row, 100)
        x = make("assign", (x, make("exp", (place,))), (10,), (1,), 10 * row)
    plan = plan_of(x)
    assert len(plan.steps) == 6  # the first value, and each write; no copies
    assert len({s.arguments[-1] for s in plan.steps}) == 1


def test_a_write_leaves_a_value_that_is_asked_for() -> None:
    x = make("neg", (array(100),))
    y = make("assign", (x, array(10)), (10,), (2,), 5)
    plan = plan_of(x, y)
    assert plan.outputs[0] != plan.outputs[1] and plan.aliases.get(plan.outputs[1]) != plan.outputs[0]


def test_a_write_that_reads_other_places_does_not_read_what_it_wrote() -> None:
    x = make("neg", (array(100),))
    shifted = make("as_strided", (x,), (99,), (1,), 0, 100)
    plan_of(make("assign", (x, shifted), (99,), (1,), 1))


def test_rows_are_sorted_along_the_last_dimension() -> None:
    x = array(5, 6, 7)
    plan = plan_of(make("argsort", (x,), 1, False, 6))
    assert [type(s.kernel) for s in plan.steps] == [LoopKernel, SortKernel, LoopKernel]


def test_integers_are_contracted_by_loops() -> None:
    a = leaf(np.arange(12).reshape(3, 4))
    plan = plan_of(make("contract", (a, a), (0, 1), (2, 1), (0, 2)))
    assert isinstance(plan.steps[0].kernel, LoopKernel)


def test_a_product_without_a_sum_fuses_like_any_other() -> None:
    a, b = array(5), array(6)
    plan = plan_of(make("neg", (make("contract", (a, b), (0,), (1,), (0, 1)),)))
    assert len(plan.steps) == 1 and isinstance(plan.steps[0].kernel, LoopKernel)


def test_splits_make_divisions_vanish() -> None:
    x = array(4, 8, 3, 5)  # pixel_shuffle by 2
    y = make("reshape", (x,), (4, 2, 2, 2, 3, 5), x.shape)
    y = make("permute", (y,), (0, 1, 4, 2, 5, 3))
    plan = plan_of(make("reshape", (y,), (4, 2, 6, 10), y.shape))
    assert len(plan.steps) == 1 and "floor_divide" not in repr(plan.steps[0].kernel)


def test_a_reshaped_input_is_handed_back() -> None:
    x = array(4, 5)
    plan = plan_of(make("reshape", (x,), (20,), (4, 5)))
    assert not plan.steps and plan.outputs == plan.inputs


def test_two_shapes_of_one_value_share_memory() -> None:
    y = make("neg", (array(4, 5),))
    plan = plan_of(y, make("reshape", (y,), (20,), (4, 5)))
    assert len(plan.steps) == 1 and plan.outputs[0] == plan.outputs[1]


def test_leaves_can_be_asked_for() -> None:
    plan_of(make("scalar", (), 3.5, float32), make("constant", (), 2.0, float32), make("iota", (), 4, int64))


def test_half_sums_round_before_what_follows() -> None:
    from flambeau.dtypes import float16

    a = make("cast", (array(6, 8),), float16, float32)
    plan = build([make("neg", (make("contract", (a, a), (0, 1), (2, 1), (0, 2)),))])
    kernel = plan.steps[-1].kernel
    assert isinstance(kernel, ContractionKernel)
    assert "cast(accumulator():float32):float16" in repr(kernel.epilogue)


def test_an_activation_that_uses_the_sum_twice_is_its_epilogue() -> None:
    out = make("contract", (array(6, 8), array(5, 8)), (0, 1), (2, 1), (0, 2))
    gate = make("div", (number(1.0, out.shape), make("add", (make("exp", (make("neg", (out,)),)), number(1.0, out.shape)))))
    silu = make("mul", (out, gate))
    (step,) = plan_of(silu).steps
    assert isinstance(step.kernel, ContractionKernel)
    assert len(plan_of(silu, out).steps) == 2  # the sum itself is asked for, too
    assert len(plan_of(make("add", (silu, reduced("sum", gate, 0, 1)))).steps) > 1  # and here the gate goes elsewhere


def test_heads_are_stored_in_the_order_in_which_they_are_summed() -> None:
    heads = make("contract", (array(2, 3, 5, 6), array(2, 3, 6, 4)), (0, 1, 2, 3), (0, 1, 3, 4), (0, 1, 2, 4))
    for values in (heads, make("mul", (array(2, 3, 5, 4), array(2, 3, 5, 4)))):
        joined = make("permute", (values,), (0, 2, 1, 3))
        joined = make("reshape", (joined,), (2, 5, 12), joined.shape)
        plan = plan_of(make("contract", (joined, array(7, 12)), (0, 1, 2), (3, 2), (0, 1, 3)))
        assert len(plan.steps) == 2
        kernel = plan.steps[-1].kernel
        assert isinstance(kernel, ContractionKernel) and kernel.a.shape == (2, 5, 12)


def chain(x: Node, length: int, step: Any) -> Node:
    for i in range(length):
        x = step(x, i)
    return x


def test_deep_chains_of_any_kind_are_scheduled() -> None:
    x = array(8, 6)
    plan = build([chain(x, 10_000, lambda y, i: make("abs" if i % 2 else "neg", (y,)))])
    assert len(plan.steps) < 200
    build([chain(x, 10_000, lambda y, i: make("add", (y, y)))])
    build(
        [chain(x, 3_000, lambda y, i: make("permute", (make("pad", (y,), (0, 0), (0, 0), (0, 0), 0) if i % 2 else y,), (1, 0)))]
    )
    build([chain(x, 300, lambda y, i: make("mul", (y, reduced("sum", y, 1))))])
    weight = array(6, 6)
    build([chain(x, 300, lambda y, i: make("tanh", (make("contract", (y, weight), (0, 1), (1, 2), (0, 2)),)))])
