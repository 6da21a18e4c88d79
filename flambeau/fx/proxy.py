"""`torch.fx.Proxy`: what stands for a value while a program is traced, and notes what is done with it.

Functions see it by `__torch_function__`. May import `flambeau.fx.graph`, `flambeau.ops.registry`, `flambeau.overrides`.
"""

from __future__ import annotations

import dataclasses
import dis
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

from flambeau.device import device
from flambeau.dtypes import dtype
from flambeau.fx.graph import Graph
from flambeau.fx.node import Argument, Node, Target, map_aggregate
from flambeau.fx.python_code import ARITHMETIC, MAGIC
from flambeau.layout import layout, memory_format
from flambeau.ops.registry import OPERATORS
from flambeau.tensor import Tensor
from flambeau.tensor.overriding import look_at_arguments

__all__ = ["Attribute", "GraphAppendingTracer", "ParameterProxy", "Proxy", "TraceError", "TracerBase"]


class TraceError(ValueError):
    """A program did something that depends on values, which aren't there while it is traced."""


class TracerBase:
    """Makes nodes of calls; `Tracer` knows modules besides.

    Attributes:
        graph: where the nodes go.
        record_stack_traces: whether nodes note where the program called them.
    """

    graph: Graph
    record_stack_traces = False
    trace_asserts = False
    proxy_buffer_attributes = False
    traced_func_name = "forward"

    def create_node(
        self,
        kind: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A node at the graph's end."""
        node = self.graph.create_node(kind, target, args, kwargs, name, type_expr)
        stack = getattr(self, "module_stack", None)
        if stack:
            node.meta["nn_module_stack"] = dict(stack)
        if self.record_stack_traces:
            import traceback

            inside = __file__.rpartition("proxy.py")[0]
            frames = [f for f in traceback.extract_stack() if not f.filename.startswith(inside)]
            node.stack_trace = "".join(traceback.format_list(frames)).strip()
        return node

    def proxy(self, node: Node) -> Proxy:
        """What stands for the node's value."""
        return Proxy(node, self)

    def create_proxy(
        self,
        kind: str,
        target: Target,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str | None = None,
        type_expr: Any = None,
        proxy_factory_fn: Callable[[Node], Proxy] | None = None,
    ) -> Proxy:
        """A node for a call with such values, and what stands for its result."""
        node = self.create_node(kind, target, self.create_arg(args), self.create_arg(kwargs), name, type_expr)
        return (proxy_factory_fn or self.proxy)(node)

    def create_arg(self, a: Any) -> Argument:
        """A value as an argument of a node. NotImplementedError for what can't be one."""
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, tuple):
            items = [self.create_arg(element) for element in a]
            return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
        if isinstance(a, list):
            return [self.create_arg(element) for element in a]
        if isinstance(a, dict):
            made = {}
            for key, value in a.items():
                key = self.create_arg(key)
                if isinstance(key, Node):
                    raise RuntimeError(f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {key}")
                made[key] = self.create_arg(value)
            return made
        if isinstance(a, slice):
            return slice(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, range):
            return range(*(self.create_arg(part) for part in (a.start, a.stop, a.step)))
        if dataclasses.is_dataclass(a) and not isinstance(a, type):
            fields = {field.name: self.create_arg(getattr(a, field.name)) for field in dataclasses.fields(a)}
            return self.create_node("call_function", type(a), (), fields)
        if isinstance(a, _PLAIN) or a is None or a is ...:
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def to_bool(self, obj: Proxy) -> bool:
        """What `if` and `bool` of a value are: an error, as values aren't there; a subclass may know better."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """What going through a value is: an error, as its length isn't there; a subclass may know better."""
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or **kwargs "
            "function argument. See the torch.fx docs on pytorch.org for a more detailed explanation of what types of control "
            "flow can be traced, and check out the Proxy docstring for help troubleshooting Proxy iteration errors"
        )

    def keys(self, obj: Proxy) -> Any:
        """What a value's `keys()` is, which `**value` asks for."""
        return Attribute(obj, "keys")()


_PLAIN = (str, int, float, bool, complex, dtype, Tensor, device, memory_format, layout)


