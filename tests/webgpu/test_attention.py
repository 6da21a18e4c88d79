"""Attention's shaders for halves, for gradients and for wide blocks, which are otherwise for more than a test has."""

import pytest
from hypothesis import given, settings

from flambeau.codegen.wgsl import attention as shaders
from flambeau.devices import webgpu
from flambeau.ops import attention
from tests.helpers.attention import cases, check


@pytest.mark.skipif(not webgpu.count(), reason="no WebGPU adapter")
@settings(max_examples=6)
@given(case=cases())
def test_values_and_gradients(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "_MANY", 0)
        patch.setattr(shaders, "_ENOUGH", 0)
        check("webgpu", case)
