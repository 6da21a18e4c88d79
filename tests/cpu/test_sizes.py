"""Kernels that differ in sizes alone share code, whose values are right for every size."""

import numpy as np
import pytest
import torch

import flambeau
from flambeau import devices
from flambeau.codegen.llvm.loops.sizes import Size

pytestmark = pytest.mark.skipif(not hasattr(devices.backend("cpu"), "compiler"), reason="needs llvmlite")

PROGRAMS = {
    "pointwise": lambda t, x: (x * 2 + 1).tanh(),
    "row added": lambda t, x: x + x[0],
    "column added": lambda t, x: x * x[:, :1],
    "sum": lambda t, x: x.sum(),
    "sum of rows": lambda t, x: x.sum(1),
    "sum of columns": lambda t, x: x.sum(0),
    "variance of columns": lambda t, x: x.var(0),
    "argmax": lambda t, x: x.argmax(),
    "argmax of rows": lambda t, x: x.argmax(1),
    "argmin of columns": lambda t, x: x.argmin(0),
    "softmax": lambda t, x: x.softmax(1),
    "softmax of columns": lambda t, x: x.softmax(0),
    "layer norm": lambda t, x: t.nn.functional.layer_norm(x, x.shape[1:]),
    "transpose": lambda t, x: x.t().contiguous() + 1,
    "flip": lambda t, x: x.flip(0, 1) * 2,
    "roll": lambda t, x: x.roll((3, -4), (0, 1)),
    "pad": lambda t, x: t.nn.functional.pad(x, (10, 2, 1, 11), value=2.0),
    "narrow": lambda t, x: x[3:, 2:-3] * 2,
    "every third": lambda t, x: x[::3, 1::2] * 2,
    "cat": lambda t, x: t.cat([x, x * 2, x[:3]]),
    "cat along rows": lambda t, x: t.cat([x, x[:, :5], x.exp()], 1),
    "cumsum": lambda t, x: x.cumsum(1),
    "cumsum of columns": lambda t, x: x.cumsum(0),
    "tril": lambda t, x: x.tril(2),
    "arange": lambda t, x: x * t.arange(x.shape[1]) + x.shape[0],
    "gather": lambda t, x: x.gather(1, (x.abs() * 100).long() % x.shape[1]),
    "index": lambda t, x: x[(x[:, 0].abs() * 100).long() % x.shape[0]],
    "scatter": lambda t, x: t.zeros(x.shape).scatter_add(1, (x.abs() * 100).long() % x.shape[1], x),
    "assign": lambda t, x: x.clone().index_fill(0, t.tensor([1, 5]), 3.0),
    "max pool": lambda t, x: t.nn.functional.max_pool2d(x[None], 3, 2, 1),
    "average pool": lambda t, x: t.nn.functional.avg_pool2d(x[None], 2),
    "bilinear": lambda t, x: t.nn.functional.interpolate(x[None, None], scale_factor=2, mode="bilinear"),
    "integers": lambda t, x: (x * 10).long() * 17 + (x * 10).long() // 13,
    "bools": lambda t, x: (x > 0).any(1),
    "half": lambda t, x: (x.half() * 3 + x.half()).sum(1),
    "outer": lambda t, x: x[:, :1] * x[:1],
}
SHAPES = [(9, 9), (13, 17), (31, 33), (16, 64), (100, 129), (257, 12), (15, 1000), (2100, 20), (300, 300)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_at_sizes(name):
    program = PROGRAMS[name]
    torch.manual_seed(0)
    for shape in SHAPES:
        x = torch.randn(shape)
        expected = program(torch, x)
        found = program(flambeau, flambeau.from_numpy(x.numpy()))
        assert tuple(found.shape) == tuple(expected.shape)
        rtol, atol = (2e-3, 1e-3) if name == "half" else (1e-4, 1e-4)
        message = f"{shape}: {{}}".format
        torch.testing.assert_close(torch.from_numpy(found.numpy()), expected, rtol=rtol, atol=atol, msg=message)


@pytest.mark.parametrize("name", ["pointwise", "softmax", "sum of rows", "cat", "layer norm", "index"])
def test_new_sizes_compile_nothing(name):
    compiler = devices.backend("cpu").compiler
    program = PROGRAMS[name]
    for n in (40, 41):
        program(flambeau, flambeau.from_numpy(np.ones((n, 20), np.float32))).numpy()
    before = compiler.compiled + compiler.loaded
    for n in range(42, 51):
        program(flambeau, flambeau.from_numpy(np.ones((n, 20), np.float32))).numpy()
    assert compiler.compiled + compiler.loaded == before


def test_errors_name_their_own_sizes():
    for n in (20, 21, 22):
        x = flambeau.rand(n, 3)
        with pytest.raises(IndexError, match=f"index {n} is out of bounds for dimension 0 with size {n}"):
            x[flambeau.tensor([0, n])].numpy()


def test_sizes_are_told_apart():
    a, b = Size.of(17, 0), Size.of(17, 1)
    assert a != b and a == Size.of(127, 0) and a != Size.of(128, 0)
    assert (int(a), a.high) == (9, 127)
    negative = Size.of(-17, 0)
    assert (int(negative), negative.high) == (-127, -9)
