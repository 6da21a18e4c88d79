"""A program's syntax tree, rewritten so that running it follows shapes: `rewritten`.

Python itself runs the result, so scopes, classes, generators and operators are Python's own. What is put in between:

- each statement is tried: where it fails, the failure is noted, what it would have assigned isn't known, and the program goes on;
- calls go through `Runtime.call`, which makes only those that do nothing but compute;
- of an `if` whose test isn't known both branches are run, and what they assign is joined;
- loops end when they have gone on long enough.

All names that are put in begin with `PREFIX`. May import nothing of flambeau.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

__all__ = ["PREFIX", "rewritten"]

PREFIX = "_flambeau_"
RUNTIME = PREFIX + "runtime"
FRAME = PREFIX + "frame"
ERROR = PREFIX + "error"
_AS_THEY_ARE = frozenset(("super", "locals", "globals", "vars", "dir"))  # look at the frame that calls them
_OF_SHAPES = frozenset(("shape", "size", "ndim", "dim", "numel", "dtype", "device"))
"""What an assertion that is checked speaks of: others may depend on what isn't known."""
_OF_OTHERS = {
    "AttributeError", "EOFError", "FileExistsError", "FileNotFoundError", "GeneratorExit", "IOError", "ImportError", "KeyError",
    "KeyboardInterrupt", "ModuleNotFoundError", "OSError", "PermissionError", "StopIteration", "SystemExit",
}  # fmt: skip
"""Exceptions that operators don't raise: a program that expects them expects no mistake of shapes."""

Block = list[ast.stmt]
AnyNode = TypeVar("AnyNode", bound=ast.AST)


def rewritten(source: str, filename: str) -> ast.Module:
    """The tree of a program, to be compiled. Raises SyntaxError."""
    tree = ast.parse(source, filename)
    future = [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
    body = [s for s in tree.body if s not in future]
    result = ast.Module([*future, *_Statements().block(body)], tree.type_ignores)
    return ast.fix_missing_locations(result)


def _text(code: str, at: ast.AST, **nodes: ast.expr | Sequence[ast.stmt]) -> Block:
    """Statements from text, in which a name in `nodes` stands for a tree; what the text itself has is `at` a place."""
    place = {name: getattr(at, name) for name in _PLACE if hasattr(at, name)}
    return [statement for one in _parsed(code) for statement in _filled(one, place, nodes)]


_PLACE = ("lineno", "col_offset", "end_lineno", "end_col_offset")


@lru_cache(maxsize=1 << 10)
def _parsed(code: str) -> Block:
    """Text as statements, which are for copying."""
    return ast.parse(code).body


def _filled(node: ast.AST, place: dict[str, int], nodes: dict[str, Any]) -> list[Any]:
    """A copy of a text's node at a place, with trees where their names are; several where statements stand for one."""
    if isinstance(node, ast.Name) and isinstance(nodes.get(node.id), ast.AST):
        return [nodes[node.id]]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Name) and isinstance(nodes.get(node.value.id), list):
        return list(nodes[node.value.id])
    if isinstance(node, ast.expr_context):
        return [node]
    made = type(node)()
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            value = [part for one in value for part in (_filled(one, place, nodes) if isinstance(one, ast.AST) else [one])]
        elif isinstance(value, ast.AST):
            (value,) = _filled(value, place, nodes)
        setattr(made, field, value)
    for name in made._attributes:
        if name in place:
            setattr(made, name, place[name])
    return [made]


