"""Plans mean what their graphs mean: random graphs, scheduled and interpreted, against the reference device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parent))

from graphs import copied, graphs
from interpreter import Interpreter

from flambeau.devices.reference import ReferenceBackend
from flambeau.graph.numpy import array_type
from flambeau.schedule import prepare, realize


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


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_random_graphs(nodes: Any) -> None:
    if nodes:
        check(nodes, Interpreter())


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(steps=8))
def test_equal_structure_finds_the_same_plan(nodes: Any) -> None:
    if nodes:
        first, _, _ = prepare(nodes)
        second, _, _ = prepare(copied(nodes))
        assert first is second
