"""Functions and modules of the user: the names of sizes in their annotations unify at a call."""

from __future__ import annotations

from typing import Any

from mypy.expandtype import expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import ARG_POS, CallExpr, Expression, Var
from mypy.plugin import FunctionSigContext, MethodSigContext
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    TupleType,
    Type,
    TypeOfAny,
    TypeTranslator,
    UnionType,
    get_proper_type,
)

from flambeau.shapes.errors import ShapeError
from flambeau.shapes.symbolic import UNKNOWN, Symbolic
from flambeau.shapes.unification import Bindings, match
from flambeau.typing.mypy.reader import Reader
from flambeau.typing.mypy.sizes import SHAPE, Unknown, pattern_of, shape_of, with_shape
from flambeau.typing.shape_strings import Star


class _Substitute(TypeTranslator):
    """A type with the names of its shapes replaced."""

    def __init__(self, bindings: Bindings, api: Any):
        super().__init__()
        self.bindings, self.api = bindings, api

    def visit_instance(self, kind: Instance) -> Type:
        pattern = pattern_of(kind)
        if pattern is None:
            return super().visit_instance(kind)
        names = {key: value for key, value in self.bindings.items() if not key.startswith("*")}
        shape: list[Any] = []
        for part in pattern:
            if isinstance(part, Star):
                if "*" + part.name not in self.bindings:
                    return kind.copy_modified(args=[*kind.args[:2], AnyType(TypeOfAny.special_form)])
                shape.extend(self.bindings["*" + part.name])
            elif isinstance(part, Symbolic):
                unbound = [name for name in part.names() if name not in names]
                shape.append(UNKNOWN if unbound else part.substitute(names))
            else:
                shape.append(part)
        return with_shape(kind, shape, self.api)

    def visit_type_alias_type(self, kind: Any) -> Type:
        return kind  # it may be recursive


def _mentions_shape(signature: CallableType) -> bool:
    return any(_holds_shape(kind) for kind in (*signature.arg_types, signature.ret_type))


def _holds_shape(kind: Type) -> bool:
    if isinstance(kind, Instance | TupleType | UnionType):
        parts = kind.items if isinstance(kind, TupleType | UnionType) else ()
        return pattern_of(kind) is not None or any(_holds_shape(part) for part in parts)
    return False


def unified_signature(ctx: FunctionSigContext | MethodSigContext) -> FunctionLike:
    signature = ctx.default_signature
    if not isinstance(signature, CallableType) or not _mentions_shape(signature):
        return signature
    bindings: Bindings = {}
    reader = Reader(ctx.api)
    kinds = list(signature.arg_types)
    name = (signature.name or "call").split(" of ")[0].strip('"')
    for position, (kind, expressions) in enumerate(zip(signature.arg_types, ctx.args)):
        pattern = pattern_of(kind)
        if pattern is None or not expressions:
            continue
        try:
            shape = shape_of(reader.type_of(expressions[0]))
        except Unknown:
            proper = get_proper_type(kind)
            if isinstance(proper, Instance):
                kinds[position] = proper.copy_modified(args=[*proper.args[:2], AnyType(TypeOfAny.special_form)])
            continue
        try:
            match(pattern, shape, bindings, what=f"{name}: argument '{signature.arg_names[position]}'")
        except ShapeError as error:
            ctx.api.fail(str(error), expressions[0], code=SHAPE)
        proper = get_proper_type(kind)
        if isinstance(proper, Instance):  # already judged: the argument's own shape passes
            kinds[position] = with_shape(proper, shape, ctx.api)
    result = signature.ret_type.accept(_Substitute(bindings, ctx.api))
    return signature.copy_modified(arg_types=kinds, ret_type=result)


def _bound_forward(kind: Instance) -> CallableType | None:
    """A module's `forward` without its first parameter, as it is for this instance's type; None where it is not one function."""
    forward = kind.type.get("forward")
    if forward is None or forward.type is None or isinstance(forward.node, Var):
        return None
    found = get_proper_type(forward.type)
    if not isinstance(found, CallableType) or not found.arg_kinds or found.arg_kinds[0] is not ARG_POS:
        return None
    found = found.copy_modified(arg_types=found.arg_types[1:], arg_kinds=found.arg_kinds[1:], arg_names=found.arg_names[1:])
    holder = next(base for base in kind.type.mro if "forward" in base.names)
    bound = expand_type_by_instance(found, map_instance_to_supertype(kind, holder))
    return bound if isinstance(bound, CallableType) else None


def module_signature(ctx: MethodSigContext) -> FunctionLike:
    """A user's module is called as its `forward` is."""
    kind = get_proper_type(ctx.type)
    bound = _bound_forward(kind) if isinstance(kind, Instance) else None
    if bound is None:
        return ctx.default_signature
    return unified_signature(MethodSigContext(ctx.type, _by_forward(ctx, bound), bound, ctx.context, ctx.api))


def result_of_forward(kind: Instance, given: Instance, api: Any) -> Type:
    """What a user's module in a `Sequential` gives. Raises Unknown, or ShapeError where it does not take the tensor."""
    forward = _bound_forward(kind)
    pattern = pattern_of(forward.arg_types[0]) if forward is not None and forward.arg_types else None
    if forward is None or pattern is None:
        raise Unknown
    bindings: Bindings = {}
    match(pattern, shape_of(given), bindings, what=f"{kind.type.name}: argument '{forward.arg_names[0]}'")
    result = forward.ret_type.accept(_Substitute(bindings, api))
    if isinstance(get_proper_type(result), AnyType):
        raise Unknown
    return result


def _by_forward(ctx: MethodSigContext, forward: CallableType) -> list[list[Expression]]:
    """The call's arguments in the order of `forward`'s parameters (the stub's ``*args, **kwargs`` say nothing)."""
    call = ctx.context
    result: list[list[Expression]] = [[] for _ in forward.arg_names]
    if isinstance(call, CallExpr):
        for position, (expression, name) in enumerate(zip(call.args, call.arg_names)):
            if name is None and position < len(result):
                result[position] = [expression]
            elif name in forward.arg_names:
                result[forward.arg_names.index(name)] = [expression]
    return result
