"""Hooks for modules: what a constructor was given, and the shapes that a call of it makes."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable
from typing import Any

from mypy.nodes import DictExpr, Expression, GeneratorExpr, ListComprehension, ListExpr, MemberExpr, StarExpr, TupleExpr
from mypy.plugin import AttributeContext, FunctionContext, MethodContext
from mypy.subtypes import is_same_type
from mypy.types import AnyType, Instance, LiteralType, ProperType, TupleType, Type, TypeOfAny, UnionType, get_proper_type

from flambeau.shapes.symbolic import UNKNOWN, Symbolic
from flambeau.typing.mypy.calls import arguments_by_name, message_of, reshaped
from flambeau.typing.mypy.creation import dtype_type
from flambeau.typing.mypy.evaluation import evaluate, parameters_of, shapes_in, values_of
from flambeau.typing.mypy.reader import Reader
from flambeau.typing.mypy.sizes import CANNOT, SHAPE, STUBS, Unknown, dtype_of, is_tensor, opened, shape_of, with_shape
from flambeau.typing.mypy.unifying import result_of_forward
from flambeau.typing.shape_strings import parse
from flambeau.typing.signatures import MODULES, PARAMETERS, SHAPE_KEEPING_MODULES, Module

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
        if name in ("ModuleList", "ModuleDict"):
            item = _common(ctx.args[0][0], reader) if ctx.args and ctx.args[0] else None
            return default if item is None else default.copy_modified(args=[item])
        module = MODULES[name]
        values = values_of(module.parameters, _positional(module.parameters, ctx), reader)
        try:
            _check(module, values, constructed=True)
        except CANNOT as error:
            ctx.api.fail(message_of(name, error), ctx.context, code=SHAPE)
        kept = {key: value if not isinstance(value, Symbolic) else str(value) for key, value in values.items()}
        kept = {key: value for key, value in kept.items() if value is not UNKNOWN}
        literal = LiteralType(repr(kept), ctx.api.named_generic_type("builtins.str", []))
        return default.copy_modified(args=[*default.args[:-1], literal])

    return hook


def _common(modules: Expression, reader: Reader) -> Type | None:
    """The type that all modules in a list or a dictionary have, None where they differ or are not known."""
    if isinstance(modules, GeneratorExpr | ListComprehension):
        generator = modules if isinstance(modules, GeneratorExpr) else modules.generator
        items: list[Expression | None] = [generator.left_expr]
    elif isinstance(modules, ListExpr | TupleExpr):
        items = list(modules.items)
    elif isinstance(modules, DictExpr):
        items = [value for _, value in modules.items]
    else:
        return None
    if not items or any(item is None or isinstance(item, StarExpr) for item in items):
        return None
    kinds = [reader.type_of(item) for item in items if item is not None]
    return kinds[0] if all(is_same_type(kind, kinds[0]) for kind in kinds[1:]) else None


def _check(module: Module, values: dict[str, Any], *, constructed: bool) -> None:
    """Evaluates the checks that need no input (`constructed`), or the others. Raises what a rule raises."""
    for check in module.checks:
        if constructed != bool(re.search(r"\b[STU]\b", check)):
            with contextlib.suppress(Unknown):
                evaluate(check, values)


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
    named = re.findall(r"\bSize\d*\b", MODULES[kind.type.name].parameters)
    return {**dict.fromkeys(named, UNKNOWN), **values}


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
        return result_of_forward(kind, first, api)
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
    second = dtype_of(inputs[1]) if len(inputs) > 1 else None
    if second is not None:
        values["Classes"] = any(base.name == "integral" for base in second.mro)
    dtype, _, rule = MODULES[name].result.rpartition(": ")
    try:
        _check(MODULES[name], values, constructed=False)
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
    except Unknown:  # of a union mypy takes what fits one of its types
        several = any(isinstance(get_proper_type(kind), UnionType) for kinds in ctx.arg_types for kind in kinds)
        return opened(ctx.default_return_type) if several else ctx.default_return_type
    return result


def parameter_of(ctx: AttributeContext) -> Type:
    """``layer.weight``: its shape, by the sizes that the layer was made with."""
    default, kind = get_proper_type(ctx.default_attr_type), get_proper_type(ctx.type)
    name = ctx.context.name if isinstance(ctx.context, MemberExpr) else ""
    try:
        if isinstance(default, Instance) and isinstance(kind, Instance) and is_tensor(default):
            return with_shape(default, evaluate(PARAMETERS[kind.type.name][name], _config(kind)), ctx.api)
    except (Unknown, KeyError):
        pass
    return ctx.default_attr_type
