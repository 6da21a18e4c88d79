"""Python source of a graph, and the names in it. May import `flambeau.fx.node`."""

from __future__ import annotations

import builtins
import enum
import keyword
import math
import re
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flambeau.device import device
from flambeau.fx.node import Argument, Node, is_ours, qualified_name, type_text

__all__ = ["ARITHMETIC", "INPLACE", "MAGIC", "CodeGen", "Namespace", "PythonCode", "snake_case"]

ARITHMETIC = {
    "add": "+", "sub": "-", "mul": "*", "floordiv": "//", "truediv": "/", "mod": "%", "pow": "**", "lshift": "<<",
    "rshift": ">>", "and_": "&", "or_": "|", "xor": "^", "matmul": "@",
}  # fmt: skip
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">="}
MAGIC = {name: f"{{}} {sign} {{}}" for name, sign in (ARITHMETIC | _COMPARISONS).items()}
MAGIC |= {"pos": "+{}", "neg": "-{}", "invert": "~{}", "getitem": "{}[{}]"}
"""The functions of `operator` that are written with a sign: how."""
INPLACE = {f"i{name.rstrip('_')}": f"{{}} {sign}= {{}}" for name, sign in ARITHMETIC.items()} | {"setitem": "{}[{}] = {}"}
"""The functions of `operator` that change their first argument."""

_ALWAYS = {
    "inf": math.inf,
    "nan": math.nan,
    "NoneType": type(None),
    "torch": sys.modules[__name__.partition(".")[0]],
    "device": device,
}
"""The globals of all generated code: the names that values' representations use."""
_TAKEN: dict[str, Any] = {name: object() for name in keyword.kwlist} | vars(builtins) | _ALWAYS
_ILLEGAL = re.compile(r"[^0-9a-zA-Z_]+")
_NUMBERED = re.compile(r"^([a-zA-Z_][0-9a-zA-Z_]*?)(?:_(\d+))?$")


def snake_case(name: str) -> str:
    """A class's name as that of a variable: `BatchNorm` is batch_norm."""
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


class Namespace:
    """Gives each object a name of its own, which is no keyword and none of Python's built-in names."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._objects: list[Any] = []  # what `_names` knows by id stays alive
        self._used: set[str] = set()
        self._counts: dict[str, int] = {}

    def create_name(self, candidate: str, obj: Any) -> str:
        """A name as near to `candidate` as may be; for an object (not None) that has one already, that one."""
        if obj is not None and id(obj) in self._names:
            return self._names[id(obj)]
        if _NUMBERED.match(candidate) is None:
            candidate = _ILLEGAL.sub("_", candidate) or "_unnamed"
            if candidate[0].isdigit():
                candidate = f"_{candidate}"
        match = _NUMBERED.match(candidate)
        assert match is not None
        base, number = match[1], match[2]
        if number is None or candidate in self._used:
            count = self._counts.get(base, 0)
            if candidate in _TAKEN and _TAKEN[candidate] is not obj:
                count += 1
                candidate = f"{base}_{count}"
        else:
            count = int(number)
        while candidate in self._used:
            count += 1
            candidate = f"{base}_{count}"
        self._used.add(candidate)
        self._counts[base] = count
        if obj is not None:
            self._names[id(obj)] = candidate
            self._objects.append(obj)
        return candidate


@dataclass
class PythonCode:
    """A graph as source: `exec(src, globals)` defines the function."""

    src: str
    globals: dict[str, Any]


class CodeGen:
    """Writes the function of a graph; a subclass may give it other arguments and another way to return."""

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The line that begins the function, for its parameters as written."""
        if not free_vars or free_vars[0] != "self":
            free_vars.insert(0, "self")
        return f"def forward({', '.join(free_vars)}){maybe_return_annotation}:"

    def generate_output(self, output_args: Argument) -> str:
        """The line that gives the result."""
        return f"return {output_args!r}"

    def process_inputs(self, *args: Any) -> Any:
        """The values of the placeholders, for the function's arguments."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """The function's result, for that of the graph."""
        return outputs

    def additional_globals(self) -> list[tuple[str, Any]]:
        """Further globals of the code."""
        return []

    def write(self, nodes: Sequence[Node], root_module: str, namespace: Namespace) -> PythonCode:
        """The source for nodes in order; attributes and modules are those of `root_module`."""
        return _Writer(self, root_module, namespace).write(nodes)


