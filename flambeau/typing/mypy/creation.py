"""Hooks for what makes a tensor from sizes or literals, and for `tx` expressions."""

from __future__ import annotations

from typing import Any

from mypy.checker import TypeChecker
from mypy.nodes import (
    CallExpr,
    Expression,
    FloatExpr,
    IntExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    StarExpr,
    StrExpr,
    TupleExpr,
    TypeInfo,
    UnaryExpr,
)
from mypy.plugin import FunctionContext, MethodContext
from mypy.types import AnyType, Instance, LiteralType, ProperType, Type, TypeOfAny, get_proper_type

from flambeau.typing.mypy.calls import BY_NAME, arguments_by_name, message_of
from flambeau.typing.mypy.evaluation import evaluate, parameters_of, values_of
from flambeau.typing.mypy.reader import Reader
from flambeau.typing.mypy.sizes import CANNOT, SHAPE, STUBS, Unknown, is_tensor, shape_of, with_shape
from flambeau.typing.signatures import Signature


def factory_called(ctx: FunctionContext) -> Type:
    """zeros, ones, randn, …: sizes spelled out or in a tuple."""
    default = get_proper_type(ctx.default_return_type)
    reader = Reader(ctx.api)
    arguments: list[Expression] = []
    for name, expressions in zip(ctx.callee_arg_names, ctx.args):
        if name is None or name.startswith("size"):
            arguments.extend(expressions)
    try:
        if len(arguments) == 1 and not _is_int(reader.type_of(arguments[0])):
            sizes = reader.sizes(arguments[0])
        else:
            if any(isinstance(argument, StarExpr) for argument in arguments):
                raise Unknown
            sizes = tuple(reader.size(argument) for argument in arguments)
        if isinstance(default, Instance) and is_tensor(default):
            return with_shape(default, sizes, ctx.api)
    except Unknown:
        pass
    return ctx.default_return_type


# What other functions make, by the sizes among their arguments: the ways to call each, and the shape.
_COUNTED = [("steps: Size1", "single(Size1)")]
_WINDOW = [("window_length: Size1", "single(Size1)")]
_SIZED = [("size: Sizes", "Sizes")]
CREATED: dict[str, list[tuple[str, str]]] = {
    "arange": [
        ("start: Size1, end: Size2, step: Size3", "stepped(Size1, Size2, Size3)"),
        ("start: Size1, end: Size2", "between(Size1, Size2)"),
        ("start: Size1", "single(Size1)"),
        ("end: Size1", "single(Size1)"),
    ],
    "linspace": _COUNTED,
    "logspace": _COUNTED,
    "eye": [("n: Size1, m: Size2", "pair(Size1, Size2)"), ("n: Size1", "pair(Size1, Size1)")],
    "randperm": [("n: Size1", "single(Size1)")],
    **{f"{name}_window": _WINDOW for name in ("hann", "hamming", "blackman", "bartlett", "kaiser")},
    **dict.fromkeys(("full", "randint", "new_full", "new_zeros", "new_ones", "new_empty"), _SIZED),
    "normal": [*_SIZED, ("mean: Tensor[D, V, S], std: Tensor[D, V, T]", "broadcast(S, T)"), ("mean: Tensor[D, V, S]", "S")],
}


def created(ctx: FunctionContext | MethodContext) -> Type:
    """A function of `CREATED`."""
    default = get_proper_type(ctx.default_return_type)
    name = (
        ctx.context.callee.name
        if isinstance(ctx.context, CallExpr) and isinstance(ctx.context.callee, (NameExpr, MemberExpr))
        else ""
    )
    if not isinstance(default, Instance) or not is_tensor(default):
        return ctx.default_return_type
    reader, arguments = Reader(ctx.api), arguments_by_name(ctx)
    if name == "arange" and "dtype" not in arguments and any(_is_float(reader.type_of(given[0])) for given in arguments.values()):
        default = default.copy_modified(args=[dtype_type("float32", ctx.api), *default.args[1:]])
    if name.startswith("new_") and len(arguments.get("size", ())) > 1:  # sizes spelled out
        return with_shape(default, [reader.size(size) for size in arguments["size"]], ctx.api)
    try:
        for parameters, shape in CREATED.get(name, ()):
            if all(parameter.name in arguments for parameter in parameters_of(parameters)):
                return with_shape(default, evaluate(shape, values_of(parameters, arguments, reader)), ctx.api)
    except CANNOT as error:
        ctx.api.fail(message_of(name, error), ctx.context, code=SHAPE)
    except Unknown:
        pass
    return default


def _is_float(kind: ProperType) -> bool:
    return isinstance(kind, Instance) and kind.type.fullname == "builtins.float"


