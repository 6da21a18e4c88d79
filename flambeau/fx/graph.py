"""`torch.fx.Graph`: a function as a list of operations. May import `flambeau.fx.node`, `flambeau.fx.python_code`."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flambeau.fx.node import Argument, Node, Target, map_aggregate, map_arg
from flambeau.fx.python_code import CodeGen, Namespace, PythonCode, snake_case

if TYPE_CHECKING:
    from flambeau.fx.graph_module import GraphModule

__all__ = ["CodeGen", "Graph", "PythonCode"]


class _InsertPoint:
    """Where new nodes go: from now on, or as a context."""

    def __init__(self, graph: Graph, insert: Callable[[Node], None]) -> None:
        self._graph, self._before = graph, graph._insert
        graph._insert = insert

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        self._graph._insert = self._before


class _Nodes:
    """A graph's nodes in order; they may be erased, and others added, while one goes through them."""

    def __init__(self, graph: Graph, backwards: bool = False) -> None:
        self._graph, self._backwards = graph, backwards

    def __len__(self) -> int:
        return self._graph._length

    def __iter__(self) -> Iterator[Node]:
        root = self._graph._root
        node = root._prev if self._backwards else root._next
        while node is not root:
            if not node._erased:
                yield node
            node = node._prev if self._backwards else node._next

    def __reversed__(self) -> _Nodes:
        return _Nodes(self._graph, not self._backwards)


