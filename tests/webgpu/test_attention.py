"""Attention's shaders for halves, for gradients and for wide blocks, which are otherwise for more than a test has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

import flambeau.nn.functional as F
from flambeau.codegen.wgsl.attention import matrices, registers
from flambeau.devices import webgpu
from flambeau.ops import attention
from tests.helpers.attention import cases, check
from tests.helpers.oracle import to_flambeau
from tests.webgpu.matrices import without_matrices


@pytest.mark.skipif(not webgpu.count(), reason="no WebGPU adapter")
@settings(max_examples=6)
@given(case=cases())
def test_values_and_gradients(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "_MANY", 0)
        patch.setattr(registers, "ENOUGH", 0)
        check("webgpu", case)


@pytest.fixture
def units(backend: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lets the device believe it has matrix units; a list of the shaders that use them."""
    if backend.target.has_subgroup_matrix or not backend.target.has_float16:
        pytest.skip("this adapter has matrix units, or no float16")
    used = []
    create = backend.host.create_pipeline

    def create_without(code: str, *rest: Any) -> Any:
        if "subgroupMatrixLoad" in code:
            used.append(code)
            code = without_matrices(code)
        return create(code, *rest)

    # small ones, since llvmpipe compiles for long
    shapes = {"_FORWARD": matrices._Shape(32, 16, 1), "_BACKWARD": matrices._Shape(32, 16, 1)}
    for name, shape in shapes.items():
        monkeypatch.setattr(matrices, name, (shape,))
    monkeypatch.setattr(backend, "target", replace(backend.target, has_subgroup_matrix=True))
    monkeypatch.setattr(backend, "multiplies_halves", True)
    monkeypatch.setattr(backend.host, "create_pipeline", create_without)
    monkeypatch.setattr(backend, "_programs", {})
    return used


def test_matrix_units(units: list[str]) -> None:
    check("webgpu", (torch.float16, (2,), (40, 40, 16, 16), "causal", False, 0))
    assert len(units) == 3  # forward, and the gradients of queries and of keys and values


@pytest.mark.parametrize("across, width", [(1, 17), (2, 16)])
def test_sums_are_rescaled_when_scores_grow(units: list[str], monkeypatch: pytest.MonkeyPatch, across: int, width: int) -> None:
    monkeypatch.setattr(matrices, "_FORWARD", (matrices._Shape(32, 16 * across, across),))
    r = np.random.default_rng(across)
    shapes = (1, 40, 16), (1, 96, 16), (1, 96, width)
    query, key, value = (torch.from_numpy(r.standard_normal(shape).astype(np.float16)) for shape in shapes)
    key *= torch.linspace(0, 12, 96)[:, None].half()  # the last of a row's scores are the largest
    with torch.no_grad():
        expected = torch.nn.functional.scaled_dot_product_attention(query.float(), key.float(), value.float())
    found = F.scaled_dot_product_attention(*(to_flambeau(t, "webgpu") for t in (query, key, value)))
    np.testing.assert_allclose(found.cpu().numpy().astype(np.float32), expected.numpy(), rtol=2e-3, atol=4e-3)
    assert len(units) == 1


def test_arrays_of_matrices_are_aligned() -> None:
    """Drivers load matrices 16 bytes at a time, and put arrays one behind another."""
    from flambeau import dtypes
    from flambeau.kernels.ir import AttentionKernel, Slot, Strided

    for parts in (("output", "logsumexp"), ("query",), ("key", "value"), ("key",), ("value",)):
        for shape in (*matrices._FORWARD, *matrices._FORWARD_WIDE, *matrices._BACKWARD, *matrices._BACKWARD_WIDE):
            slot, view = Slot(dtypes.float16, 1, "in"), Strided(0, 0, (0, 0))
            kernel = AttentionKernel(parts, (), (64, 64, 33, 70), (view,) * 3, 1.0, False, False, 0.0, (slot,))
            for type, count in matrices._arrays(kernel, shape).values():
                assert count * {"f16": 2, "f32": 4}[type] % 16 == 0