class _Statements:
    """Rewrites the statements of one scope."""

    def __init__(self, variables: set[str] | None = None) -> None:
        self.variables = variables  # of the function; None for modules and classes, where each name is one
        self.count = 0
        self.loops: list[list[str]] = []  # for each loop that we are in, the `if`s in it that we are in

    def block(self, statements: Iterable[ast.stmt]) -> Block:
        return [made for statement in statements for made in self.statement(statement)]

    def statement(self, node: ast.stmt) -> Block:
        rewrite = getattr(self, "_" + type(node).__name__.lower(), None)
        if rewrite is not None:
            return list(rewrite(node))
        if isinstance(node, ast.Pass | ast.Global | ast.Nonlocal):
            return [node]
        return self._tried(_expressions(node), node)

    def _tried(self, statement: ast.stmt | Block, node: ast.stmt) -> Block:
        """Statements whose failure is noted, and leaves what they assign unknown."""
        unknown = [f"    {name} = {RUNTIME}.unknown" for name in sorted(_assigned([node]))]
        lines = [f"try:\n    STATEMENT\nexcept BaseException as {ERROR}:\n    {RUNTIME}.caught({ERROR})", *unknown]
        places = {}
        for number, target in enumerate(_attributes(node)):
            places[f"OBJECT{number}"] = target.value
            lines.append(f"    {RUNTIME}.set_attribute(OBJECT{number}, {target.attr!r}, {RUNTIME}.unknown)")
        block = statement if isinstance(statement, list) else [statement]
        return _text("\n".join(lines), node, STATEMENT=block, **places)

    def _fresh(self, kind: str) -> str:
        self.count += 1
        return f"{PREFIX}{kind}{self.count}"

    # --- definitions ------------------------------------------------------------------------------------------------------
    def _functiondef(self, node: ast.FunctionDef) -> Block:
        inner = _Statements(_parameters(node.args) | (_assigned(node.body) - _declared(node.body)))
        start = _text(f"{FRAME} = {RUNTIME}.frame()", node)
        is_text = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
        body = [*node.body[:is_text], *start, *inner.block(node.body[is_text:]), *_text(f"return {FRAME}.result(None)", node)]
        made: Any = _with(node, args=_expressions(node.args), decorator_list=_decorators(node), body=body, returns=None)
        return self._tried(made, node)

    def _asyncfunctiondef(self, node: ast.AsyncFunctionDef) -> Block:
        return _text(f"{node.name} = {RUNTIME}.unknown", node)

    def _classdef(self, node: ast.ClassDef) -> Block:
        made = _with(
            node,
            bases=[_expressions(base) for base in node.bases],
            keywords=[_expressions(keyword) for keyword in node.keywords],
            decorator_list=_decorators(node),
            body=_Statements().block(node.body),
        )
        return self._tried(made, node)

    # --- leaving ----------------------------------------------------------------------------------------------------------
    def _return(self, node: ast.Return) -> Block:
        value = _expressions(node.value) if node.value is not None else ast.Constant(None)
        code = f"""
try:
    return {FRAME}.result(VALUE)
except BaseException as {ERROR}:
    {RUNTIME}.caught({ERROR})
    return {FRAME}.result({RUNTIME}.unknown)
"""
        return _text(code, node, VALUE=value)

    def _raise(self, node: ast.Raise) -> Block:
        return [*_text(f"{FRAME}.leave()", node), _expressions(node)]

    def _break(self, node: ast.Break | ast.Continue) -> Block:
        tests = [f"{branch}.leave()" for branch in reversed(self.loops[-1])]
        return [*_text("\n".join(tests), node), node]

    _continue = _break

    # --- tests ------------------------------------------------------------------------------------------------------------
    def _if(self, node: ast.If) -> Block:
        branch = self._fresh("branch")
        if self.loops:
            self.loops[-1].append(branch)
        body, otherwise = self.block(node.body), self.block(node.orelse)
        if self.loops:
            self.loops[-1].pop()
        names = sorted(_assigned([*node.body, *node.orelse]) - _declared([*node.body, *node.orelse]))
        back = "\n".join(f"    if {branch}.had({name!r}):\n        {name} = {branch}.of_before({name!r})" for name in names)
        joined = "\n".join(f"    if {branch}.has({name!r}):\n        {name} = {branch}.joined({name!r})" for name in names)
        over = f"return {FRAME}.result({branch}.over())" if self.variables is not None else "pass"
        code = f"""
try:
    {branch} = {FRAME}.branch(TEST)
except BaseException as {ERROR}:
    {RUNTIME}.caught({ERROR})
    {branch} = {FRAME}.branch({RUNTIME}.unknown)
if {branch}.first:
    with {branch}:
        BODY
if {branch}.is_unknown:
    {branch}.between()
{back}
if {branch}.second:
    with {branch}:
        OTHERWISE
if {branch}.is_unknown:
    {branch}.after()
{joined}
    if {branch}.is_over:
        {over}
"""
        passing: Block = [ast.Pass()]
        return _text(code, node, TEST=_expressions(node.test), BODY=body or passing, OTHERWISE=otherwise or passing)

    def _assert(self, node: ast.Assert) -> Block:
        if not any(isinstance(part, ast.Attribute) and part.attr in _OF_SHAPES for part in ast.walk(node.test)):
            return [ast.copy_location(ast.Pass(), node)]
        return self._tried(_text(f"{RUNTIME}.check(TEST)", node, TEST=_expressions(node.test)), node)

    def _match(self, node: ast.Match) -> Block:
        cases = [_with(case, guard=case.guard and _expressions(case.guard), body=self.block(case.body)) for case in node.cases]
        return self._tried(_with(node, subject=_expressions(node.subject), cases=cases), node)

    # --- loops ------------------------------------------------------------------------------------------------------------
    def _for(self, node: ast.For) -> Block:
        loop, item = self._fresh("loop"), self._fresh("item")
        after = self._after(loop, node)
        self.loops.append([])
        body = self.block(node.body)
        self.loops.pop()
        assignment = self._tried(ast.Assign([node.target], ast.Name(item, ast.Load())), _assignment(node))
        code = f"""
try:
    {loop} = {RUNTIME}.loop(ITERABLE)
except BaseException as {ERROR}:
    {RUNTIME}.caught({ERROR})
    {loop} = {RUNTIME}.loop({RUNTIME}.unknown)
for {item} in {loop}:
    TARGET
    BODY
else:
    OTHERWISE
{after}
"""
        otherwise = self.block(node.orelse) or [ast.Pass()]
        return _text(code, node, ITERABLE=_expressions(node.iter), TARGET=assignment, BODY=body, OTHERWISE=otherwise)

    def _while(self, node: ast.While) -> Block:
        loop, test = self._fresh("loop"), self._fresh("test")
        after = self._after(loop, node)
        self.loops.append([])
        body = self.block(node.body)
        self.loops.pop()
        code = f"""
{loop} = {RUNTIME}.loop(())
while True:
    try:
        {test} = {loop}.goes_on(TEST)
    except BaseException as {ERROR}:
        {RUNTIME}.caught({ERROR})
        {test} = {loop}.goes_on({RUNTIME}.unknown)
    if not {test}:
        break
    BODY
{after}
"""
        return [*_text(code, node, TEST=_expressions(node.test), BODY=body), *self.block(node.orelse)]

    def _after(self, loop: str, node: ast.For | ast.While) -> str:
        """What a loop that was cut short leaves: numbers that it would have changed, and lists that would have grown."""
        read = _read(node.body) if self.variables is None else _read(node.body) & self.variables
        names = sorted((_assigned(node.body) | read) - _declared(node.body))
        lines = "".join(f"    if {loop}.changed({name!r}):\n        {name} = {RUNTIME}.unknown\n" for name in names)
        return f"if {loop}.is_cut:\n{lines or '    pass'}"

    # --- contexts and exceptions ------------------------------------------------------------------------------------------
    def _with(self, node: ast.With) -> Block:
        body = self.block(node.body)
        for item in reversed(node.items):
            context = self._fresh("context")
            code = f"""
try:
    {context} = {RUNTIME}.context(VALUE)
except BaseException as {ERROR}:
    {RUNTIME}.caught({ERROR})
    {context} = {RUNTIME}.unknown
with {context} as {context}_value:
    TARGET
    BODY
"""
            target: Block = [ast.Pass()]
            if item.optional_vars is not None:
                target = [ast.Assign([item.optional_vars], ast.Name(f"{context}_value", ast.Load()))]
                target = self._tried(target[0], ast.copy_location(target[0], node))
            body = _text(code, node, VALUE=_expressions(item.context_expr), TARGET=target, BODY=body)
        return body

    def _try(self, node: ast.Try) -> Block:
        handlers = []
        for handler in node.handlers:
            kinds: ast.expr = _expressions(handler.type) if handler.type is not None else ast.Name("Exception", ast.Load())
            (call,) = _text(f"{RUNTIME}.exceptions(KINDS)", handler, KINDS=kinds)
            assert isinstance(call, ast.Expr)
            handlers.append(_with(handler, type=call.value, body=self.block(handler.body)))
        body = self.block(node.body)
        if any(handler.type is None or not _names(handler.type) <= _OF_OTHERS for handler in node.handlers):
            body = _text(f"with {RUNTIME}.trying():\n    BODY", node, BODY=body)
        return [_with(node, body=body, handlers=handlers, orelse=self.block(node.orelse), finalbody=self.block(node.finalbody))]

    _trystar = _try

    # --- imports ----------------------------------------------------------------------------------------------------------
    def _import(self, node: ast.Import) -> Block:
        lines = []
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            lines.append(f"{name} = {RUNTIME}.imported({alias.name!r}, {alias.asname is not None})")
        return _text("\n".join(lines), node)

    def _importfrom(self, node: ast.ImportFrom) -> Block:
        module, lines = "." * node.level + (node.module or ""), []
        for alias in node.names:
            if alias.name == "*":
                lines.append(f"globals().update({RUNTIME}.all_of({module!r}))")
            else:
                lines.append(f"{alias.asname or alias.name} = {RUNTIME}.imported_from({module!r}, {alias.name!r})")
        return _text("\n".join(lines), node)


