"""Random graphs on the webgpu device against the reference device."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from flambeau.devices.reference import ReferenceBackend
from flambeau.graph.numpy import array_type
from flambeau.schedule import realize

_place = Path(__file__).parents[1] / "schedule" / "graphs.py"
_spec = importlib.util.spec_from_file_location("graphs", _place)
assert _spec is not None and _spec.loader is not None
graphs = sys.modules.setdefault("graphs", importlib.util.module_from_spec(_spec))
if not hasattr(graphs, "copied"):
    _spec.loader.exec_module(graphs)


class Uploading:
    """The device behind NumPy buffers: inputs go up before a plan, results come down after it."""

    takes_sizes = False

    def __init__(self, backend: Any, donate: bool) -> None:
        self.backend, self.donate = backend, donate

    def execute(self, plan: Any, inputs: Any, scalars: Any, donated: frozenset[int]) -> list[Any]:
        device = self.backend
        given = [device.upload(np.ascontiguousarray(a).reshape(-1).view(np.uint8), a.nbytes) for a in inputs]
        results = device.execute(plan, given, scalars, frozenset(range(len(given))) if self.donate else donated)
        return [
            np.frombuffer(device.download(b, plan.values[v].size * plan.values[v].dtype.itemsize), np.uint8)
            for v, b in zip(plan.outputs, results)
        ]


@contextlib.contextmanager
def fitting(backend: Any) -> Iterator[None]:
    """What an adapter made small on purpose can't hold, it must say."""
    try:
        yield
    except RuntimeError as error:
        small = backend.target.max_binding_bytes == 256 or backend.target.max_storage_buffers == 3
        if not (small and "adapter" in str(error)):
            raise


def check(nodes: Any, backend: Any) -> None:
    expected = graphs.copied(nodes)
    try:
        ReferenceBackend().realize(expected)
    except ValueError:  # the drawn graph is not one that operators make
        return
    except IndexError:
        with pytest.raises(IndexError):
            realize(backend, graphs.copied(nodes))
        return
    found = graphs.copied(nodes)
    realize(backend, found)
    for e, f in zip(expected, found, strict=True):
        size = e.size * e.dtype.itemsize
        a = np.asarray(e.buffer).reshape(-1).view(np.uint8)[:size].view(array_type(e.dtype))
        b = np.asarray(f.buffer).reshape(-1).view(np.uint8)[:size].view(array_type(e.dtype))
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-4, err_msg=str(f))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(nodes=graphs.graphs())
def test_random_graphs(adapter: Any, nodes: Any) -> None:
    if nodes:
        with fitting(adapter):
            check(nodes, Uploading(adapter, donate=False))
            check(nodes, Uploading(adapter, donate=True))
