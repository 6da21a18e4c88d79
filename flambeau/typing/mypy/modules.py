"""Hooks for modules: what a constructor was given, and the shapes that a call of it makes."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable
from typing import Any

from mypy.nodes import Expression, StarExpr
from mypy.plugin import FunctionContext, MethodContext
from mypy.types import AnyType, Instance, LiteralType, ProperType, TupleType, Type, TypeOfAny, get_proper_type

from flambeau.shapes.symbolic import UNKNOWN, Symbolic
from flambeau.typing.mypy.calls import arguments_by_name, message_of, reshaped
from flambeau.typing.mypy.creation import dtype_type
from flambeau.typing.mypy.evaluation import evaluate, parameters_of, shapes_in, values_of
from flambeau.typing.mypy.reader import Reader
from flambeau.typing.mypy.sizes import CANNOT, SHAPE, STUBS, Unknown, is_tensor, shape_of, with_shape
from flambeau.typing.shape_strings import parse
from flambeau.typing.signatures import MODULES, SHAPE_KEEPING_MODULES

SHAPE_KEEPING = frozenset(SHAPE_KEEPING_MODULES.split())


def module_constructed(name: str) -> Callable[[FunctionContext], Type]:
    """Keeps what a constructor was given in the instance's last type argument, as a literal string."""

    def hook(ctx: FunctionContext) -> Type:
        default = get_proper_type(ctx.default_return_type)
        if not isinstance(default, Instance) or not default.args:
            return ctx.default_return_type
        reader = Reader(ctx.api)
        if name == "Sequential":
            if len(ctx.args) != 1 or any(isinstance(item, StarExpr) for item in ctx.args[0]):
                return ctx.default_return_type
            layers = TupleType(
                [reader.type_of(item) for item in ctx.args[0]],
                ctx.api.named_generic_type("builtins.tuple", [AnyType(TypeOfAny.special_form)]),
            )
            return default.copy_modified(args=[layers])
        module = MODULES[name]
        values = values_of(module.parameters, _positional(module.parameters, ctx), reader)
        kept = {key: value if not isinstance(value, Symbolic) else str(value) for key, value in values.items()}
        kept = {key: value for key, value in kept.items() if value is not UNKNOWN}
        literal = LiteralType(repr(kept), ctx.api.named_generic_type("builtins.str", []))
        return default.copy_modified(args=[*default.args[:-1], literal])

    return hook


def _positional(parameters: str, ctx: FunctionContext) -> dict[str, list[Expression]]:
    """Arguments by name, also where the stub takes ``*args, **kwargs``."""
    result = arguments_by_name(ctx)
    names = [parameter.name for parameter in parameters_of(parameters)]
    if "args" in result:
        for name, expression in zip(names, result.pop("args")):
            result[name] = [expression]
    for callee_name, given_names, expressions in zip(ctx.callee_arg_names, ctx.arg_names, ctx.args):
        if callee_name == "kwargs":
            for given, expression in zip(given_names, expressions):
                if given is not None:
                    result[given] = [expression]
    return result


def _config(kind: Instance) -> dict[str, Any]:
    literal = get_proper_type(kind.args[-1]) if kind.args else None
    if not isinstance(literal, LiteralType) or not isinstance(literal.value, str):
        raise Unknown
    values = ast.literal_eval(literal.value)
    for key, value in values.items():
        if key.startswith("Size") and isinstance(value, str):
            (values[key],) = parse(value)
    return dict(values)


def call_module(kind: ProperType, inputs: list[ProperType], default: Type, api: Any) -> Type:
    """What calling a module of the library gives: `default` with shapes. Raises Unknown, or what the rule raises."""
    if not isinstance(kind, Instance):
        raise Unknown
    if not inputs:
        raise Unknown
    first = inputs[0]
    if not isinstance(first, Instance) or not is_tensor(first):
        raise Unknown
    name = kind.type.name
    if not kind.type.fullname.startswith(STUBS):
        raise Unknown
    if name == "Sequential":
        layers = get_proper_type(kind.args[0]) if kind.args else None
        if not isinstance(layers, TupleType):
            raise Unknown
        current: Type = first
        for layer in layers.items:
            current = call_module(get_proper_type(layer), [get_proper_type(current)], current, api)
        return current
    if name not in MODULES:
        if name in SHAPE_KEEPING:
            return first
        raise Unknown
    values = {"S": shape_of(first), **_config(kind)}
    others = [part for other in inputs[1:] for part in (other.items if isinstance(other, TupleType) else [other])]
    for letter, other in zip("TU", others):
        with contextlib.suppress(Unknown):
            values[letter] = shape_of(other)
    dtype, _, rule = MODULES[name].result.rpartition(": ")
    try:
        for check in MODULES[name].checks:
            with contextlib.suppress(Unknown):
                evaluate(check, values)
        if "Tensor[" in rule:
            return reshaped(default, shapes_in(rule, values), api)
        result = first if not dtype else first.copy_modified(args=[dtype_type(dtype, api), *first.args[1:]])
        return with_shape(result, evaluate(rule, values), api)
    except CANNOT as error:
        raise type(error)(message_of(name, error)) from None


def module_called(ctx: MethodContext) -> Type:
    """``module(x)`` and ``module.forward(x)`` for modules of the library."""
    try:
        inputs = [get_proper_type(types[0]) for types in ctx.arg_types if types]
        result = call_module(get_proper_type(ctx.type), inputs, ctx.default_return_type, ctx.api)
    except CANNOT as error:
        ctx.api.fail(str(error), ctx.context, code=SHAPE)
        return ctx.default_return_type
    except Unknown:
        return ctx.default_return_type
    return result
