"""Shape strings in annotations: `Shaped[...]` and jaxtyping's."""

from __future__ import annotations

from mypy.plugin import AnalyzeTypeContext
from mypy.types import AnyType, Instance, LiteralType, RawExpressionType, TupleType, Type, TypeOfAny, UnboundType, get_proper_type

from flambeau.shapes.symbolic import Symbolic
from flambeau.typing.mypy.sizes import PARAMETER, SHAPE, TENSOR
from flambeau.typing.shape_strings import ShapeStringError, Star, parse


def shaped_annotation(ctx: AnalyzeTypeContext) -> Type:
    """``Shaped[Tensor[…], "[N, 3]"]`` (which is typing.Annotated): the shape goes into the tensor's type."""
    arguments = ctx.type.args
    if not arguments:
        return AnyType(TypeOfAny.special_form)
    base = ctx.api.analyze_type(arguments[0])
    text = _string(arguments[1]) if len(arguments) > 1 else None
    return base if text is None else _annotated(base, text, ctx, brackets=True)


def jaxtyping_annotation(ctx: AnalyzeTypeContext) -> Type:
    """``Float32[Tensor, "batch 3 height"]``."""
    arguments = ctx.type.args
    if len(arguments) != 2:
        return AnyType(TypeOfAny.special_form)
    base = ctx.api.analyze_type(arguments[0])
    text = _string(arguments[1])
    if text is None:
        return base
    words = []
    for word in text.split():
        word = word.removeprefix("#").split("=")[-1]
        words.append("..." if word == "..." else word)
    return _annotated(base, ", ".join(words), ctx, brackets=False)


def _string(argument: Type) -> str | None:
    if isinstance(argument, RawExpressionType) and isinstance(argument.literal_value, str):
        return argument.literal_value
    if isinstance(argument, UnboundType) and argument.original_str_expr is not None:
        return argument.original_str_expr
    return None


def _annotated(base: Type, text: str, ctx: AnalyzeTypeContext, *, brackets: bool) -> Type:
    proper = get_proper_type(base)
    if not isinstance(proper, Instance) or proper.type.fullname not in (TENSOR, PARAMETER):
        return base
    if brackets and not text.strip().startswith("["):
        return base
    try:
        dimensions = parse(text)
    except ShapeStringError as error:
        ctx.api.fail(str(error), ctx.context, code=SHAPE)
        return base
    api = ctx.api
    items: list[Type] = []
    for dimension in dimensions:
        if isinstance(dimension, Star):
            items.append(LiteralType("*" + dimension.name, api.named_type("builtins.int", [])))
        elif isinstance(dimension, int):
            items.append(LiteralType(dimension, api.named_type("builtins.int", [])))
        elif isinstance(dimension, Symbolic):
            items.append(LiteralType(str(dimension), api.named_type("builtins.int", [])))
        else:
            items.append(AnyType(TypeOfAny.special_form))
    shape = TupleType(items, api.named_type("builtins.tuple", [AnyType(TypeOfAny.special_form)]))
    arguments = list(proper.args) + [AnyType(TypeOfAny.special_form)] * (3 - len(proper.args))
    return proper.copy_modified(args=[*arguments[:2], shape])
