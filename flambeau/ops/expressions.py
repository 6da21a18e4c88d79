"""Tensor expressions: ``tx("relu(x @ w + b)")(x=x, w=w, b=b)``.

A string is read once, with Python's own grammar, and only what computes tensors is let through: names, numbers, operators,
indices, and calls of the library's functions. It is then an ordinary function of its names: differentiable, and recorded by
`flambeau.compile` as any other. May import what `flambeau.ops` may.
"""

from __future__ import annotations

import ast
import importlib
import operator
from collections.abc import Callable, Mapping
from typing import Any

from flambeau.ops.registry import OPERATORS
from flambeau.tensor import Tensor

__all__ = ["Expression", "ExpressionError", "tx"]

BINARY: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
    ast.MatMult: ("@", operator.matmul),
    ast.BitAnd: ("&", operator.and_),
    ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor),
}
UNARY: dict[type[ast.unaryop], tuple[str, Callable[[Any], Any]]] = {
    ast.USub: ("-", operator.neg),
    ast.UAdd: ("+", operator.pos),
    ast.Invert: ("~", operator.invert),
}
COMPARE: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
CONSTANTS = {"pi": 3.141592653589793, "inf": float("inf"), "nan": float("nan")}
ATTRIBUTES = ("T", "mT")
_LITERALS = (int, float, bool, str, type(None), type(Ellipsis))


class ExpressionError(ValueError):
    """An expression that cannot be read, or a name that it needs and was not given; points at the place."""


def _pointed(text: str, node: ast.AST | None, message: str, column: int | None = None) -> str:
    start = column if column is not None else getattr(node, "col_offset", 0)
    end = getattr(node, "end_col_offset", start + 1) if node is not None else start + 1
    return f"{message}\n  {text}\n  {' ' * start}{'^' * max(1, end - start)}"


def _function(name: str) -> Callable[..., Any] | None:
    """The library's function of a name: of `flambeau`, else of `flambeau.nn.functional`."""
    for namespace in ("", "nn.functional", "special", "linalg"):
        if (namespace, name) in OPERATORS:
            return OPERATORS[namespace, name].public
    if name in ("rearrange", "reduce", "repeat"):
        return getattr(importlib.import_module("flambeau.ops.einops"), name)
    if name.startswith("_"):
        return None
    found = getattr(importlib.import_module("flambeau.nn.functional"), name, None)
    return found if callable(found) and not isinstance(found, type) else None


