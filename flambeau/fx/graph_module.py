"""`torch.fx.GraphModule`: a module whose forward is the code of a graph. May import `flambeau.fx.graph`, `flambeau.nn`."""

from __future__ import annotations

import copy
import itertools
import linecache
from typing import Any

from flambeau.fx.graph import Graph
from flambeau.fx.python_code import PythonCode
from flambeau.nn.modules.module import Module
from flambeau.tensor import Tensor

__all__ = ["GraphModule"]

_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"
_numbers = itertools.count()


def _compiled(code: PythonCode) -> Any:
    """The function that the code defines; tracebacks show its lines."""
    file = f"<graph {next(_numbers)}>"
    linecache.cache[file] = (len(code.src), None, code.src.splitlines(keepends=True), file)
    namespace = dict(code.globals)
    exec(compile(code.src, file, "exec", dont_inherit=True), namespace)
    return namespace["forward"]


class _CodeOnlyModule(Module):
    """The attributes of a module, without its class."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__()
        self.__dict__ = body


def _copy_attr(from_module: Module, to_module: Module, target: str) -> None:
    """Gives one module what another has at a path; modules on the way are made where they aren't there."""
    *prefix, name = target.split(".")
    for part in prefix:
        source, own = getattr(from_module, part), getattr(to_module, part, None)
        if source is own:
            return  # it is there, with all below it
        if own is None:
            own = Module()
            setattr(to_module, part, own)
        from_module, to_module = source, own
    value = getattr(from_module, name)
    if isinstance(value, Tensor) and name in from_module._buffers:
        to_module.register_buffer(name, value, name not in from_module._non_persistent_buffers_set)
    else:
        setattr(to_module, name, value)


def _assign_attr(value: Any, to_module: Module, target: str) -> None:
    *prefix, name = target.split(".")
    for part in prefix:
        if not hasattr(to_module, part):
            setattr(to_module, part, Module())
        to_module = getattr(to_module, part)
    if isinstance(value, Tensor) and not value.requires_grad and not hasattr(value, "_is_param"):
        to_module.register_buffer(name, value)
    else:
        setattr(to_module, name, value)


class GraphModule(Module):
    """A module whose `forward` is the code of `graph`.

    Args:
        root: the module, or a dict by name, from which the attributes and modules that the graph names are taken.
        graph: the operations; assign another one, or call `recompile()` after changing it.
        class_name: the name of the module's class.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> GraphModule:
        kind = next((c for c in cls.__mro__ if "_forward_is_written" not in vars(c)), cls)  # each has a forward of its own,
        return object.__new__(type(kind.__name__, (kind,), {"_forward_is_written": True}))  # in a class of its own

    def __init__(self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        type(self).__name__ = class_name
        targets = [str(node.target) for node in graph.nodes if node.op in ("get_attr", "call_module")]
        if isinstance(root, Module):
            self.training = root.training
            if isinstance(root, _CodeOnlyModule):
                targets = [*root._modules, *root._buffers, *root._parameters, *targets]
            for target in targets:
                _copy_attr(root, self, target)
        elif isinstance(root, dict):
            for target in targets:
                if target not in root:
                    raise RuntimeError(f"Node target {target} was referenced but not provided in ``root``!")
            for target in sorted(targets, key=lambda t: t.count(".")):
                _assign_attr(root[target], self, target)
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        self.meta: dict[str, Any] = {}
        self._tracer_cls = graph._tracer_cls
        self.graph = graph

    @property
    def graph(self) -> Graph:
        """The operations."""
        return self._graph

    @graph.setter
    def graph(self, g: Graph) -> None:
        if not isinstance(g, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(g)}")
        self._graph = g
        g.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The source of `forward`."""
        if not hasattr(self, "_code"):
            raise RuntimeError("Code has not been generated! Please report a bug to PyTorch")
        return self._code

    def recompile(self) -> PythonCode:
        """Writes `forward` from the graph as it is now."""
        code = self._graph.python_code(root_module="self")
        self._code = code.src
        type(self).forward = _compiled(code)  # type: ignore[method-assign]
        return code

    def print_readable(self, print_output: bool = True, **kwargs: Any) -> str:
        """The module's code as a class, printed and given."""
        body = "\n".join("    " + line if line else "" for line in self._code.strip("\n").split("\n"))
        text = f"class {self._get_name()}(torch.nn.Module):\n{body}\n"
        if print_output:
            print(text)
        return text

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\n{self._code}\n# To see more debug info, please use `graph_module.print_readable()`"

    # Submodules

    def add_submodule(self, target: str, m: Module) -> bool:
        """Puts a module at a path, making modules on the way; False where something else is in the way."""
        *prefix, name = target.split(".")
        module: Module = self
        for part in prefix:
            if not hasattr(module, part):
                setattr(module, part, Module())
            module = getattr(module, part)
            if not isinstance(module, Module):
                return False
        module.add_module(name, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Takes away the module at a path; False where there is none."""
        path, _, name = target.rpartition(".")
        try:
            module = self.get_submodule(path)
        except AttributeError:
            return False
        if not isinstance(getattr(module, name, None), Module):
            return False
        delattr(module, name)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Takes away the modules that no node calls or reads something of."""
        used: set[str] = set()
        for node in self._graph.nodes:
            if node.op in ("call_module", "get_attr"):
                path = str(node.target).split(".")
                used.update(".".join(path[: i + 1]) for i in range(len(path)))
                if node.op == "call_module":
                    called = self.get_submodule(str(node.target))
                    used.update(f"{node.target}.{name}" for name, _ in called.named_modules() if name)
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    # Copies

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        state = {name: value for name, value in self.__dict__.items() if name not in ("_graph", "_code")}
        copied.__dict__.update(copy.deepcopy(state, memo))
        type(copied).__name__ = type(self).__name__
        copied.graph = copy.deepcopy(self._graph, memo)
        for name, value in copied.meta.get(_USER_PRESERVED_ATTRIBUTES_KEY, {}).items():
            setattr(copied, name, value)
        return copied

    def __copy__(self) -> GraphModule:
        copied = GraphModule(self, self._graph, self._get_name())
        copied.meta = getattr(self, "meta", {})
        return copied

    def __reduce__(self) -> Any:
        state = {name: value for name, value in self.__dict__.items() if name not in ("_graph", "_code", "_tracer_cls")}
        return _rebuilt, (state, self._graph, self._get_name())


def _rebuilt(state: dict[str, Any], graph: Graph, class_name: str) -> GraphModule:
    made = GraphModule(_CodeOnlyModule(state), graph, class_name)
    made.__dict__.update({name: value for name, value in state.items() if name not in ("_modules", "_parameters", "_buffers")})
    return made
