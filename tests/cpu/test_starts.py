"""Kernels that differ only in where they read share code, and read at the right place."""

import numpy as np
import pytest
import torch

import flambeau
from flambeau import devices
from flambeau.codegen.llvm.starts import from_starts
from flambeau.dtypes import float32
from flambeau.kernels.index import literal
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store

pytestmark = pytest.mark.skipif(not hasattr(devices.backend("cpu"), "compiler"), reason="needs llvmlite")

TIMES = 12
SEQUENCE = np.random.default_rng(0).normal(size=(6, TIMES, 33)).astype(np.float32)
WEIGHTS = np.random.default_rng(1).normal(size=(TIMES, 33, 34)).astype(np.float32)

PROGRAMS = {
    "pointwise": lambda t, x, w, i: (x[:, i] * 2).tanh(),
    "a number": lambda t, x, w, i: x[0] * x[1, i, 3],
    "neighbours": lambda t, x, w, i: x[:, i, 3:] + x[:, i, :-3],
    "flip": lambda t, x, w, i: x[:, i].flip(1) + 1,
    "sum": lambda t, x, w, i: x[:, i].sum(1),
    "cumsum": lambda t, x, w, i: x[:, i].cumsum(1),
    "pad": lambda t, x, w, i: t.nn.functional.pad(x[:, i], (3, 2)) * 2,
    "product": lambda t, x, w, i: x[:, i] @ w[0],
    "product with another weight": lambda t, x, w, i: x[:, 0] @ w[i],
    "added in the epilogue": lambda t, x, w, i: t.addmm(x[:, i, :1] + w[i, 0], x[:, i], w[3]),
    "product with itself": lambda t, x, w, i: x[:, i] @ x[:, i].t(),
    "product with another part of itself": lambda t, x, w, i: x[:, i] @ x[:, 0].t(),
    "convolution": lambda t, x, w, i: t.nn.functional.conv1d(x[:, i : i + 1], w[i : i + 1, :3, :5].transpose(0, 1), padding=2),
    "attention": lambda t, x, w, i: t.nn.functional.scaled_dot_product_attention(x[i % 6][None], x[:1], x[1:2]),
    "recurrent layer": lambda t, x, w, i: recurrent(t)(x[:, i : i + 2])[0],
}


def recurrent(t):
    layer = t.nn.LSTM(33, 9, batch_first=True)
    for number, p in enumerate(layer.parameters()):
        p.data.copy_(t.from_numpy(WEIGHTS.reshape(-1)[number : number + p.numel()].reshape(p.shape).copy()))
    return layer


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_from_every_start(name):
    program = PROGRAMS[name]
    for i in range(TIMES - 1):
        mine = program(flambeau, flambeau.from_numpy(SEQUENCE), flambeau.from_numpy(WEIGHTS), i)
        expected = program(torch, torch.from_numpy(SEQUENCE), torch.from_numpy(WEIGHTS), i)
        torch.testing.assert_close(torch.from_numpy(mine.detach().numpy()), expected.detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["product", "product with another weight"])
def test_steps_in_one_plan_share_code(name):
    """A plan of many steps needs no kernel that a plan of three doesn't."""
    program, compiler = PROGRAMS[name], devices.backend("cpu").compiler
    x, w = flambeau.from_numpy(SEQUENCE), flambeau.from_numpy(WEIGHTS)

    def compute(steps):
        results = [program(flambeau, x, w, i) for i in steps]
        results[0].numpy()  # all that waits is computed

    compute([0, 2, 3])
    before = compiler.compiled + compiler.loaded
    compute(range(1, TIMES - 1))
    assert compiler.compiled + compiler.loaded == before


def test_packed_parts_of_one_tensor_are_kept_apart():
    w = flambeau.from_numpy(WEIGHTS)
    x = flambeau.from_numpy(SEQUENCE[:, 0])
    for _ in range(4):  # an operand's packed form is kept from its second use on
        for i in range(TIMES):
            np.testing.assert_allclose((x @ w[i]).numpy(), SEQUENCE[:, 0] @ WEIGHTS[i], rtol=1e-4, atol=1e-4)


def test_an_operand_is_packed_once_wherever_the_other_begins():
    images, weight = flambeau.randn(5, 2, 64, 32, 32), flambeau.randn(64, 64, 3, 3)
    images.numpy(), weight.numpy()
    for i in (0, 1, 2, 3, 4) * 3:
        flambeau.nn.functional.conv2d(images[i], weight, padding=1).numpy()
    assert len(weight._storage.node.buffer.packed) == 1


def test_a_slot_begins_no_later_than_what_is_read_first():
    i = Expr("axis", (), literal(0).dtype, 0)

    def load(slot, index):
        return Expr("load", (index,), float32, slot)

    def add(a, n):
        return Expr("add", (a, literal(n)), i.dtype)

    backwards = add(Expr("mul", (i, literal(-1)), i.dtype), 12)
    value = Expr("add", (load(0, add(i, 5)), Expr("mul", (load(0, add(i, 7)), load(1, backwards)), float32)), float32)
    slots = (Slot(float32, 20, "in"), Slot(float32, 20, "in"), Slot(float32, 9, "out"))
    kernel, starts = from_starts(LoopKernel((9,), slots, (Store(2, i, value),)))
    assert starts == (5, 4, 0)  # backwards is read from 12 down to 4
    (first, second), last = (x.args for x in (kernel.stores[0].value, kernel.stores[0].value.args[1]))
    assert first is load(0, i) and last == (load(0, add(i, 2)), load(1, add(backwards.args[0], 8))) and second.op == "mul"
