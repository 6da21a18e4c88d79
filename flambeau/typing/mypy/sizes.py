"""Sizes and shapes in types: literals in a tensor type's third argument, read and written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mypy.errorcodes import ErrorCode
from mypy.nodes import TypeInfo
from mypy.types import AnyType, Instance, LiteralType, ProperType, TupleType, Type, TypeOfAny, get_proper_type

from flambeau.shapes.errors import ShapeError
from flambeau.shapes.symbolic import UNKNOWN, Symbolic
from flambeau.typing.shape_strings import ShapeStringError, Star, parse

STUBS = "flambeau._portable."
SHAPE = ErrorCode("shape", "Sizes of tensors that do not fit", "flambeau")
TENSOR = STUBS + "_tensor.Tensor"
PARAMETER = STUBS + "_tensor.Parameter"
MODULE = STUBS + "nn.Module"
JAXTYPING = re.compile(r"jaxtyping\.(?:Shaped|Float\w*|BFloat16|Int\w*|UInt\w*|Bool|Num|Real|Inexact)")
CANNOT = (ShapeError, IndexError, ValueError, NotImplementedError, AssertionError)  # what a rule raises for a user's mistake


class Unknown(Exception):
    """Something that a result depends on is not known."""


def to_type(size: Any, model: Instance, api: Any) -> Type:
    """A size as a type: a literal integer, Any, or for an expression a literal of its text, whose class is int all the same."""
    if isinstance(size, int):
        return LiteralType(size, api.named_generic_type("builtins.int", []))
    if isinstance(size, Symbolic):
        return LiteralType(str(size), api.named_generic_type("builtins.int", []))
    return AnyType(TypeOfAny.special_form)


def to_size(item: Type) -> Any:
    """A type as a size."""
    item = get_proper_type(item)
    if isinstance(item, Instance) and item.last_known_value is not None:
        item = item.last_known_value
    if isinstance(item, LiteralType):
        if isinstance(item.value, bool):
            return UNKNOWN
        if isinstance(item.value, int):
            return item.value
        if isinstance(item.value, str):
            try:
                (size,) = parse(item.value)
            except (ShapeStringError, ValueError):
                return UNKNOWN
            return size
    return UNKNOWN


def shape_type(shape: Sequence[Any], model: Instance, api: Any) -> Type:
    """A shape as a tuple type."""
    items = [to_type(size, model, api) for size in shape]
    return TupleType(items, api.named_generic_type("builtins.tuple", [AnyType(TypeOfAny.special_form)]))


def is_tensor(kind: ProperType) -> bool:
    """Whether a type is a tensor's."""
    return isinstance(kind, Instance) and any(base.fullname == TENSOR for base in kind.type.mro)


def dtype_of(kind: ProperType) -> TypeInfo | None:
    """The class of a tensor's dtype, None where it is not known."""
    if isinstance(kind, Instance) and is_tensor(kind) and kind.args:
        dtype = get_proper_type(kind.args[0])
        return dtype.type if isinstance(dtype, Instance) else None
    return None


def shape_of(kind: Type) -> tuple[Any, ...]:
    """The shape in a tensor's type. Raises Unknown."""
    kind = get_proper_type(kind)
    if isinstance(kind, Instance) and is_tensor(kind) and len(kind.args) == 3:
        shape = get_proper_type(kind.args[2])
        if isinstance(shape, TupleType):
            if any(isinstance(get_proper_type(item), type(None)) for item in shape.items):
                raise Unknown
            sizes = tuple(_star_or_size(item) for item in shape.items)
            if any(isinstance(size, Star) for size in sizes):
                raise Unknown
            return sizes
    raise Unknown


def pattern_of(kind: Type) -> tuple[Any, ...] | None:
    """The shape in an annotation, with its `Star`; None where there is none."""
    kind = get_proper_type(kind)
    if isinstance(kind, Instance) and is_tensor(kind) and len(kind.args) == 3:
        shape = get_proper_type(kind.args[2])
        if isinstance(shape, TupleType):
            return tuple(_star_or_size(item) for item in shape.items)
    return None


def _star_or_size(item: Type) -> Any:
    item = get_proper_type(item)
    if isinstance(item, LiteralType) and isinstance(item.value, str) and item.value.startswith("*"):
        return Star(item.value[1:])
    return to_size(item)


def with_shape(kind: Instance, shape: Sequence[Any], api: Any) -> Instance:
    """The tensor type with another shape."""
    return kind.copy_modified(args=[*kind.args[:2], shape_type(shape, kind, api)])


def opened(kind: Type) -> Type:
    """The type with its tensors' shapes left open."""
    kind = get_proper_type(kind)
    if isinstance(kind, Instance) and is_tensor(kind) and len(kind.args) == 3:
        return kind.copy_modified(args=[*kind.args[:2], AnyType(TypeOfAny.special_form)])
    if isinstance(kind, TupleType):
        return kind.copy_modified(items=[opened(item) for item in kind.items])
    return kind
