"""Vectors under masks: only the lanes that hold are read and written, whatever the mask is like, in any number of registers."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from support import WIDTHS

import flambeau
from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.types import constant, vector
from flambeau.devices.cpu.jit import Jit
from flambeau.devices.cpu.machine import host


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("lanes", [4, 8, 12, 16])
@pytest.mark.parametrize("ends", ["some", "half", "all"])
@pytest.mark.parametrize("holds", [True, False])
def test_masks_of_which_registers_are_empty(bits: int, lanes: int, ends: str, holds: bool) -> None:
    """Read and written as far as a mask goes that is known but for one condition."""
    end = {"some": lanes - 1, "half": lanes // 2, "all": lanes}[ends]
    module = Module(host(bits))
    f = module.function("copy", (("ptr", "source"), ("ptr", "target"), ("i64", "count")))
    source, target, count = f.parameters
    condition = f.splat(f.test("icmp ult", count, constant("i64", 3)), lanes)
    mask = f.binary("and", condition, constant(vector("i1", lanes), [i < end for i in range(lanes)]))
    loaded = f.masked_load(vector("double", lanes), source, mask)
    f.masked_store(loaded, target, mask)
    f.store(loaded, f.address(target, lanes, "double"))
    f.finish()

    jit = Jit(module.target)
    image = jit.assemble(module.text())
    code = jit.load([image])
    numbers, found = np.arange(1.0, lanes + 1), np.full(2 * lanes, -1.0)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    call(code.bases[0] + image.functions["copy"])(numbers.ctypes.data, found.ctypes.data, 2 if holds else 5)
    real = np.arange(lanes) < (end if holds else 0)
    np.testing.assert_array_equal(found[:lanes], np.where(real, numbers, -1))
    np.testing.assert_array_equal(found[lanes:], np.where(real, numbers, 0))


@pytest.mark.parametrize("type", ["float64", "float32", "int64"])
@pytest.mark.parametrize("size", [3, 5])
def test_windows_over_short_padded_rows(type: str, size: int) -> None:
    """Rows of a little more than a register: LLVM read the element behind a row, and took it for the row's greatest."""
    for width in range(2, 20):
        numbers = np.random.default_rng(width).permutation(3 * width).reshape(1, 1, 3, width)
        expected = torch.nn.functional.max_pool2d(
            torch.tensor(numbers).to(getattr(torch, type)), size, 1, size // 2, return_indices=True
        )
        found = flambeau.nn.functional.max_pool2d(
            flambeau.tensor(numbers).to(getattr(flambeau, type)), size, 1, size // 2, return_indices=True
        )
        for e, f in zip(expected, found, strict=True):
            np.testing.assert_array_equal(f.numpy(), e.numpy())