class GraphAppendingTracer(TracerBase):
    """Puts nodes into a graph that is there, as a `Proxy` without a tracer does."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph


class Proxy:
    """Stands for a value: what is done with it becomes nodes of the graph. `x += y` is `x = x + y`, as with PyTorch's.

    >>> graph = torch.fx.Graph()
    >>> x = torch.fx.Proxy(graph.placeholder("x"))
    >>> _ = graph.output((torch.relu(x) + 1).node)
    >>> [node.name for node in graph.nodes]
    ['x', 'relu', 'add', 'output']
    """

    node: Node

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        if tracer is None:
            tracer = GraphAppendingTracer(node.graph)
            look_at_arguments()  # while a program is traced a mode sees its calls
        self.tracer, self.node = tracer, node

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, name: str) -> Any:
        return Attribute(self, name)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __deepcopy__(self, memo: dict[int, Any]) -> Proxy:
        raise RuntimeError(f"{self!r} stands for a value while a program is traced, and can't be copied")

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        frame = sys._getframe(1)
        at = next(i for i in dis.get_instructions(frame.f_code) if i.offset >= frame.f_lasti)
        if at.opname == "UNPACK_SEQUENCE":  # `a, b = value`: how many there are is in the program
            return (self[i] for i in range(at.argval))  # type: ignore[index]
        return self.tracer.iter(self)

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __abs__(self) -> Proxy:
        return self.tracer.create_proxy("call_function", operator.abs, (self,), {})

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "torch.fx.wrap('len') at module scope"
        )

    def __contains__(self, item: Any) -> bool:
        return self.tracer.to_bool(self)

    def keys(self) -> Any:
        return self.tracer.keys(self)

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Proxy:
        tracers = {id(p.tracer): p.tracer for p in proxies((args, kwargs or {}))}
        if len(tracers) > 1:
            raise RuntimeError(f"Found multiple different tracers {list(tracers.values())} while trying to trace {func}")
        tracer = next(iter(tracers.values()))
        if func.__name__ == "__get__":  # a property of a tensor, which isn't met in a program that is traced with proxies alone
            return tracer.create_proxy("call_function", func, args, kwargs or {})
        if _is_method(func):
            return tracer.create_proxy("call_method", func.__name__, args, kwargs or {})
        name = tracer.graph._target_to_str(func.__name__)
        return tracer.create_proxy("call_function", func, args, kwargs or {}, name=name)


def proxies(values: Any) -> list[Proxy]:
    """All proxies in nested containers."""
    found: list[Proxy] = []
    map_aggregate(values, lambda value: found.append(value) if isinstance(value, Proxy) else None)
    return found


def _is_method(function: Any) -> bool:
    """Whether it is a method of Tensor, not one of the public functions."""
    public = any(operator.public is function for (namespace, _), operator in OPERATORS.items() if namespace is not None)
    return not public and hasattr(Tensor, function.__name__)


class Attribute(Proxy):
    """An attribute of a value; only where it is used for something else than a call it becomes a node."""

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """Stands for a parameter, whose shape is known."""

    def __init__(self, tracer: TracerBase, node: Node, name: str, param: Tensor) -> None:
        super().__init__(node, tracer)
        self.param, self.name = param, name

    def __repr__(self) -> str:
        return f"ParameterProxy({self.name})"

    @property
    def shape(self) -> Any:
        return self.param.shape

    @property
    def ndim(self) -> int:
        return self.param.ndim

    def size(self) -> Any:
        return self.param.size()

    def dim(self) -> int:
        return self.param.dim()

    def numel(self) -> int:
        return self.param.numel()

    def nelement(self) -> int:
        return self.param.nelement()


def _operation(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Proxy:
        return args[0].tracer.create_proxy("call_function", function, args, kwargs)

    return method


def _reflected(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.tracer.create_proxy("call_function", function, (other, self), {})


for _name in MAGIC:
    setattr(Proxy, f"__{_name.rstrip('_')}__", _operation(getattr(operator, _name)))
for _name in ARITHMETIC:
    setattr(Proxy, f"__r{_name.rstrip('_')}__", _reflected(getattr(operator, _name)))
Proxy.__hash__ = object.__hash__  # type: ignore[assignment, method-assign]
