"""Hooks for calls of functions and methods that have signatures."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mypy.nodes import Expression, TypeInfo
from mypy.plugin import FunctionContext, MethodContext
from mypy.types import AnyType, Instance, NoneType, TupleType, Type, get_proper_type

from flambeau.typing.mypy.evaluation import evaluate, parameters_of, shapes_in, values_of
from flambeau.typing.mypy.reader import Reader
from flambeau.typing.mypy.sizes import CANNOT, SHAPE, Unknown, dtype_of, is_tensor, shape_of, with_shape
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


def _takes(annotation: str, dtype: TypeInfo) -> bool:
    if annotation in ("D", "E", "Any"):
        return True
    if annotation in ("DF", "DI"):
        return any(base.name == ("floating" if annotation == "DF" else "integral") for base in dtype.mro)
    return dtype.name in annotation.split(" | ")


def _right_constants(signature: Signature, arguments: Mapping[str, Sequence[Expression]], reader: Reader) -> bool:
    """Whether no argument is another than the constants that this signature is for: ``full_matrices: Literal[False]``."""
    for parameter in parameters_of(signature.parameters):
        given = arguments.get(parameter.name)
        if not given or not (parameter.annotation == "None" or parameter.annotation.startswith("Literal[")):
            continue
        if parameter.annotation == "None":
            if not isinstance(reader.type_of(given[0]), NoneType | AnyType):
                return False
            continue
        wanted = ast.literal_eval(parameter.annotation.removeprefix("Literal"))[0]
        try:
            if (reader.flag(given[0]) if isinstance(wanted, bool) else reader.text(given[0])) != wanted:
                return False
        except Unknown:
            return False
    return True


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
            if not self._right_dtypes(signature, arguments, ctx, reader) or not _right_constants(signature, arguments, reader):
                continue
            values = values_of(signature.parameters, arguments, reader)
            if "**axes" in signature.parameters:
                values["Names"] = _named_sizes(ctx, reader)
            if self.method and isinstance(ctx, MethodContext):
                self._receiver(signature, ctx, values)
            try:
                self._check(signature, values)
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

    def _check(self, signature: Signature, values: Mapping[str, Any]) -> None:
        for check in signature.checks:
            with contextlib.suppress(Unknown):
                evaluate(check, values)

    def _right_dtypes(
        self,
        signature: Signature,
        arguments: Mapping[str, Sequence[Expression]],
        ctx: FunctionContext | MethodContext,
        reader: Reader,
    ) -> bool:
        """Whether no tensor has a dtype that this signature does not take: ``cross_entropy`` has one for each kind of target."""
        for position, parameter in enumerate(parameters_of(signature.parameters)):
            found = re.match(r"Tensor\[([\w |]+),", parameter.annotation)
            if not found:
                continue
            if self.method and position == 0 and isinstance(ctx, MethodContext):
                kind = get_proper_type(ctx.type)
            elif arguments.get(parameter.name):
                kind = reader.type_of(arguments[parameter.name][0])
            else:
                continue
            dtype = dtype_of(kind)
            if dtype is not None and not _takes(found.group(1), dtype):
                return False
        return True

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
