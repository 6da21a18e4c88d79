"""The shapes of parameters whose annotations have none, from the calls in the same file: for ``flambeau check``.

A tutorial's network has no annotations, so a checker knows nothing of what `forward` is given. Its calls do: where all calls of
a function or a module in a file give a parameter tensors of one rank, or one integer, a copy of the program says so with a
``cast`` at the function's beginning. The calls' types are what Pyrefly reveals there; as functions call others, that is
repeated until nothing new comes of it. May import `flambeau.typing.revealing`.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from flambeau.typing.revealing import revealing

ROUNDS = 5  # functions that call functions that call functions …
_LIBRARIES = frozenset(("torch", "F", "nn", "flambeau", "einops", "np", "optim", "math", "os", "sys"))
_UNTOLD = (ast.Starred, ast.Lambda, ast.GeneratorExp, ast.JoinedStr, ast.Constant)
_HEAD = "_flambeau_"  # of the names that a copy has more than its program


class Tensor(NamedTuple):
    """What a parameter is given: a tensor, its sizes None where they are not known or differ between calls."""

    dtype: str
    device: str
    sizes: tuple[int | None, ...]

    def written(self) -> str:
        """As an annotation in the copy."""
        sizes = ", ".join("_flambeau_typing.Any" if size is None else str(size) for size in self.sizes)
        return f"_flambeau.Tensor[_flambeau.{self.dtype}, _flambeau_names.{self.device}, [{sizes}]]"


Fact = Tensor | int
Name = tuple[str, str]  # of a function: its class, "" for none, and its own
Facts = dict[Name, dict[str, Fact]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Copy(NamedTuple):
    """A program with casts: its text, and for each of its lines the line that it comes from (0 for a cast's)."""

    text: str
    lines: list[int]


class Question(NamedTuple):
    """A copy that reveals types, and which call's callee (argument "") or argument is told of at which line and column."""

    text: str
    asked: dict[tuple[int, int], tuple[int, str]]
    calls: list[Call]


class Call(NamedTuple):
    """A call: the function, where its name tells, the arguments by parameter where it does, else by position or keyword."""

    function: Name | None
    arguments: dict[str, ast.expr]


def has_open_functions(source: str) -> bool:
    """Whether a program can gain by this: it has functions with such parameters, and imports nothing by relative names."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    relative = any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))
    return not relative and any(_open_parameters(function) for function in _functions(tree).values())


def with_casts(source: str, facts: Facts) -> Copy:
    """The program with what is known of its parameters."""
    lines = source.split("\n")
    functions = _functions(ast.parse(source))
    inserted: dict[int, list[str]] = {}
    for name, known in facts.items():
        function = functions[name]
        first = function.body[1 if _is_text(function.body[0]) and len(function.body) > 1 else 0]
        casts = [f"{parameter} = {_HEAD}typing.cast({_cast_type(fact)}, {parameter})" for parameter, fact in known.items()]
        at = min([first.lineno, *(decorator.lineno for decorator in getattr(first, "decorator_list", []))])
        before = lines[at - 1].encode()[: first.col_offset].decode()
        if before.strip():  # on the line of its `def`
            lines[at - 1] = f"{before}{'; '.join(casts)}; {lines[at - 1][len(before) :]}"
        else:
            inserted.setdefault(at, []).append(before + "; ".join(casts))
    result, origin = [], []
    for number, line in enumerate(lines, 1):
        for cast in inserted.get(number, ()):
            result.append(cast)
            origin.append(0)
        result.append(line)
        origin.append(number)
    imports = (f"import typing as {_HEAD}typing", f"import flambeau as {_HEAD[:-1]}", f"import flambeau.typing as {_HEAD}names")
    return Copy("\n".join([*result, *imports, ""]), [*origin, 0, 0, 0, 0])


def _cast_type(fact: Fact) -> str:
    return fact.written() if isinstance(fact, Tensor) else f"{_HEAD}typing.Literal[{fact}]"


def question(source: str) -> Question:
    """The program with the callees and arguments of its calls revealed."""
    tree = ast.parse(source)
    functions = _functions(tree)
    calls: list[Call] = []
    wanted: list[ast.expr] = []
    tags: list[tuple[int, str]] = []
    for node, owner in _calls(tree):
        function = _named(node.func, owner, functions)
        if function is None and not _may_be_module(node.func):
            continue
        given = {str(i): argument for i, argument in enumerate(node.args)}
        given |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
        if function is None:
            wanted.append(node.func)
            tags.append((len(calls), ""))
        for key, argument in given.items():
            if not isinstance(argument, _UNTOLD):
                wanted.append(argument)
                tags.append((len(calls), key))
        calls.append(Call(function, given))
    text, places = revealing(source, wanted)
    return Question(text, dict(zip(places, tags)), calls)


def learned(source: str, asked: Question, revealed: dict[tuple[int, int], str]) -> Facts:
    """What the calls say of the program's open parameters. `revealed` has the types by line and column in the question."""
    functions = _functions(ast.parse(source))
    told: dict[tuple[int, str], str] = {tag: revealed[place] for place, tag in asked.asked.items() if place in revealed}
    given: dict[Name, list[dict[str, Fact | None]]] = {}
    for number, call in enumerate(asked.calls):
        name = call.function
        if name is None:
            found = re.match(r"([A-Za-z_]\w*)", told.get((number, ""), ""))
            name = (found.group(1), "forward") if found else None
        if name is None or name not in functions:
            continue
        parameters = _parameters(functions[name], name)
        facts: dict[str, Fact | None] = {p.arg: _default(default) for p, default in parameters}
        for key, argument in call.arguments.items():
            position = int(key) if key.isdigit() else -1
            parameter = key if position < 0 else parameters[position][0].arg if position < len(parameters) else ""
            facts[parameter] = _fact(argument, told.get((number, key), ""))
        given.setdefault(name, []).append(facts)
    result: Facts = {}
    for name, several in given.items():
        for parameter in _open_parameters(functions[name], name):
            fact = _agreed([facts.get(parameter) for facts in several])
            if fact is not None:
                result.setdefault(name, {})[parameter] = fact
    return result


def _fact(argument: ast.expr, revealed: str) -> Fact | None:
    if isinstance(argument, ast.Constant):
        return argument.value if type(argument.value) is int else None
    tensor = re.fullmatch(r"(?:Tensor|Parameter)\[(\w+), (\w+), \[(.*)\]\]", revealed)
    if tensor:
        dtype, device, sizes = tensor.groups()
        split = [size for size in re.split(r", (?![^(]*\))", sizes) if size]
        if any("*" in size for size in split) or "Unknown" in (dtype, device) or "Any" in (dtype, device):
            return None
        return Tensor(dtype, device, tuple(int(size) if size.isdigit() else None for size in split))
    number = re.fullmatch(r"(?:Literal|Int)\[(-?\d+)\]", revealed)
    return int(number.group(1)) if number else None


def _default(default: ast.expr | None) -> Fact | None:
    return _fact(default, "") if default is not None else None


def _agreed(facts: Sequence[Fact | None]) -> Fact | None:
    """What all calls say; a call that says nothing may be one with another batch."""
    known = [fact for fact in facts if fact is not None]
    if not known or any(type(fact) is not type(known[0]) for fact in known):
        return None
    first = known[0]
    if isinstance(first, int):
        return first if len(set(known)) == 1 and len(known) == len(facts) else None
    tensors = [fact for fact in known if isinstance(fact, Tensor)]
    if len({(t.dtype, t.device, len(t.sizes)) for t in tensors}) != 1:
        return None
    sizes = [several[0] if len(set(several)) == 1 else None for several in zip(*(t.sizes for t in tensors))]
    if len(known) < len(facts) and sizes:
        sizes[0] = None
    return first._replace(sizes=tuple(sizes))


# --- the program's functions and calls


def _functions(tree: ast.Module) -> dict[Name, Function]:
    """The functions of a module and the methods of its classes; not those that are defined twice."""
    found: dict[Name, Function] = {}
    twice: set[Name] = set()
    for node in tree.body:
        inner = [(node.name, one) for one in node.body] if isinstance(node, ast.ClassDef) else [("", node)]
        for owner, function in inner:
            if isinstance(function, Function):
                name = owner, function.name
                if name in found:
                    twice.add(name)
                found[name] = function
    return {name: function for name, function in found.items() if name not in twice and not _is_special(function)}


def _is_special(function: Function) -> bool:
    names = {ast.unparse(decorator).split("(")[0].split(".")[-1] for decorator in function.decorator_list}
    return bool(names & {"staticmethod", "classmethod", "property", "overload", "fixture", "setter"})


def _parameters(function: Function, name: Name) -> list[tuple[ast.arg, ast.expr | None]]:
    """The parameters that a call gives, in order, and their defaults."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    given = [*zip(positional, defaults), *zip(arguments.kwonlyargs, arguments.kw_defaults)]
    return given[bool(name[0]) :]  # without `self`


def _open_parameters(function: Function, name: Name = ("", "")) -> list[str]:
    """Those of which nothing, or no shape, is said, and that decide nothing: a branch that is not taken is checked, too."""
    deciding = {
        part.id
        for node in ast.walk(function)
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert | ast.Match)
        for test in [node.subject if isinstance(node, ast.Match) else node.test]
        if not (isinstance(test, ast.Compare) and all(isinstance(operator, ast.Is | ast.IsNot) for operator in test.ops))
        for part in ast.walk(test)
        if isinstance(part, ast.Name)
    }
    return [
        parameter.arg
        for parameter, _ in _parameters(function, name)
        if parameter.arg not in deciding and parameter.arg not in ("self", "cls") and _says_no_shape(parameter.annotation)
    ]


def _says_no_shape(annotation: ast.expr | None) -> bool:
    if annotation is None:
        return True
    text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    return isinstance(text, str) and re.fullmatch(r"int|(?:\w+\.)?Tensor(?:\[[\w.]+(?:, [\w.]+)?\])?", text) is not None


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """The calls whose arguments are all spelled out, with the class that each is in."""
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, owner = waiting.pop()
        if isinstance(node, ast.ClassDef):
            owner = node.name
        if isinstance(node, ast.Call):
            plain = all(keyword.arg is not None for keyword in node.keywords)
            if plain and not any(isinstance(argument, ast.Starred | ast.GeneratorExp) for argument in node.args):
                yield node, owner
        for field, value in ast.iter_fields(node):
            if field in ("decorator_list", "annotation", "returns", "bases") or isinstance(value, ast.JoinedStr):
                continue
            children: Iterable[object] = value if isinstance(value, list) else [value]
            waiting += [
                (child, owner) for child in children if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr)
            ]


def _named(callee: ast.expr, owner: str, functions: dict[Name, Function]) -> Name | None:
    """The function that a callee's name stands for."""
    if isinstance(callee, ast.Name):
        return next((name for name in (("", callee.id), (callee.id, "__init__")) if name in functions), None)
    if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Name) and callee.value.id == "self":
        return (owner, callee.attr) if (owner, callee.attr) in functions else None
    return None


def _may_be_module(callee: ast.expr) -> bool:
    root = callee
    while isinstance(root, ast.Attribute | ast.Subscript):
        root = root.value
    if not isinstance(root, ast.Name) or root.id in _LIBRARIES or root.id.startswith(_HEAD) or root.id == "reveal_type":
        return False
    return not (isinstance(callee, ast.Name) and hasattr(builtins, callee.id))


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
    )