class Graph:
    """A function as a list of operations, which programs read, change, and turn into a module again (`GraphModule`).

    >>> graph = torch.fx.Graph()
    >>> x = graph.placeholder("x")
    >>> _ = graph.output(graph.call_function(torch.relu, (x,)))
    >>> print(graph)
    graph():
        %x : [num_users=1] = placeholder[target=x]
        %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
        return relu
    """

    def __init__(
        self,
        owning_module: GraphModule | None = None,
        tracer_cls: type | None = None,
        tracer_extras: dict[str, Any] | None = None,
    ) -> None:
        self._root = Node(self, "", "root", "", (), {})
        self._insert: Callable[[Node], None] = self._root.prepend
        self._length = 0
        self._namespace = Namespace()
        self._owner = owning_module
        self._tracer_cls, self._tracer_extras = tracer_cls, tracer_extras
        self._codegen = CodeGen()
        self._transform_code: Callable[[list[str]], list[str]] | None = None

    @property
    def owning_module(self) -> GraphModule | None:
        """The module whose graph this is."""
        return self._owner

    @owning_module.setter
    def owning_module(self, mod: GraphModule | None) -> None:
        self._owner = mod

    # Reading

    @property
    def nodes(self) -> _Nodes:
        """The nodes in order: to iterate over, also `reversed`, and to count."""
        return _Nodes(self)

    def find_nodes(self, *, op: str, target: Target | None = None, sort: bool = True) -> list[Node]:
        """The nodes of one operation, and of one target for those that call something."""
        called = op in ("call_function", "call_method", "call_module", "get_attr", "placeholder")
        return [n for n in self.nodes if n.op == op and (target is None or not called or n.target == target)]

    def output_node(self) -> Node:
        """The last node. AssertionError where that gives nothing yet."""
        node = self._root._prev
        if node.op != "output":
            raise AssertionError(f"expected the last node to be the output, but it is {node.op}")
        return node

    def __str__(self) -> str:
        return "\n    ".join(["graph():", *(node.format_node() for node in self.nodes)])

    def print_tabular(self) -> None:
        """Prints a table of the nodes. Needs the package tabulate."""
        try:
            from tabulate import tabulate  # type: ignore[import-untyped]
        except ImportError:
            print("`print_tabular` relies on the library `tabulate`, which could not be found on this machine. Run `pip "
                  "install tabulate` to install the library.")  # fmt: skip
            raise
        rows = [[n.op, n.name, n.target, n.args, n.kwargs] for n in self.nodes]
        print(tabulate(rows, headers=["opcode", "name", "target", "args", "kwargs"]))

    def lint(self) -> None:
        """Raises RuntimeError or ValueError where the graph can't be a function: a value used before it is there, a name twice,
        a module or attribute that the owning module hasn't."""
        seen: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            if node._erased:
                raise RuntimeError(f"Node '{node}' was erased, but is in the Graph!")
            for used in node.all_input_nodes:
                if used.graph is not self:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' does not belong to this Graph, but was used as an "
                                       "argument! If you are copying nodes from another graph, make sure to use "
                                       "``arg_transform`` on node_copy() to remap values")  # fmt: skip
                if used not in seen:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' was used before it has been defined! Please check "
                                       f"that Nodes in the graph are topologically ordered\n{self}")  # fmt: skip
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            seen.add(node)
            names.add(node.name)
            if self._owner is not None and node.op in ("get_attr", "call_module"):
                self._check_reached(node)

    def _check_reached(self, node: Node) -> None:
        from flambeau.nn.modules.module import Module

        value: Any = self._owner
        for name in str(node.target).split("."):
            if not hasattr(value, name):
                raise RuntimeError(f"Node {node} target {node.target} references nonexistent attribute {name} of {value}")
            value = getattr(value, name)
        if node.op == "call_module" and not isinstance(value, Module):
            raise RuntimeError(f"Node {node} target {node.target} references {value}, which is no Module")

    # Making nodes

    def create_node(
        self,
        op: str,
        target: Target,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A new node at the current place (`inserting_before`, `inserting_after`; at the end if none was said)."""
        if not isinstance(args or (), tuple) or not isinstance(kwargs or {}, dict):
            raise AssertionError("args must be a tuple, and kwargs a dict")
        candidate = name if name is not None else self._target_to_str(target)
        unique = self._namespace.create_name(candidate, None)
        node = Node(self, unique, op, target, args or (), kwargs or {}, type_expr)
        self._insert(node)
        self._length += 1
        return node

    def _target_to_str(self, target: Target) -> str:
        name = target if isinstance(target, str) else target.__name__
        if name.startswith("__") and name.endswith("__") and len(name) > 4:
            name = name[2:-2]
        return snake_case(name)

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = inspect.Signature.empty) -> Node:
        """An argument of the function."""
        args = () if default_value is inspect.Signature.empty else (default_value,)
        return self.create_node("placeholder", name, args=args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """An attribute of the module, such as "layer.weight". Warns where the owning module hasn't got it."""
        value: Any = self._owner
        for name in qualified_name.split(".") if value is not None else ():
            if not hasattr(value, name):
                warnings.warn(
                    "Attempted to insert a get_attr Node with no underlying reference in the owning GraphModule! Call "
                    "GraphModule.add_submodule to add the necessary submodule, GraphModule.add_parameter to add the necessary "
                    "Parameter, or nn.Module.register_buffer to add the necessary buffer",
                    stacklevel=2,
                )
                break
            value = getattr(value, name)
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_function(
        self,
        the_function: Callable[..., Any],
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any = None,
        name: str | None = None,
    ) -> Node:
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name=name, type_expr=type_expr)

    def call_method(
        self,
        method_name: str,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A call of the first argument's method."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_module(
        self,
        module_name: str,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A call of a submodule, such as "layer1.0". Warns where the owning module hasn't got it."""
        if self._owner is not None and module_name not in dict(self._owner.named_modules(remove_duplicate=False)):
            warnings.warn("Attempted to insert a call_module Node with no underlying reference in the owning GraphModule! Call "
                          "GraphModule.add_submodule to add the necessary submodule", stacklevel=2)  # fmt: skip
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def output(self, result: Argument, type_expr: Any = None) -> Node:
        """What the function gives."""
        return self.create_node("output", "output", args=(result,), type_expr=type_expr)

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Argument] = lambda x: x) -> Node:
        """A node of another graph, here; `arg_transform` gives this graph's node for one of that graph's."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = dict(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Argument | None:
        """All nodes of `g` but the output, here, noted in `val_map`; gives what `g` gives (and its output node)."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], val_map.__getitem__)
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, val_map.__getitem__)
        return None

    # Changing

    def inserting_before(self, n: Node | None = None) -> _InsertPoint:
        """New nodes go before `n`, or to the beginning: from now on, or within `with`."""
        if n is None:
            return self.inserting_after(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")
        return _InsertPoint(self, n.prepend)

    def inserting_after(self, n: Node | None = None) -> _InsertPoint:
        """New nodes go after `n`, or to the end: from now on, or within `with`."""
        if n is None:
            return self.inserting_before(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert after is not in graph.")
        following = n._next
        return _InsertPoint(self, following.prepend)

    def erase_node(self, to_erase: Node) -> None:
        """Takes a node away. RuntimeError where others use it."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: {to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            warnings.warn(f"erase_node({to_erase}) on an already erased node", stacklevel=2)
            return
        to_erase._remove_from_list()
        to_erase._erased = True
        self._length -= 1
        to_erase._set_arguments((), {})

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Erases nodes that nothing uses and that do nothing else; gives whether there were any."""
        self.lint()
        impure = is_impure_node or Node.is_impure
        before = self._length
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
        return self._length < before

    # Code

    def set_codegen(self, codegen: CodeGen) -> None:
        """Sets what writes the function."""
        self._codegen = codegen

    def on_generate_code(self, make_transformer: Callable[[Any], Callable[[list[str]], list[str]]]) -> Any:
        """Has code changed before it is used: `make_transformer(the one before)` gives a function of the lines. The object given
        is a context, at whose end that is over."""
        before, self._transform_code = self._transform_code, make_transformer(self._transform_code)
        return _CodeTransformation(self, before)

    def process_inputs(self, *args: Any) -> Any:
        """The values of the placeholders, for the function's arguments."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out: Any) -> Any:
        """The function's result, for that of the output node."""
        return self._codegen.process_outputs(out)

    def python_code(self, root_module: str) -> PythonCode:
        """The graph as source of a function, in which `root_module` is the name of the module."""
        namespace = Namespace()
        for node in self.nodes:  # nodes keep their names: what else is in the code gets others
            namespace.create_name(node.name, node)
        names = {node: namespace.create_name(node.name, node) for node in self.nodes}
        before = {node: node.name for node in names}
        try:
            for node, name in names.items():
                node.name = name
            code = self._codegen.write(list(self.nodes), root_module, namespace)
        finally:
            for node, name in before.items():
                node.name = name
        if self._transform_code is not None:
            code.src = "".join(self._transform_code(code.src.splitlines(keepends=True)))
        return code

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        copied = Graph(tracer_cls=self._tracer_cls, tracer_extras=self._tracer_extras)
        memo[id(self)] = copied
        val_map: dict[Node, Node] = {}
        found = copied.graph_copy(self, val_map, return_output_node=True)
        if found is not None:
            result, old = found
            made = copied.output(result, type_expr=old.type)
            made.meta = dict(old.meta)
        copied._codegen = self._codegen
        return copied

    def __reduce__(self) -> Any:
        """What pickle writes: the operations, one after the other, with numbers in place of nodes."""
        place = {node: _Place(i) for i, node in enumerate(self.nodes)}
        rows = [
            (n.op, n.target, map_arg(n.args, place.__getitem__), map_arg(n.kwargs, place.__getitem__), n.name, n.type)
            for n in self.nodes
        ]
        return _graph_of_rows, (rows, self._tracer_cls)


class _CodeTransformation:
    def __init__(self, graph: Graph, before: Any) -> None:
        self._graph, self._before = graph, before

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        self._graph._transform_code = self._before


class _Place(int):
    """A node's number, in what pickle writes of a graph."""


def _graph_of_rows(rows: Iterable[tuple[Any, ...]], tracer_cls: type | None) -> Graph:
    graph = Graph(tracer_cls=tracer_cls)
    nodes: list[Node] = []
    for op, target, args, kwargs, name, kind in rows:
        args, kwargs = (map_aggregate(a, lambda v: nodes[v] if isinstance(v, _Place) else v) for a in (args, kwargs))
        nodes.append(graph.create_node(op, target, args, dict(kwargs), name, kind))
    return graph
