"""Hooks for `x[...]`, `x.at[...]` and the transposing attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mypy.nodes import ComparisonExpr, Expression, ListExpr, MemberExpr, NameExpr, SliceExpr, TupleExpr
from mypy.nodes import EllipsisExpr as Ellipsis_
from mypy.plugin import AttributeContext, MethodContext
from mypy.types import Instance, LiteralType, Type, get_proper_type

from flambeau.shapes.broadcasting import broadcast_into
from flambeau.shapes.errors import show
from flambeau.shapes.indexing import index as index_rule
from flambeau.shapes.symbolic import UNKNOWN
from flambeau.typing.mypy.reader import Reader
from flambeau.typing.mypy.sizes import CANNOT, SHAPE, Unknown, is_tensor, shape_of, with_shape
from flambeau.typing.rules.movement import matrix_transpose, reverse
from flambeau.typing.rules.selecting import select


def subscripted(ctx: MethodContext) -> Type:
    """``x[…]``: integers, slices, None, …, masks and integer tensors."""
    try:
        reader = Reader(ctx.api)
        expression = ctx.args[0][0]
        items = expression.items if isinstance(expression, TupleExpr) else [expression]
        return _indexed(ctx, [_index_item(item, reader) for item in items])
    except CANNOT as error:
        ctx.api.fail(str(error), ctx.context, code=SHAPE)
    except (Unknown, TypeError):
        pass
    return ctx.default_return_type


def iterated(ctx: MethodContext) -> Type:
    """``for row in x``: each item lacks the first dimension."""
    default = get_proper_type(ctx.default_return_type)
    try:
        shape = select(shape_of(ctx.type), 0)
        if isinstance(default, Instance) and default.args:
            item = get_proper_type(default.args[0])
            if isinstance(item, Instance):
                return default.copy_modified(args=[with_shape(item, shape, ctx.api)])
    except CANNOT as error:
        ctx.api.fail(str(error), ctx.context, code=SHAPE)
    except Unknown:
        pass
    return ctx.default_return_type


def at_called(ctx: MethodContext) -> Type:
    """``x.at(0, (1, 5), None, ...)``: as `subscripted`, a tuple being a range."""
    try:
        reader = Reader(ctx.api)
        index: list[Any] = []
        for item in ctx.args[0]:
            if isinstance(item, TupleExpr):
                ends = [None if isinstance(e, NameExpr) and e.name == "None" else reader.size(e) for e in item.items]
                index.append(slice(*ends))
            else:
                index.append(_index_item(item, reader))
        return _indexed(ctx, index)
    except CANNOT as error:
        ctx.api.fail(str(error), ctx.context, code=SHAPE)
    except (Unknown, TypeError):
        pass
    return ctx.default_return_type


def assigned(ctx: MethodContext) -> Type:
    """``x[…] = value``: the value broadcasts to the place."""
    try:
        reader = Reader(ctx.api)
        expression = ctx.args[0][0]
        items = expression.items if isinstance(expression, TupleExpr) else [expression]
        place = index_rule(shape_of(ctx.type), [_index_item(item, reader) for item in items])
        broadcast_into(shape_of(ctx.arg_types[1][0]), place, name="the indexed place")
    except CANNOT as error:
        ctx.api.fail(str(error), ctx.context, code=SHAPE)
    except (Unknown, TypeError):
        pass
    return ctx.default_return_type


def _indexed(ctx: MethodContext, index: list[Any]) -> Type:
    default = get_proper_type(ctx.default_return_type)
    if not isinstance(default, Instance):
        raise Unknown
    return with_shape(default, index_rule(shape_of(ctx.type), index), ctx.api)


def _index_item(item: Expression, reader: Reader) -> Any:
    from flambeau.shapes.indexing import IntegerTensor, Mask

    if isinstance(item, SliceExpr):
        parts = [
            None if part is None or (isinstance(part, NameExpr) and part.name == "None") else reader.size(part)
            for part in (item.begin_index, item.end_index, item.stride)
        ]
        if parts[2] is not None and not isinstance(parts[2], int):
            raise Unknown
        return slice(*parts)
    if isinstance(item, Ellipsis_):
        return Ellipsis
    if isinstance(item, NameExpr) and item.name == "None":
        return None
    kind = reader.type_of(item)
    if is_tensor(kind) and isinstance(kind, Instance):
        dtype = get_proper_type(kind.args[0])
        shape = shape_of(kind)
        name = dtype.type.name if isinstance(dtype, Instance) else ""
        if name == "bool":
            return Mask(shape, UNKNOWN)
        if name.startswith(("int", "uint")):
            return IntegerTensor(shape)
        if name:
            raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {name} {show(shape)}")
        raise Unknown
    if isinstance(item, ListExpr):
        if all(isinstance(reader.size(one), int) for one in item.items):
            return IntegerTensor((len(item.items),))
        raise Unknown
    if isinstance(item, ComparisonExpr):
        raise Unknown
    if (isinstance(kind, Instance) and kind.type.fullname == "builtins.int") or isinstance(kind, LiteralType):
        return reader.size(item)
    raise Unknown


def transposed_attribute(ctx: AttributeContext) -> Type:
    """``x.T`` and ``x.mT``."""
    default = get_proper_type(ctx.default_attr_type)
    name = ctx.context.name if isinstance(ctx.context, MemberExpr) else ""
    rule: Callable[..., Any] = reverse if name == "T" else matrix_transpose
    try:
        if isinstance(default, Instance):
            return with_shape(default, rule(shape_of(ctx.type)), ctx.api)
    except CANNOT as error:
        ctx.api.fail(str(error), ctx.context, code=SHAPE)
    except Unknown:
        pass
    return ctx.default_attr_type