class Expression:
    """A parsed expression; call it with its names as keywords.

    `names` are what it needs, in the order of their first use; `text` is what it was made from, `tree` what was read (Python's
    own syntax tree); `graph()` prints its operations, one a line.
    """

    def __init__(self, text: str):
        if not isinstance(text, str):
            raise TypeError(f"tx(): the expression must be a str, not {type(text).__name__}")
        self.text = " ".join(text.split())
        if not self.text:
            raise ExpressionError("tx(): the expression is empty")
        try:
            tree = ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            column = max((error.offset or 1) - 1, 0)
            raise ExpressionError(_pointed(self.text, None, f"tx(): {error.msg}", column)) from None
        if len(self.text.encode()) != len(self.text):
            raise ExpressionError("tx(): an expression is written in ASCII")
        self._functions: dict[str, Callable[..., Any]] = {}
        found: dict[str, None] = {}
        self._check(tree, found)
        self.names = tuple(found)
        self.tree = tree
        code = compile(ast.fix_missing_locations(ast.Expression(tree)), "<tx>", "eval")
        self._code = code
        self._globals: dict[str, Any] = {"__builtins__": {}, **CONSTANTS, **self._functions}

    def _fail(self, node: ast.AST, message: str) -> ExpressionError:
        return ExpressionError(_pointed(self.text, node, f"tx(): {message}"))

    def _check(self, node: ast.expr, names: dict[str, None]) -> None:
        """Lets through what computes tensors, and collects the names."""
        if isinstance(node, ast.Name):
            if node.id not in CONSTANTS:
                names.setdefault(node.id)
        elif isinstance(node, ast.Constant):
            if not isinstance(node.value, _LITERALS):
                raise self._fail(node, f"a {type(node.value).__name__} cannot be in an expression")
        elif isinstance(node, ast.BinOp):
            if type(node.op) not in BINARY:
                raise self._fail(node, f"operator {type(node.op).__name__} is not supported")
            self._check(node.left, names)
            self._check(node.right, names)
        elif isinstance(node, ast.UnaryOp):
            if type(node.op) not in UNARY:
                raise self._fail(node, "`not` is not supported: use ~ or logical_not()")
            self._check(node.operand, names)
        elif isinstance(node, ast.Compare):
            if len(node.ops) != 1 or type(node.ops[0]) not in COMPARE:
                raise self._fail(node, "one comparison at a time: <, <=, >, >=, == or !=")
            self._check(node.left, names)
            self._check(node.comparators[0], names)
        elif isinstance(node, ast.Call):
            self._check_call(node, names)
        elif isinstance(node, ast.Attribute):
            if node.attr not in ATTRIBUTES:
                raise self._fail(node, f"attribute .{node.attr} is not supported (only {', '.join(ATTRIBUTES)}): call a function")
            self._check(node.value, names)
        elif isinstance(node, ast.Subscript):
            self._check(node.value, names)
            self._check(node.slice, names)
        elif isinstance(node, ast.Slice):
            for part in (node.lower, node.upper, node.step):
                if part is not None:
                    self._check(part, names)
        elif isinstance(node, (ast.Tuple, ast.List)):
            for element in node.elts:
                self._check(element, names)
        else:
            raise self._fail(node, f"{type(node).__name__} is not supported")

    def _check_call(self, node: ast.Call, names: dict[str, None]) -> None:
        if not isinstance(node.func, ast.Name):
            raise self._fail(node.func, "only the library's functions can be called, by their plain name")
        name = node.func.id
        function = _function(name)
        if function is None:
            raise self._fail(node.func, f"unknown function {name}")
        self._functions[name] = function
        for argument in node.args:
            self._check(argument, names)
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self._fail(node, "** is not supported")
            self._check(keyword.value, names)

    def __call__(self, **values: Any) -> Any:
        """The value of the expression. Raises ExpressionError for missing and extra names.

        An error of an operator is raised again as what it was, with the place in the expression added.
        """
        missing = [name for name in self.names if name not in values]
        if missing:
            where = next(n for n in ast.walk(self.tree) if isinstance(n, ast.Name) and n.id == missing[0])
            raise self._fail(where, f"no value for {', '.join(missing)}")
        extra = [name for name in values if name not in self.names]
        if extra:
            raise ExpressionError(
                f"tx(): {', '.join(extra)} is not in the expression {self.text!r} (names: {', '.join(self.names)})"
            )
        try:
            return eval(self._code, {**self._globals, **values})  # the tree was checked: names, operators and known calls
        except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError):
            pass
        return self._located(self.tree, values)

    def _located(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        """Evaluates part by part, to say which part fails."""
        parts: dict[ast.AST, Any] = {
            child: self._located(child, values)
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr) and not (isinstance(node, ast.Call) and child is node.func)
        }
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                parts[keyword.value] = self._located(keyword.value, values)
        try:
            return self._apply(node, parts, values)
        except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError) as error:
            described = ", ".join(
                f"{ast.unparse(child)}: {list(value.shape)}" for child, value in parts.items() if isinstance(value, Tensor)
            )
            raise type(error)(_pointed(self.text, node, f"{error}" + (f" (with {described})" if described else ""))) from None

    def _apply(self, node: ast.expr, parts: Mapping[ast.AST, Any], values: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Name):
            return values[node.id] if node.id in values else CONSTANTS[node.id]
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.BinOp):
            return BINARY[type(node.op)][1](parts[node.left], parts[node.right])
        if isinstance(node, ast.UnaryOp):
            return UNARY[type(node.op)][1](parts[node.operand])
        if isinstance(node, ast.Compare):
            return COMPARE[type(node.ops[0])][1](parts[node.left], parts[node.comparators[0]])
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            keywords = {str(keyword.arg): parts[keyword.value] for keyword in node.keywords}
            return self._functions[node.func.id](*(parts[argument] for argument in node.args), **keywords)
        if isinstance(node, ast.Attribute):
            return getattr(parts[node.value], node.attr)
        if isinstance(node, ast.Subscript):
            return parts[node.value][parts[node.slice]]
        if isinstance(node, ast.Slice):
            return slice(*(None if part is None else parts[part] for part in (node.lower, node.upper, node.step)))
        if isinstance(node, (ast.Tuple, ast.List)):
            made = [parts[element] for element in node.elts]
            return tuple(made) if isinstance(node, ast.Tuple) else made
        raise AssertionError(type(node))

    def graph(self) -> str:
        """The operations in the order in which they are done, one a line: ``%2 = %1 + b``."""
        lines: list[str] = []
        self._line(self.tree, lines)
        return "\n".join(lines)

    def _line(self, node: ast.expr, lines: list[str]) -> str:
        """The name of a part's value; adds the line that computes it."""
        if isinstance(node, (ast.Name, ast.Constant)):
            return ast.unparse(node)
        if isinstance(node, (ast.Tuple, ast.List, ast.Slice)):
            return ast.unparse(node)
        if isinstance(node, ast.BinOp):
            text = f"{self._line(node.left, lines)} {BINARY[type(node.op)][0]} {self._line(node.right, lines)}"
        elif isinstance(node, ast.UnaryOp):
            text = f"{UNARY[type(node.op)][0]}{self._line(node.operand, lines)}"
        elif isinstance(node, ast.Compare):
            left, right = self._line(node.left, lines), self._line(node.comparators[0], lines)
            text = f"{left} {COMPARE[type(node.ops[0])][0]} {right}"
        elif isinstance(node, ast.Call):
            arguments = [self._line(argument, lines) for argument in node.args]
            arguments += [f"{keyword.arg}={self._line(keyword.value, lines)}" for keyword in node.keywords]
            text = f"{ast.unparse(node.func)}({', '.join(arguments)})"
        elif isinstance(node, ast.Attribute):
            text = f"{self._line(node.value, lines)}.{node.attr}"
        else:
            assert isinstance(node, ast.Subscript)
            text = f"{self._line(node.value, lines)}[{ast.unparse(node.slice)}]"
        lines.append(f"%{len(lines) + 1} = {text}")
        return f"%{len(lines)}"

    def __repr__(self) -> str:
        return f"tx({self.text!r})"


def tx(text: str) -> Expression:
    """A tensor expression from a string. Raises ExpressionError, pointing at the place, for what is not one.

    ``tx("relu(x @ w + b)")(x=x, w=w, b=b)``; operators, comparisons, indices, ``.T``, numbers, and the functions of `flambeau`
    and `nn.functional` by their names. Single line breaks and spaces do not matter.

    >>> torch.tx("relu(x @ w + b)")(x=torch.ones(2, 3), w=torch.ones(3, 1), b=torch.tensor([-1.0]))
    tensor([[2.],
            [2.]])
    """
    return Expression(text)
