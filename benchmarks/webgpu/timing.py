"""GPU time of a plan: many runs in one compute pass between two timestamps."""

from __future__ import annotations

import statistics
import time
from typing import Any

from flambeau.graph.node import PRIMITIVES, Node
from flambeau.graph.numpy import from_array_type
from flambeau.graph.primitives.leaf import scalar_value
from flambeau.schedule import prepare

__all__ = ["make_on", "leaf_on", "Runner"]


def make_on(device: str) -> Any:
    """`make(name, inputs, *params)` for nodes on `device`."""
    return lambda name, inputs, *params: PRIMITIVES[name](inputs, params, device)


def leaf_on(backend: Any, array: Any) -> Node:
    """An array as a node in the device's memory."""
    import numpy as np

    node = Node(PRIMITIVES["buffer"], (), (), array.shape, from_array_type(array.dtype), backend.name)
    node.buffer = backend.upload(np.ascontiguousarray(array).reshape(-1).view(np.uint8), array.nbytes)
    return node


class Runner:
    """Runs the plan that computes `nodes` on a native webgpu backend."""

    def __init__(self, backend: Any, *nodes: Node) -> None:
        self.backend = backend
        self.plan, inputs, scalars = prepare(nodes)
        self.scalars = [scalar_value(n) for n in scalars]
        self.inputs = [n.buffer for n in inputs]
        backend.flush()

    def value(self) -> Any:
        """The first result's bytes as float32."""
        return self.values()[0]

    def values(self) -> list[Any]:
        """Every result's bytes as float32."""
        import numpy as np

        results = self.backend.execute(self.plan, self.inputs, self.scalars, frozenset())
        return [np.frombuffer(self.backend.download(r, r.nbytes), np.float32) for r in results]

    def host_microseconds(self, runs: int = 300) -> float:
        """What the host spends on each kernel of a plan run again and again: recording and submitting."""
        backend = self.backend
        best = float("inf")
        for _ in range(5):
            backend.synchronize()
            before, start = backend.dispatches, time.perf_counter()
            for _ in range(runs):
                backend.execute(self.plan, self.inputs, self.scalars, frozenset())
            backend.flush()
            best = min(best, (time.perf_counter() - start) / (backend.dispatches - before))
        backend.synchronize()
        return best * 1e6

    def _pass(self, runs: int) -> float:
        """Milliseconds on the GPU of `runs` runs."""
        backend, host = self.backend, self.backend.host
        backend.flush()
        backend.holding += 1
        for _ in range(runs):
            backend.execute(self.plan, self.inputs, self.scalars, frozenset())
        commands, backend._commands = backend._commands, []
        backend.holding -= 1
        backend._batch += 1
        usage = host._package.BufferUsage
        queries = host.device.create_query_set(type="timestamp", count=2)
        stamps = host.device.create_buffer(size=16, usage=usage.QUERY_RESOLVE | usage.COPY_SRC)
        encoder = host.device.create_command_encoder()
        current = encoder.begin_compute_pass(
            timestamp_writes={"query_set": queries, "beginning_of_pass_write_index": 0, "end_of_pass_write_index": 1}
        )
        for _, pipeline, group, x, y, z, _ in commands:
            current.set_pipeline(pipeline)
            current.set_bind_group(0, group)
            current.dispatch_workgroups(x, y, z)
        current.end()
        encoder.resolve_query_set(queries, 0, 2, stamps, 0)
        host.queue.submit([encoder.finish()])
        start, end = host.queue.read_buffer(stamps).cast("B").cast("Q")
        return (end - start) / 1e6

    def milliseconds(self, repeats: int = 7) -> float:
        """The time of one run: the median difference between long and short passes."""
        start = time.perf_counter()
        once = max(self._pass(3) / 3, 1e-3)
        many = max(10, min(400, int(20 / once)))
        while time.perf_counter() < start + 0.4:  # an idle GPU needs a while to reach its clock
            self._pass(many)
        few = max(2, many // 5)
        times = [(self._pass(many) - self._pass(few)) / (many - few) for _ in range(repeats)]
        return statistics.median(times)
