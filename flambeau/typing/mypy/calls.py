"""Hooks for calls of functions and methods that have signatures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mypy.nodes import Expression
from mypy.plugin import FunctionContext, MethodContext
from mypy.types import Instance, TupleType, Type, get_proper_type

from flambeau.typing.mypy.evaluation import parameters_of, shapes_in, values_of
from flambeau.typing.mypy.reader import Reader
from flambeau.typing.mypy.sizes import CANNOT, SHAPE, Unknown, is_tensor, shape_of, with_shape
from flambeau.typing.signatures import SIGNATURES, Signature

BY_NAME: dict[tuple[str, str], list[Signature]] = {}
for _signature in SIGNATURES:
    for _place in _signature.places:
        BY_NAME.setdefault((_place, _signature.name), []).append(_signature)
        if _place == "i":
            BY_NAME.setdefault(("m", _signature.name + "_"), []).append(_signature)


def arguments_by_name(ctx: FunctionContext | MethodContext) -> dict[str, list[Expression]]:
    """The expressions given for each parameter name."""
    result: dict[str, list[Expression]] = {}
    for name, expressions in zip(ctx.callee_arg_names, ctx.args):
        if name is not None and expressions:
            result[name] = list(expressions)
    return result


def reshaped(kind: Type, shapes: list[tuple[Any, ...] | None], api: Any) -> Type:
    """The result type with the shapes put in, in order."""
    kind = get_proper_type(kind)
    if isinstance(kind, Instance) and is_tensor(kind):
        shape = shapes.pop(0) if shapes else None
        return kind if shape is None else with_shape(kind, shape, api)
    if isinstance(kind, TupleType):
        items = [reshaped(item, shapes, api) for item in kind.items]
        fallback = kind.partial_fallback
        if len(fallback.args) == len(items):  # ValuesIndices, whose attributes are typed by its arguments
            fallback = fallback.copy_modified(args=items)
        return kind.copy_modified(items=items, fallback=fallback)
    return kind


class Call:
    """The hook of an operator: evaluates the first of its signatures for which everything is known."""

    def __init__(self, signatures: list[Signature], *, method: bool):
        self.signatures, self.method = signatures, method

    def __call__(self, ctx: FunctionContext | MethodContext) -> Type:
        reader = Reader(ctx.api)
        for signature in self.signatures:
            arguments = self._by_name(ctx, signature)
            if not self._fits(signature, arguments):
                continue
            values = values_of(signature.parameters, arguments, reader)
            if "**axes" in signature.parameters:
                values["Names"] = _named_sizes(ctx, reader)
            if self.method and isinstance(ctx, MethodContext):
                self._receiver(signature, ctx, values)
            try:
                if signature.result.startswith("Pieces"):
                    return self._pieces(signature, ctx, values)
                shapes = shapes_in(signature.result, values)
            except CANNOT as error:
                ctx.api.fail(message_of(signature.name, error), ctx.context, code=SHAPE)
                return ctx.default_return_type
            except Unknown:
                continue
            if any(shape is not None for shape in shapes):
                return reshaped(ctx.default_return_type, shapes, ctx.api)
        return ctx.default_return_type

    def _by_name(self, ctx: FunctionContext | MethodContext, signature: Signature) -> dict[str, list[Expression]]:
        """The arguments by parameter name; the parameters of ``__add__`` and its kin have none in mypy's eyes."""
        names = [parameter.name for parameter in parameters_of(signature.parameters)][self.method :]
        result: dict[str, list[Expression]] = {}
        for position, (name, expressions) in enumerate(zip(ctx.callee_arg_names, ctx.args)):
            if expressions:
                given = name if name is not None or position >= len(names) else names[position]
                result[given or ""] = list(expressions)
        return result

    def _fits(self, signature: Signature, arguments: Mapping[str, Sequence[Expression]]) -> bool:
        names = {parameter.name for parameter in parameters_of(signature.parameters)}
        required = [p for p in parameters_of(signature.parameters) if p.name and not p.default and not p.star]
        if self.method:
            required = required[1:]
        return set(arguments) <= names and all(parameter.name in arguments for parameter in required)

    def _receiver(self, signature: Signature, ctx: MethodContext, values: dict[str, Any]) -> None:
        first = parameters_of(signature.parameters)[0]
        found = re.search(r"Tensor\[[^,]+, \w+, (\w+)\]", first.annotation)
        if found:
            try:
                values[found.group(1)] = shape_of(ctx.type)
            except Unknown:
                values.pop(found.group(1), None)

    def _pieces(self, signature: Signature, ctx: FunctionContext | MethodContext, values: Mapping[str, Any]) -> Type:
        (shapes,) = shapes_in(signature.result, values)
        default = get_proper_type(ctx.default_return_type)
        if shapes is None or not isinstance(default, Instance) or not default.args:
            raise Unknown
        piece = get_proper_type(default.args[0])
        if not isinstance(piece, Instance):
            raise Unknown
        return TupleType([with_shape(piece, shape, ctx.api) for shape in shapes], default)


def _named_sizes(ctx: FunctionContext | MethodContext, reader: Reader) -> dict[str, Any]:
    """The sizes given as ``**axes``."""
    for callee_name, names, expressions in zip(ctx.callee_arg_names, ctx.arg_names, ctx.args):
        if callee_name == "axes":
            return {name: reader.size(item) for name, item in zip(names, expressions) if name is not None}
    return {}


def message_of(name: str, error: Exception) -> str:
    text = str(error)
    if name.startswith("__"):  # an operator: the line shows it
        return text
    return text if text.lower().startswith(name.lower()) else f"{name}: {text}"
