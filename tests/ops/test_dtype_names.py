"""Errors call a dtype what PyTorch's errors call it."""

import pytest
import torch

import flambeau


def _message(library, dtype, call):
    with pytest.raises(RuntimeError) as raised:
        call(library, getattr(library, dtype))
    return str(raised.value)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "bool"])
def test_bias_of_another_dtype(dtype):
    def call(library, type):
        library.conv2d(library.zeros(1, 1, 3, 3), library.zeros(1, 1, 1, 1), library.zeros(1, dtype=type))

    assert _message(flambeau, dtype, call) == _message(torch, dtype, call)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32"])
def test_numbers_out_of_bounds(dtype):
    def call(library, type):
        library.zeros(2, dtype=type).random_(0, 2**62)

    assert _message(flambeau, dtype, call) == _message(torch, dtype, call)
