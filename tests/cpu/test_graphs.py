"""Random graphs on the CPU at every vector width, against the reference device."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "schedule"))

from graphs import copied, graphs
from support import WIDTHS, backend, upload

from flambeau.devices.reference import ReferenceBackend
from flambeau.graph.node import topological_order
from flambeau.graph.numpy import array_type
from flambeau.schedule import realize


def values(nodes: Any, cpu: Any) -> list[Any]:
    return [np.frombuffer(cpu.download(n.buffer, n.size * n.dtype.itemsize), np.uint8).view(array_type(n.dtype)) for n in nodes]


def on_cpu(nodes: Any, cpu: Any) -> list[Any]:
    """What the CPU computes for a graph whose leaves are NumPy arrays."""
    nodes = copied(nodes)
    for n in topological_order(nodes):
        if n.buffer is not None:
            n.buffer = upload(cpu, n.buffer)
    realize(cpu, nodes)
    return values(nodes, cpu)


def check(nodes: Any, cpu: Any) -> None:
    expected = copied(nodes)
    reference = ReferenceBackend()
    try:
        reference.realize(expected)
    except IndexError:
        with pytest.raises(IndexError):
            on_cpu(nodes, cpu)
        return
    for e, f, n in zip(values(expected, reference), on_cpu(nodes, cpu), nodes, strict=True):
        np.testing.assert_allclose(f, e, rtol=2e-4, atol=2e-4, err_msg=str(n))


@pytest.mark.parametrize("bits", WIDTHS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(nodes=graphs())
def test_random_graphs(bits: int, nodes: Any) -> None:
    if nodes:
        check(nodes, backend(bits))