class _Writer:
    def __init__(self, generator: CodeGen, root_module: str, namespace: Namespace) -> None:
        self.generator, self.root, self.namespace = generator, root_module, namespace
        self.globals: dict[str, Any] = {}
        self.wrapped: dict[str, None] = {}
        self.parameters: list[str] = []
        self.returns = ""
        for name, value in (*_ALWAYS.items(), *generator.additional_globals()):
            self.globals[self.namespace.create_name(name, value)] = value

    def write(self, nodes: Sequence[Node]) -> PythonCode:
        last = self._last_uses(nodes)
        body = "".join(self._line(node) + self._freed(node, last.get(node, [])) for node in nodes) or "pass\n"
        wrapped = "\n".join(f'torch.fx._symbolic_trace.wrap("{name}")' for name in self.wrapped)
        definition = self.generator.gen_fn_def(self.parameters, self.returns)
        indented = "\n".join("    " + line for line in body.split("\n"))
        return PythonCode(f"\n{wrapped}\n\n{definition}\n{indented}", self.globals)

    @staticmethod
    def _last_uses(nodes: Sequence[Node]) -> dict[Node, list[Node]]:
        """For a node, the nodes whose values are used there for the last time."""
        seen: set[Node] = set()
        found: dict[Node, list[Node]] = {}
        for user in reversed(nodes):
            for node in user._input_nodes:
                if node not in seen:
                    seen.add(node)
                    found.setdefault(user, []).append(node)
        return found

    def _freed(self, node: Node, last: list[Node]) -> str:
        if node.op == "placeholder":
            return ""
        names = [n.name for n in last] + ([] if node.users or node.op == "output" else [node.name])
        return f";  {' = '.join([*names, 'None'])}\n" if names and node.op != "output" else "\n"

    def _line(self, node: Node) -> str:
        typed = "" if node.type is None else f" : {self._type(node.type)}"
        target: Any = node.target
        if node.op == "placeholder":
            default = f" = {self._text(node.args[0])}" if node.args else ""
            self.parameters.append(f"{target}{typed}{default}")
            own = target.replace("*", "")
            return "" if own == node.name else f"{node.name} = {own}\n"
        if node.op == "output":
            self.returns = "" if node.type is None else f" -> {self._type(node.type)}"
            return self.generator.generate_output(_Text(self._text(node.args[0])))
        start = f"{node.name}{typed} = "
        if node.op == "get_attr":
            return start + _reached(self.root, target)
        if node.op == "call_module":
            return f"{start}{_reached(self.root, target)}({self._arguments(node.args, node.kwargs)})"
        if node.op == "call_method":
            return f"{start}{_reached(self._text(node.args[0]), target)}({self._arguments(node.args[1:], node.kwargs)})"
        if getattr(target, "__module__", "") == "_operator":
            texts = [self._text(a) for a in node.args]
            if target.__name__ in MAGIC:
                return start + MAGIC[target.__name__].format(*texts)
            if target.__name__ in INPLACE:
                return f"{INPLACE[target.__name__].format(*texts)};  {start}{texts[0]}"
        name = self._global(qualified_name(target), target)
        if target is getattr and len(node.args) == 2 and isinstance(node.args[1], str) and node.args[1].isidentifier():
            return start + _reached(self._text(node.args[0]), node.args[1])
        if node.meta.get("is_wrapped"):
            self.wrapped.setdefault(name)
        return f"{start}{name}({self._arguments(node.args, node.kwargs)})"

    def _arguments(self, args: Sequence[Argument], kwargs: dict[str, Argument]) -> str:
        return ", ".join([*map(self._text, args), *(f"{key} = {self._text(value)}" for key, value in kwargs.items())])

    def _global(self, hint: str, value: Any) -> str:
        """The name of a function or class in the code."""
        if is_ours(value) and value is not device:
            return qualified_name(value)
        name = self.namespace.create_name(hint, value)
        self.globals[name] = value
        return name

    def _type(self, kind: Any) -> str:
        if kind == ():
            return "()"
        if isinstance(kind, types.UnionType):
            return "|".join(map(self._type, kind.__args__))
        origin = getattr(kind, "__origin__", None)
        if origin is not None and isinstance(kind, types.GenericAlias):
            return f"{self._type(origin)}[{','.join(map(self._type, kind.__args__))}]"
        return self._global(type_text(kind), kind)

    def _text(self, a: Argument) -> str:
        if isinstance(a, Node):
            return a.name
        if isinstance(a, tuple):
            if hasattr(a, "_fields"):
                return f"{self._global(qualified_name(type(a)), type(a))}({', '.join(map(self._text, a))})"
            return f"({', '.join(map(self._text, a))}{',' if len(a) == 1 else ''})"
        if isinstance(a, list):
            return f"[{', '.join(map(self._text, a))}]"
        if isinstance(a, dict):
            return f"{{{', '.join(f'{key!r}: {self._text(value)}' for key, value in a.items())}}}"
        if isinstance(a, slice):
            return f"slice({self._text(a.start)}, {self._text(a.stop)}, {self._text(a.step)})"
        if isinstance(a, enum.Enum):
            return f"{self._global(type(a).__name__, type(a))}.{a.name}"
        return repr(a)


class _Text:
    """A value whose representation is a given text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _reached(base: str, path: str) -> str:
    """An attribute of an attribute …, by names that need not be identifiers."""
    for name in path.split("."):
        base = f"{base}.{name}" if name.isidentifier() else f'getattr({base}, "{name}")'
    return base
