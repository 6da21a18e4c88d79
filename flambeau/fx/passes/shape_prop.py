"""`torch.fx.passes.shape_prop`: the shape and dtype of each node, noted by running the graph. May import `flambeau.fx`."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.dtypes import dtype
from flambeau.fx.interpreter import Interpreter
from flambeau.fx.node import Node, map_aggregate
from flambeau.layout import channels_last, channels_last_3d, contiguous_format, memory_format
from flambeau.size import Size
from flambeau.tensor import Tensor

__all__ = ["ShapeProp", "TensorMetadata"]


class TensorMetadata(NamedTuple):
    """What is noted of a tensor, in `node.meta["tensor_meta"]`."""

    shape: Size
    dtype: dtype
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: memory_format | None
    is_quantized: bool
    qparams: dict[str, Any]


def _extract_tensor_metadata(result: Tensor, include_contiguity: bool = True) -> TensorMetadata:
    form = None
    for candidate in (contiguous_format, channels_last, channels_last_3d) if include_contiguity else ():
        dimensions = {channels_last: 4, channels_last_3d: 5}.get(candidate, result.dim())
        if result.dim() == dimensions and result.is_contiguous(memory_format=candidate):
            form = candidate
            break
    return TensorMetadata(result.shape, result.dtype, result.requires_grad, result.stride(), form, False, {})


class ShapeProp(Interpreter):
    """Runs a graph and notes, for each node, `meta["tensor_meta"]` and `meta["type"]`."""

    def run_node(self, n: Node) -> Any:
        result = super().run_node(n)
        found = False

        def noted(value: Any) -> Any:
            nonlocal found
            if isinstance(value, Tensor):
                found = True
                return _extract_tensor_metadata(value)
            return value

        meta = map_aggregate(result, noted)
        if found:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Runs the graph with these arguments."""
        return super().run(*args)