def _is_int(kind: ProperType) -> bool:
    return isinstance(kind, LiteralType) or (isinstance(kind, Instance) and kind.type.fullname == "builtins.int")


def literal_called(ctx: FunctionContext) -> Type:
    """``tensor([[1.0, 2.0]])``: the shape of nested lists, and the dtype of their numbers."""
    default = get_proper_type(ctx.default_return_type)
    try:
        shape, kinds = _nested(ctx.args[0][0])
    except (Unknown, IndexError):
        return ctx.default_return_type
    if not isinstance(default, Instance) or not is_tensor(default):
        return ctx.default_return_type
    result = with_shape(default, shape, ctx.api)
    if isinstance(get_proper_type(default.args[0]), AnyType) and kinds:
        name = "float32" if "float" in kinds else "int64" if "int" in kinds else "bool"
        result = result.copy_modified(args=[dtype_type(name, ctx.api), *result.args[1:]])
    return result


def dtype_type(name: str, api: Any) -> Type:
    """The type of a dtype, Any where the stub of dtypes was not read."""
    module = api.modules.get(STUBS + "_dtypes") if isinstance(api, TypeChecker) else None
    node = module.names[name].node if module is not None else None
    return Instance(node, []) if isinstance(node, TypeInfo) else AnyType(TypeOfAny.special_form)


def _nested(expression: Expression) -> tuple[tuple[int, ...], set[str]]:
    if isinstance(expression, (ListExpr, TupleExpr)):
        parts = [_nested(item) for item in expression.items]
        if not parts:
            return (0,), set()
        if any(part[0] != parts[0][0] for part in parts):
            raise Unknown
        return (len(parts), *parts[0][0]), set().union(*(part[1] for part in parts))
    if isinstance(expression, UnaryExpr) and expression.op == "-":
        return _nested(expression.expr)
    if isinstance(expression, IntExpr):
        return (), {"int"}
    if isinstance(expression, FloatExpr):
        return (), {"float"}
    if isinstance(expression, NameExpr) and expression.name in ("True", "False"):
        return (), {"bool"}
    raise Unknown


def expression_made(ctx: FunctionContext) -> Type:
    """``tx("…")``: read now; its text is kept in its type."""
    from flambeau.ops.expressions import ExpressionError, tx

    default = get_proper_type(ctx.default_return_type)
    if not ctx.args or not ctx.args[0] or not isinstance(ctx.args[0][0], StrExpr) or not isinstance(default, Instance):
        return ctx.default_return_type
    text = ctx.args[0][0].value
    try:
        tx(text)
    except ExpressionError as error:
        ctx.api.fail(" ".join(str(error).split("\n")[:1]), ctx.context, code=SHAPE)
        return ctx.default_return_type
    return default.copy_modified(args=[LiteralType(text, ctx.api.named_generic_type("builtins.str", []))])


def expression_called(ctx: MethodContext) -> Type:
    """``tx("…")(x=x)``: the names it needs, and its shape."""
    from flambeau.ops.expressions import tx
    from flambeau.typing.expressions import NotKnown
    from flambeau.typing.expressions import shape_of as expression_shape

    kind, default = get_proper_type(ctx.type), get_proper_type(ctx.default_return_type)
    literal = get_proper_type(kind.args[0]) if isinstance(kind, Instance) and kind.args else None
    if not isinstance(literal, LiteralType) or not isinstance(literal.value, str) or not isinstance(default, Instance):
        return ctx.default_return_type
    expression = tx(literal.value)
    given = {name: item for names, items in zip(ctx.arg_names, ctx.args) for name, item in zip(names, items) if name is not None}
    missing = [name for name in expression.names if name not in given]
    extra = [name for name in given if name not in expression.names]
    if missing or extra:
        text = f"no value for {', '.join(missing)}" if missing else f"{', '.join(extra)} is not in the expression"
        ctx.api.fail(f"tx(): {text}: {literal.value!r}", ctx.context, code=SHAPE)
        return ctx.default_return_type
    reader, shapes = Reader(ctx.api), {}
    first: Instance | None = None
    for name, item in given.items():
        try:
            shapes[name] = shape_of(reader.type_of(item))
        except Unknown:
            continue
        found = reader.type_of(item)
        first = found if first is None and isinstance(found, Instance) else first

    def signatures(name: str) -> list[Signature]:
        return BY_NAME.get(("t", name), BY_NAME.get(("f", name), []))

    try:
        shape = expression_shape(expression.tree, shapes, signatures, evaluate, parameters_of)
    except CANNOT as error:
        ctx.api.fail(f"tx({literal.value!r}): {error}", ctx.context, code=SHAPE)
        return ctx.default_return_type
    except (NotKnown, Unknown, TypeError):
        return ctx.default_return_type
    return with_shape(first or default, shape, ctx.api)
