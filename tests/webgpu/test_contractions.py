"""Contractions as WGSL against their meaning in NumPy, on this machine's adapter as it is and as others would have them.

Data are small whole numbers, so that every schedule's sums are exact, whatever their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flambeau import dtypes
from flambeau.codegen.wgsl import Clear, Copy, filtering, generate, matrices
from flambeau.codegen.wgsl.density import dense
from flambeau.codegen.wgsl.forms import form_of
from flambeau.codegen.wgsl.program import Dispatch
from flambeau.dtypes import dtype
from flambeau.kernels.ir import ContractionKernel, Expr, Slot
from tests.cpu.contractions import Conv, conv_forward, conv_input, conv_weight, matmul, meaning
from tests.webgpu.matrices import without_matrices


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_dense_contractions_mean_the_same(data: Any) -> None:
    """Input gradients of strided convolutions, whose output gradient is spread out."""
    draw = data.draw
    kernel, stride = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    padding, dilation = draw(st.integers(0, 2)), draw(st.integers(1, 3))
    reach = dilation * (kernel - 1) + 1
    h, w = (draw(st.integers(max(1, reach - 2 * padding), 14)) for _ in range(2))
    case = Conv(2, 3, h, w, 2, kernel, kernel, stride, padding, dilation)
    before = conv_input(case)
    after = dense(before)
    r = np.random.default_rng(0)
    arrays = [r.standard_normal(s.size).astype(np.float32) for s in before.slots[:-1]]
    np.testing.assert_allclose(meaning(after, arrays).reshape(-1), meaning(before, arrays).reshape(-1), rtol=1e-5, atol=1e-5)
    if h % stride == w % stride == 0 and np.gcd(dilation, stride) == 1 and kernel > 1:
        assert all(p.every == 1 for operand in (after.a, after.b) for p in operand.positions)


MATRICES = {"is_software": False, "has_subgroup_matrix": True, "max_workgroup_bytes": 48 << 10, "max_invocations": 1024}


def run(device: Any, kernel: ContractionKernel, arrays: list[Any], reduced: bool = False) -> tuple[Any, int]:
    """The result's array, and how many of the shaders used subgroup matrices."""
    host = device.host
    program = generate(kernel, host.target, reduced_precision=reduced)
    out = kernel.slots[-1]
    sizes = [max(8, -(-s.size * s.dtype.itemsize // 8) * 8) for s in kernel.slots] + [-(-n // 8) * 8 for n in program.scratch]
    buffers = [host.create_buffer(n) for n in sizes]
    for buffer, array, n in zip(buffers, arrays, sizes):
        data = np.ascontiguousarray(array).tobytes()
        host.write(buffer, 0, data + bytes(n - len(data)))
    used = 0
    for step in program.steps:
        if isinstance(step, Clear):
            host.submit([("clear", buffers[step.slot], sizes[step.slot])])
        elif isinstance(step, Copy):
            host.submit(
                [("copy", buffers[step.source], step.source_offset, buffers[step.target], step.target_offset, step.nbytes)]
            )
        else:
            assert isinstance(step, Dispatch)
            used += "subgroupMatrixLoad" in step.code
            code = without_matrices(step.code) if "subgroupMatrixLoad" in step.code else step.code
            writable = tuple(b.writable for b in step.bindings)
            pipeline = host.create_pipeline(code, writable, step.stays_inside)
            group = host.create_bind_group(writable, [(buffers[b.slot], b.offset, b.nbytes) for b in step.bindings])
            host.submit([("dispatch", pipeline, group, *step.groups, "")])
    from flambeau.graph.numpy import array_type

    found = np.frombuffer(host.read([(buffers[len(kernel.slots) - 1], 0, sizes[len(kernel.slots) - 1])]), array_type(out.dtype))
    return found[: out.size].astype(np.float64), used


def data(kernel: ContractionKernel, high: int = 3) -> list[Any]:
    from flambeau.graph.numpy import array_type

    r = np.random.default_rng(0)
    return [r.integers(-high, high + 1, s.size).astype(array_type(s.dtype)) for s in kernel.slots[:-1]]


def check(device: Any, kernel: ContractionKernel, reduced: bool = False, high: int = 3) -> int:
    arrays = data(kernel, high)
    found, used = run(device, kernel, arrays, reduced)
    np.testing.assert_array_equal(found, meaning(kernel, arrays).astype(np.float64).reshape(-1))
    return used


@pytest.fixture(scope="module")
def with_matrices() -> Iterator[Any]:
    from tests.webgpu.conftest import described

    device = described(MATRICES)
    if not device.target.has_float16:
        pytest.skip("this adapter has no float16")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrices, "_USES", 0)  # small products, too
        yield device


SMALL = {
    "matmul": lambda t: matmul(33, 40, 70, type=t),
    "both transposed": lambda t: matmul(64, 32, 48, "km", "nk", type=t),
    "batches": lambda t: matmul(24, 40, 36, batch=3, type=t),
    "a long sum": lambda t: matmul(16, 3000, 20, type=t),
    "3×3": lambda t: conv_forward(Conv(2, 5, 9, 11, 12, 3, 3, padding=1), t, bias=False),
    "7×7, stride 2": lambda t: conv_forward(Conv(1, 3, 21, 20, 8, 7, 7, 2, 3), t, bias=False),
    "groups": lambda t: conv_forward(Conv(2, 8, 7, 6, 12, 3, 3, padding=1, groups=2), t, bias=False),
    "input gradient": lambda t: conv_input(Conv(2, 4, 8, 9, 8, 3, 3, padding=1), t),
    "input gradient, stride 2": lambda t: conv_input(Conv(2, 3, 12, 10, 8, 7, 7, 2, 3), t),
    "input gradient, stride 3": lambda t: conv_input(Conv(1, 4, 13, 11, 8, 4, 4, 3, 1), t),
    "weight gradient": lambda t: conv_weight(Conv(4, 4, 10, 9, 8, 3, 3, padding=1), t),
    "weight gradient of many images": lambda t: conv_weight(Conv(17, 40, 8, 8, 36, 3, 3, padding=1), t),
    "few columns": lambda t: matmul(1100, 20, 10, type=t),
    "weight gradient, stride 2": lambda t: conv_weight(Conv(4, 3, 21, 22, 8, 7, 7, 2, 3), t),
}


@pytest.mark.parametrize("type", [dtypes.float32, dtypes.float16, dtypes.bfloat16], ids=lambda t: t.name)
@pytest.mark.parametrize("name", SMALL)
def test_contractions(adapter: Any, name: str, type: dtype) -> None:
    kernel = SMALL[name](type)
    try:
        check(adapter, kernel, high=1)
    except RuntimeError as error:
        small = adapter.target.max_binding_bytes == 256 or adapter.target.max_storage_buffers == 3
        if not (small and "adapter" in str(error)):
            raise


FILTERED = {
    "padded": lambda: conv_forward(Conv(2, 5, 9, 11, 12, 3, 3, padding=1), bias=False),
    "even, with a bias": lambda: conv_forward(Conv(2, 8, 8, 6, 16, 3, 3, padding=1), bias=True),
    "not padded": lambda: conv_forward(Conv(3, 8, 9, 7, 16, 3, 3), bias=True),
    "groups": lambda: conv_forward(Conv(2, 16, 7, 6, 12, 3, 3, padding=1, groups=2), bias=False),
    "input gradient": lambda: conv_input(Conv(2, 8, 8, 9, 8, 3, 3, padding=1)),
    "many channels": lambda: conv_forward(Conv(1, 260, 6, 6, 20, 3, 3, padding=1), bias=False),
}
NOT_FILTERED = {
    "strided": lambda: conv_forward(Conv(2, 8, 9, 11, 12, 3, 3, 2, padding=1), bias=False),
    "dilated": lambda: conv_forward(Conv(2, 8, 9, 11, 12, 3, 3, padding=2, dilation=2), bias=False),
    "weight gradient": lambda: conv_weight(Conv(4, 4, 10, 9, 8, 3, 3, padding=1)),
    "5×5": lambda: conv_forward(Conv(2, 8, 9, 11, 12, 5, 5, padding=1), bias=False),
}


@pytest.mark.parametrize("name", [*FILTERED, *NOT_FILTERED])
def test_minimal_filtering(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from tests.webgpu.conftest import described

    for constant, value in (("_WORTH", 0), ("_FEWEST", 0), ("_WASTE", 4)):
        monkeypatch.setattr(filtering, constant, value)
    device = described({"is_software": False})
    kernel = (FILTERED | NOT_FILTERED)[name]()
    form = form_of(dense(kernel))
    assert filtering.suits(kernel, form, device.target) is (name in FILTERED)
    if name in FILTERED:
        arrays = data(kernel)
        found, _ = run(device, kernel, arrays)
        has_bias = len(kernel.slots) == 4
        expected = meaning(kernel, arrays, lambda s: s + arrays[2].reshape(s.shape[1:3])[:, :, None, None] if has_bias else s)
        np.testing.assert_array_equal(found, expected.astype(np.float64).reshape(-1))


@pytest.mark.parametrize("rows", [64, 50, 3])
@pytest.mark.parametrize("columns", [64, 50])
def test_epilogues_with_long_functions(rows: int, columns: int) -> None:
    from tests.webgpu.conftest import described

    plain = matmul(rows, 24, columns)
    kernel = replace(plain, epilogue=Expr("sqrt", (Expr("abs", (plain.epilogue,), dtypes.float32),), dtypes.float32))
    arrays = data(kernel)
    found, _ = run(described({"is_software": False}), kernel, arrays)
    np.testing.assert_allclose(found, np.sqrt(np.abs(meaning(kernel, arrays))).reshape(-1), rtol=1e-6)


@pytest.mark.parametrize("columns", [128, 100, 66])
def test_epilogues_read_vectors(columns: int) -> None:
    """Another matrix, its transpose, and a number for each column, read for four columns at once where they are neighbours."""
    from tests.webgpu.conftest import described

    device = described({"is_software": False})
    plain = matmul(64, 40, columns)
    row, column = (Expr("axis", (), dtypes.int64, k) for k in range(2))

    def load(slot: int, *terms: tuple[Expr, int]) -> Expr:
        place = Expr("literal", (), dtypes.int64, 0)
        for axis, stride in terms:
            place = Expr(
                "add", (place, Expr("mul", (axis, Expr("literal", (), dtypes.int64, stride)), dtypes.int64)), dtypes.int64
            )
        return Expr("load", (place,), dtypes.float32, slot)

    value = Expr("accumulator", (), dtypes.float32)
    for other in (load(2, (row, columns), (column, 1)), load(3, (column, 1)), load(4, (column, 64), (row, 1))):
        value = Expr("add", (value, other), dtypes.float32)
    sizes = (64 * columns, columns, 64 * columns)
    slots = (*plain.slots[:2], *(Slot(dtypes.float32, n, "in") for n in sizes), plain.slots[2])
    kernel = replace(plain, epilogue=value, slots=slots)
    product = generate(kernel, device.target).steps[-1]
    assert [f"s{i}: array<vec4<f32>>" in product.code for i in (2, 3, 4)] == [columns % 4 == 0, columns % 4 == 0, False]
    arrays = data(kernel)
    found, _ = run(device, kernel, arrays)
    expected = meaning(kernel, arrays).reshape(64, columns) + arrays[2].reshape(64, columns) + arrays[3]
    np.testing.assert_array_equal(found.reshape(64, columns), expected + arrays[4].reshape(columns, 64).T)


PRODUCTS = {
    "whole tiles": lambda t: matmul(256, 192, 128, type=t),
    "transposed": lambda t: matmul(64, 192, 128, "km", "nk", type=t),
    "one transposed": lambda t: matmul(64, 192, 128, "km", "kn", type=t),
    "batches": lambda t: matmul(64, 64, 64, batch=4, type=t),
    "a rest of rows and columns": lambda t: matmul(100, 90, 122, type=t),
    "a rest of the sum": lambda t: matmul(128, 100, 128, type=t),
    "few outputs": lambda t: matmul(32, 4096, 32, type=t),
    "3×3": lambda t: conv_forward(Conv(2, 32, 9, 11, 48, 3, 3, padding=1), t),
    "channels that are no multiple of four": lambda t: conv_forward(Conv(4, 18, 8, 8, 40, 3, 3, padding=1), t),
    "stride": lambda t: conv_forward(Conv(2, 16, 31, 31, 24, 3, 3, 2, 1), t),
    "1×1": lambda t: conv_forward(Conv(8, 64, 7, 7, 64, 1, 1), t),
    "input gradient": lambda t: conv_input(Conv(2, 24, 9, 9, 32, 3, 3, padding=1), t),
    "strided input gradient": lambda t: conv_input(Conv(4, 24, 12, 12, 32, 3, 3, 2, 1), t),
    "weight gradient": lambda t: conv_weight(Conv(16, 16, 9, 9, 24, 3, 3, padding=1), t),
}


@pytest.mark.parametrize("reduced", [False, True], ids=["float16", "float32 rounded"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_subgroup_matrices(with_matrices: Any, name: str, reduced: bool) -> None:
    kernel = PRODUCTS[name](dtypes.float32 if reduced else dtypes.float16)
    arrays = data(kernel, 1)
    extra = None
    if len(arrays) == 3:
        extra = lambda sums: sums + arrays[2].astype(sums.dtype).reshape(sums.shape[1:3])[..., None, None]
    found, used = run(with_matrices, kernel, arrays, reduced)
    assert used == 1
    np.testing.assert_array_equal(found, meaning(kernel, arrays, extra).astype(np.float64).reshape(-1))


def test_float32_is_never_rounded_unasked(with_matrices: Any) -> None:
    kernel = matmul(64, 288, 64)
    arrays = [np.random.default_rng(0).standard_normal(s.size).astype(np.float32) for s in kernel.slots[:2]]
    found, used = run(with_matrices, kernel, arrays)
    assert used == 0
    np.testing.assert_allclose(found, meaning(kernel, arrays).reshape(-1), rtol=1e-5, atol=1e-5)


def test_rounded_float32_keeps_its_range(with_matrices: Any) -> None:
    """Rows and columns of magnitudes that float16 doesn't have, and values that are no numbers."""
    kernel = matmul(64, 288, 64)
    r = np.random.default_rng(0)
    a = r.standard_normal((64, 288)) * 10.0 ** r.integers(-30, 18, (64, 1))
    b = r.standard_normal((288, 64)) * 10.0 ** r.integers(-7, 18, (1, 64))
    a[3], b[:, 5] = 0, 0
    a[7, 9], b[1, 2], a[8, 8] = np.inf, np.nan, -np.inf
    arrays = [x.astype(np.float32).reshape(-1) for x in (a, b)]
    found, used = run(with_matrices, kernel, arrays, reduced=True)
    assert used == 1
    with np.errstate(all="ignore"):
        want = a.astype(np.float32).astype(np.float64) @ b.astype(np.float32).astype(np.float64)
        size = np.nan_to_num(np.abs(a), posinf=0) @ np.nan_to_num(np.abs(b))
    found = found.reshape(64, 64)
    some = np.isfinite(want)
    np.testing.assert_array_equal(np.isfinite(found), some)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(want))
    assert (np.abs(found[some] - want[some]) <= 2.0**-10 * size[some] + 1e-37).all()
