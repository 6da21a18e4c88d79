"""`torch.fx.replace_pattern`: every place in a graph that does what a small function does, rewritten as another function does it.

May import `flambeau.fx`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flambeau.fx._symbolic_trace import symbolic_trace
from flambeau.fx.graph import Graph
from flambeau.fx.graph_module import GraphModule, _copy_attr
from flambeau.fx.node import Argument, Node, map_arg
from flambeau.nn.modules.module import Module

__all__ = ["Match", "replace_pattern"]


class Match(NamedTuple):
    """A place that was found: its last node, and for each node of the pattern that of the graph."""

    anchor: Node
    nodes_map: dict[Node, Node]


def replace_pattern(
    gm: GraphModule, pattern: Callable[..., Any] | GraphModule, replacement: Callable[..., Any] | GraphModule
) -> list[Match]:
    """Rewrites, in `gm`, all places that don't overlap where `pattern` is done, and gives them.

    The two are functions, or modules, of the same arguments; a place matches where the same is called with the same numbers and
    strings, and where nothing else uses what is between.

    >>> gm = torch.fx.symbolic_trace(lambda x, y: torch.relu(x + y))
    >>> found = torch.fx.replace_pattern(gm, lambda a, b: a + b, lambda a, b: a - b)
    >>> len(found), [n.name for n in gm.graph.nodes]
    (1, ['x', 'y', 'sub', 'relu', 'output'])
    """
    sought, put = (_graph(f) for f in (pattern, replacement))
    matches, taken = [], set[Node]()
    for anchor in list(gm.graph.nodes):
        found = _match(sought, anchor)
        if found is None:
            continue
        inner = {node for own, node in found.items() if own.op != "placeholder"}
        if inner & taken:
            continue
        taken |= inner
        matches.append(Match(anchor, found))
    renewed: dict[Node, Node] = {}
    for match in matches:
        _replace(gm.graph, sought, put, match, renewed)
    for source in (pattern, replacement):
        if isinstance(source, Module):
            for node in put.nodes:
                if node.op in ("call_module", "get_attr") and not _has(gm, str(node.target)) and _has(source, str(node.target)):
                    _copy_attr(source, gm, str(node.target))
    gm.delete_all_unused_submodules()
    gm.recompile()
    gm.graph.lint()
    return matches


def _graph(of: Any) -> Graph:
    return of.graph if isinstance(of, GraphModule) else of if isinstance(of, Graph) else symbolic_trace(of).graph


def _has(module: Any, path: str) -> bool:
    for name in path.split("."):
        if not hasattr(module, name):
            return False
        module = getattr(module, name)
    return True


def _match(pattern: Graph, anchor: Node) -> dict[Node, Node] | None:
    """For each node of the pattern that of the graph, where what the pattern gives (its last value) is `anchor`."""
    output = pattern.output_node()
    results = output.all_input_nodes
    if not results:
        return None
    found: dict[Node, Node] = {}
    if not _same(results[-1], anchor, found) or any(node not in found for node in results):
        return None
    given = set(results)
    inner = {node for own, node in found.items() if own.op != "placeholder"}
    for own, node in found.items():
        if own.op not in ("placeholder", "get_attr") and own not in given and not inner.issuperset(node.users):
            return None
    return found


def _same(own: Node, node: Node, found: dict[Node, Node]) -> bool:
    if own in found:
        return found[own] is node
    if own.op != "placeholder":
        if own.op != node.op or own.target != node.target or node in found.values():
            return False
        found[own] = node
        return _same_values((own.args, own.kwargs), (node.args, node.kwargs), found)
    found[own] = node
    return True


def _same_values(a: Argument, b: Argument, found: dict[Node, Node]) -> bool:
    if isinstance(a, Node):
        return isinstance(b, Node) and _same(a, b, found)
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(_same_values(x, y, found) for x, y in zip(a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same_values(a[key], b[key], found) for key in a)
    if isinstance(a, slice):
        return isinstance(b, slice) and _same_values((a.start, a.stop, a.step), (b.start, b.stop, b.step), found)
    return type(a) is type(b) and a == b


def _replace(graph: Graph, sought: Graph, put: Graph, match: Match, renewed: dict[Node, Node]) -> None:
    """Puts the replacement where a match is. `renewed`: for nodes that are gone by earlier replacements, those in their place."""
    parameters = [node for node in sought.nodes if node.op == "placeholder"]
    values: dict[Node, Node] = {}
    for own, new in zip(parameters, (node for node in put.nodes if node.op == "placeholder"), strict=True):
        node = match.nodes_map[own]
        values[new] = renewed.get(node, node)
    with graph.inserting_before(match.anchor):
        result = graph.graph_copy(put, values)
    outputs = sought.output_node().all_input_nodes
    news: list[Node] = []
    map_arg(result, news.append)
    for own, new in zip(outputs, news, strict=True):
        old = match.nodes_map[own]
        old.replace_all_uses_with(new)
        renewed[old] = new
    for own in reversed(sought.nodes):
        if own.op not in ("placeholder", "output") and not match.nodes_map[own].users:
            graph.erase_node(match.nodes_map[own])