def _assignment(node: ast.For) -> ast.stmt:
    return ast.copy_location(ast.Assign([node.target], ast.Constant(None)), node)


def _with(node: AnyNode, **fields: Any) -> AnyNode:
    """A copy with other fields."""
    return ast.copy_location(type(node)(**{**dict(ast.iter_fields(node)), **fields}), node)


# --- expressions ----------------------------------------------------------------------------------------------------------
def _expressions(node: AnyNode) -> AnyNode:
    """The tree with its calls, conditional expressions and assignments to attributes rewritten."""
    return _Expressions().visit(node)


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[ast.expr]:
    found = []
    for decorator in node.decorator_list:
        (call,) = _text(f"{RUNTIME}.decorator(VALUE)", decorator, VALUE=_expressions(decorator))
        assert isinstance(call, ast.Expr)
        found.append(call.value)
    return found


class _Expressions(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in _AS_THEY_ARE:
            return self.generic_visit(node)
        made = self.generic_visit(node)
        assert isinstance(made, ast.Call)
        # Of no width: a method's name on a later line would become the place of the call's error.
        call = ast.Attribute(ast.Name(RUNTIME, ast.Load()), "call", ast.Load())
        for part in (call, call.value):
            part.lineno, part.col_offset = part.end_lineno, part.end_col_offset = node.lineno, node.col_offset
        return _with(made, func=call, args=[made.func, *made.args])

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        if any(isinstance(part, ast.NamedExpr | ast.Yield | ast.YieldFrom | ast.Await) for part in ast.walk(node)):
            return self.generic_visit(node)
        made = self.generic_visit(node)
        assert isinstance(made, ast.IfExp)
        code = f"{RUNTIME}.chosen(lambda: TEST, lambda: FIRST, lambda: SECOND)"
        (statement,) = _text(code, node, TEST=made.test, FIRST=made.body, SECOND=made.orelse)
        assert isinstance(statement, ast.Expr)
        return statement.value

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        made = self.generic_visit(node)
        assert isinstance(made, ast.Assign)
        target = made.targets[0]
        if len(made.targets) > 1 or not isinstance(target, ast.Attribute) or _is_mangled(target.attr):
            return made
        code = f"{RUNTIME}.set_attribute(OBJECT, {target.attr!r}, VALUE)"
        (statement,) = _text(code, node, OBJECT=target.value, VALUE=made.value)
        return statement


def _is_mangled(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


# --- names ------------------------------------------------------------------------------------------------------------------
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _own(nodes: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """All nodes of a scope: not what is inside of functions, classes and comprehensions."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES + _COMPREHENSIONS):
            waiting += ast.iter_child_nodes(node)


def _assigned(statements: Iterable[ast.AST]) -> set[str]:
    """The names that statements bind."""
    found = set()
    for node in _own(statements):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name.partition(".")[0]) for alias in node.names if alias.name != "*")
    return found


def _read(statements: Iterable[ast.AST]) -> set[str]:
    """The names whose methods are called."""
    return {node.value.id for node in _own(statements) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}


def _parameters(arguments: ast.arguments) -> set[str]:
    return {node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg)}


def _names(kinds: ast.expr) -> set[str]:
    """The exceptions that an `except` names."""
    parts = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
    return {part.attr if isinstance(part, ast.Attribute) else part.id if isinstance(part, ast.Name) else "" for part in parts}


def _declared(statements: Iterable[ast.AST]) -> set[str]:
    """Names that a statement says are another scope's."""
    return {name for node in _own(statements) if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}


def _attributes(node: ast.AST) -> list[ast.Attribute]:
    """The attributes that a simple statement assigns."""
    if isinstance(node, _SCOPES) or not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.For):
        return []
    return [
        part
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and not _is_mangled(part.attr)
        if not any(isinstance(inner, ast.Call) for inner in ast.walk(part))
    ]
