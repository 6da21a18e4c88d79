"""The mypy plugin: ``plugins = ["flambeau.typing.mypy"]``.

It reads `Shaped` (and jaxtyping's) strings, keeps sizes in a tensor type's third argument, a tuple of literals: an integer, or
a string such as ``'H // 2'``; and evaluates the results of `flambeau.typing.signatures` with the library's own shape rules,
whose errors it reports. What it does not know is left open, so that it reports nothing false.

May import `flambeau.typing`, `flambeau.shapes` and mypy.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mypy.checker import TypeChecker
from mypy.errorcodes import ErrorCode
from mypy.nodes import (
    ARG_POS,
    CallExpr,
    ComparisonExpr,
    Expression,
    FloatExpr,
    IndexExpr,
    IntExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    SliceExpr,
    StarExpr,
    StrExpr,
    TupleExpr,
    TypeInfo,
    UnaryExpr,
    Var,
)
from mypy.nodes import EllipsisExpr as Ellipsis_
from mypy.options import Options
from mypy.plugin import (
    AnalyzeTypeContext,
    AttributeContext,
    FunctionContext,
    FunctionSigContext,
    MethodContext,
    MethodSigContext,
    Plugin,
)
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    LiteralType,
    NoneType,
    Overloaded,
    ProperType,
    RawExpressionType,
    TupleType,
    Type,
    TypeOfAny,
    TypeTranslator,
    UnboundType,
    UnionType,
    get_proper_type,
)

from flambeau.shapes import einsum as _einsum  # noqa: F401 - a broken rule package should fail here, not at a call
from flambeau.shapes.errors import ShapeError
from flambeau.shapes.indexing import index as index_rule
from flambeau.shapes.symbolic import UNKNOWN, Symbolic
from flambeau.shapes.unification import Bindings, match
from flambeau.typing import rules
from flambeau.typing.shape_strings import ShapeStringError, Star, parse
from flambeau.typing.signatures import MODULES, SIGNATURES, Signature

STUBS = "flambeau._portable."
SHAPE = ErrorCode("shape", "Sizes of tensors that do not fit", "flambeau")
TENSOR = STUBS + "_tensor.Tensor"
PARAMETER = STUBS + "_tensor.Parameter"
MODULE = STUBS + "nn.Module"
JAXTYPING = re.compile(r"jaxtyping\.(?:Shaped|Float\w*|BFloat16|Int\w*|UInt\w*|Bool|Num|Real|Inexact)")
CANNOT = (ShapeError, IndexError, ValueError, NotImplementedError)  # what a rule raises for a user's mistake


class Unknown(Exception):
    """Something that a result depends on is not known."""


BY_NAME: dict[tuple[str, str], list[Signature]] = {}
for _signature in SIGNATURES:
    for _place in _signature.places:
        BY_NAME.setdefault((_place, _signature.name), []).append(_signature)
        if _place == "i":
            BY_NAME.setdefault(("m", _signature.name + "_"), []).append(_signature)


# --- sizes in types


def to_type(size: Any, model: Instance, api: Any) -> Type:
    """A size as a type: a literal integer, a literal string for an expression, Any."""
    if isinstance(size, int):
        return LiteralType(size, api.named_generic_type("builtins.int", []))
    if isinstance(size, Symbolic):
        return LiteralType(str(size), api.named_generic_type("builtins.str", []))
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


# --- values of argument expressions


class Reader:
    """Reads constants, sizes and tensors from argument expressions and their types."""

    def __init__(self, api: Any):
        self.api = api

    def type_of(self, expression: Expression) -> ProperType:
        """The type that mypy gives an expression."""
        return get_proper_type(self.api.get_expression_type(expression))

    def size(self, expression: Expression) -> Any:
        """An integer, a symbolic size, or UNKNOWN."""
        if isinstance(expression, IntExpr):
            return expression.value
        if isinstance(expression, UnaryExpr) and expression.op == "-":
            return -1 * self.size(expression.expr)
        if isinstance(expression, OpExpr) and expression.op in ("+", "-", "*", "//", "%"):
            left, right = self.size(expression.left), self.size(expression.right)
            if left is UNKNOWN or right is UNKNOWN or (expression.op in ("//", "%") and right == 0):
                return UNKNOWN
            return {
                "+": lambda: left + right,
                "-": lambda: left - right,
                "*": lambda: left * right,
                "//": lambda: left // right,
                "%": lambda: left % right,
            }[expression.op]()
        if isinstance(expression, IndexExpr) and isinstance(expression.base, MemberExpr) and expression.base.name == "shape":
            return self._extent(expression.base.expr, expression.index)
        if (
            isinstance(expression, CallExpr)
            and isinstance(expression.callee, MemberExpr)
            and expression.callee.name == "size"
            and len(expression.args) == 1
        ):
            return self._extent(expression.callee.expr, expression.args[0])
        try:
            return to_size(self.type_of(expression))
        except Exception:  # an expression that mypy has no type for yet
            return UNKNOWN

    def _extent(self, tensor: Expression, dim: Expression) -> Any:
        position = self.size(dim)
        try:
            shape = shape_of(self.type_of(tensor))
        except Unknown:
            return UNKNOWN
        if isinstance(position, int) and -len(shape) <= position < len(shape):
            return shape[position]
        return UNKNOWN

    def sizes(self, expression: Expression) -> tuple[Any, ...]:
        """A tuple or list of sizes. Raises Unknown where its length is not known."""
        if isinstance(expression, (TupleExpr, ListExpr)):
            if any(isinstance(item, StarExpr) for item in expression.items):
                raise Unknown
            return tuple(self.size(item) for item in expression.items)
        if isinstance(expression, MemberExpr) and expression.name == "shape":
            return shape_of(self.type_of(expression.expr))
        kind = self.type_of(expression)
        if isinstance(kind, TupleType):
            return tuple(to_size(item) for item in kind.items)
        raise Unknown

    def axes(self, expression: Expression) -> Any:
        """An integer, a tuple of integers or None. Raises Unknown."""
        if isinstance(expression, NameExpr) and expression.name == "None":
            return None
        if isinstance(expression, (TupleExpr, ListExpr)):
            values = self.sizes(expression)
            if any(not isinstance(value, int) for value in values):
                raise Unknown
            return values
        value = self.size(expression)
        if isinstance(value, int):
            return value
        kind = self.type_of(expression)
        if isinstance(kind, NoneType):
            return None
        if isinstance(kind, TupleType):
            values = tuple(to_size(item) for item in kind.items)
            if all(isinstance(value, int) for value in values):
                return values
        raise Unknown

    def flag(self, expression: Expression) -> bool:
        """A boolean constant. Raises Unknown."""
        if isinstance(expression, NameExpr) and expression.name in ("True", "False"):
            return expression.name == "True"
        kind = self.type_of(expression)
        if isinstance(kind, Instance) and kind.last_known_value is not None:
            kind = kind.last_known_value
        if isinstance(kind, LiteralType) and isinstance(kind.value, bool):
            return kind.value
        raise Unknown

    def text(self, expression: Expression) -> str:
        """A string constant. Raises Unknown."""
        if isinstance(expression, StrExpr):
            return expression.value
        kind = self.type_of(expression)
        if isinstance(kind, Instance) and kind.last_known_value is not None:
            kind = kind.last_known_value
        if isinstance(kind, LiteralType) and isinstance(kind.value, str):
            return kind.value
        raise Unknown


# --- evaluating a signature


class _Parameter:
    def __init__(self, text: str):
        body = text.strip()
        self.star = body[: len(body) - len(body.lstrip("*"))]
        name, _, rest = body.lstrip("*").partition(":")
        annotation, _, default = rest.partition(" = ")
        self.name, self.annotation, self.default = name.strip(), annotation.strip(), default.strip()


def _parameters(text: str) -> list[_Parameter]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [_Parameter(part) for part in [*parts, text[start:]] if part.strip()]


def _constant(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise Unknown from None


def values_of(parameters: str, arguments: Mapping[str, Sequence[Expression]], reader: Reader) -> dict[str, Any]:
    """What the names of a signature's annotations stand for at a call; a name is missing where it is not known."""
    values: dict[str, Any] = {}
    for parameter in _parameters(parameters):
        if not parameter.name:
            continue
        given = list(arguments.get(parameter.name, ()))
        annotation = parameter.annotation
        try:
            if annotation.startswith(("Tensor[", "*List[", "List[")):
                _read_tensors(parameter, given, values, reader)
                continue
            name = annotation.lstrip("*")
            if not re.fullmatch(r"(?:Sizes|Axes|Dim|Size|Keep|Text|Names|Padding)\d*", name):
                continue
            if not given and not parameter.star:
                if parameter.default == "..." or not parameter.default:
                    continue
                values[name] = _constant(parameter.default)
                continue
            values[name] = _read(name, parameter, given, reader)
        except Unknown:
            continue
    return values


def _read(name: str, parameter: _Parameter, given: list[Expression], reader: Reader) -> Any:
    kind = name.rstrip("0123456789")
    if parameter.star == "*":
        sizes = tuple(reader.size(item) for item in given)
        if kind == "Axes" and any(not isinstance(size, int) for size in sizes):
            raise Unknown
        return sizes
    if kind == "Names":
        raise Unknown
    one = given[0]
    if kind == "Sizes":
        return reader.sizes(one)
    if kind == "Axes":
        return reader.axes(one)
    if kind == "Padding":
        try:
            text = reader.text(one)
        except Unknown:
            return reader.axes(one)
        return None if text == "same" else 0
    if kind == "Keep":
        return reader.flag(one)
    if kind == "Text":
        return reader.text(one)
    size = reader.size(one)
    if kind == "Dim" and not isinstance(size, int):
        raise Unknown
    return size


def _read_tensors(parameter: _Parameter, given: list[Expression], values: dict[str, Any], reader: Reader) -> None:
    annotation = parameter.annotation
    if "List[" in annotation:
        name = annotation.rstrip("]").rsplit(",", 1)[1].strip()
        items: Sequence[Expression] = given
        if not parameter.star:
            if not given or not isinstance(given[0], (TupleExpr, ListExpr)):
                raise Unknown
            items = given[0].items
        values[name] = tuple(shape_of(reader.type_of(item)) for item in items)
        return
    found = re.search(r"Tensor\[[^,]+, \w+, (\w+)\]", annotation)
    if found and given:
        values[found.group(1)] = shape_of(reader.type_of(given[0]))


def evaluate(text: str, values: Mapping[str, Any]) -> Any:
    """A rule call such as ``conv(S, W, spread(Axes1, 2))``, or a name. Raises Unknown, or what the rule raises."""
    return _evaluate(ast.parse(text, mode="eval").body, values)


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, values)
    if isinstance(node, ast.List):
        return tuple(_evaluate(element, values) for element in node.elts)
    if isinstance(node, ast.Name):
        if node.id not in values:
            raise Unknown
        return values[node.id]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        arguments = [_evaluate(argument, values) for argument in node.args]
        try:
            return getattr(rules, node.func.id)(*arguments)
        except TypeError:
            raise Unknown from None
    raise Unknown


def shapes_in(result: str, values: Mapping[str, Any]) -> list[tuple[Any, ...] | None]:
    """The shape of each tensor in a result, in order; None where it is not known. Raises what a rule raises."""
    found: list[tuple[Any, ...] | None] = []
    for node in _tensors(ast.parse(result, mode="eval").body):
        elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if len(elements) < 3:
            found.append(None)
            continue
        try:
            found.append(_evaluate(elements[2], values))
        except Unknown:
            found.append(None)
    return found


def _tensors(node: ast.expr) -> list[ast.Subscript]:
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if node.value.id in ("Tensor", "Pieces"):
            return [node]
        elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [tensor for element in elements for tensor in _tensors(element)]
    return []


# --- hooks


def _arguments(ctx: FunctionContext | MethodContext) -> dict[str, list[Expression]]:
    """The expressions given for each parameter name."""
    result: dict[str, list[Expression]] = {}
    for name, expressions in zip(ctx.callee_arg_names, ctx.args):
        if name is not None and expressions:
            result[name] = list(expressions)
    return result


def _reshaped(kind: Type, shapes: list[tuple[Any, ...] | None], api: Any) -> Type:
    """The result type with the shapes put in, in order."""
    kind = get_proper_type(kind)
    if isinstance(kind, Instance) and is_tensor(kind):
        shape = shapes.pop(0) if shapes else None
        return kind if shape is None else with_shape(kind, shape, api)
    if isinstance(kind, TupleType):
        items = [_reshaped(item, shapes, api) for item in kind.items]
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
                ctx.api.fail(_message(signature.name, error), ctx.context, code=SHAPE)
                return ctx.default_return_type
            except Unknown:
                continue
            if any(shape is not None for shape in shapes):
                return _reshaped(ctx.default_return_type, shapes, ctx.api)
        return ctx.default_return_type

    def _by_name(self, ctx: FunctionContext | MethodContext, signature: Signature) -> dict[str, list[Expression]]:
        """The arguments by parameter name; the parameters of ``__add__`` and its kin have none in mypy's eyes."""
        names = [parameter.name for parameter in _parameters(signature.parameters)][self.method :]
        result: dict[str, list[Expression]] = {}
        for position, (name, expressions) in enumerate(zip(ctx.callee_arg_names, ctx.args)):
            if expressions:
                given = name if name is not None or position >= len(names) else names[position]
                result[given or ""] = list(expressions)
        return result

    def _fits(self, signature: Signature, arguments: Mapping[str, Sequence[Expression]]) -> bool:
        names = {parameter.name for parameter in _parameters(signature.parameters)}
        required = [p for p in _parameters(signature.parameters) if p.name and not p.default and not p.star]
        if self.method:
            required = required[1:]
        return set(arguments) <= names and all(parameter.name in arguments for parameter in required)

    def _receiver(self, signature: Signature, ctx: MethodContext, values: dict[str, Any]) -> None:
        first = _parameters(signature.parameters)[0]
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


def _message(name: str, error: Exception) -> str:
    text = str(error)
    if name.startswith("__"):  # an operator: the line shows it
        return text
    return text if text.lower().startswith(name.lower()) else f"{name}: {text}"


def _getitem(ctx: MethodContext) -> Type:
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


def _at(ctx: MethodContext) -> Type:
    """``x.at(0, (1, 5), None, ...)``: as `_getitem`, a tuple being a range."""
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
        raise Unknown
    if isinstance(item, (ListExpr, ComparisonExpr)):
        raise Unknown
    if (isinstance(kind, Instance) and kind.type.fullname == "builtins.int") or isinstance(kind, LiteralType):
        return reader.size(item)
    raise Unknown


def _transposed(ctx: AttributeContext) -> Type:
    """``x.T`` and ``x.mT``."""
    default = get_proper_type(ctx.default_attr_type)
    name = ctx.context.name if isinstance(ctx.context, MemberExpr) else ""
    rule: Callable[..., Any] = rules.reverse if name == "T" else rules.matrix_transpose
    try:
        if isinstance(default, Instance):
            return with_shape(default, rule(shape_of(ctx.type)), ctx.api)
    except CANNOT as error:
        ctx.api.fail(str(error), ctx.context, code=SHAPE)
    except Unknown:
        pass
    return ctx.default_attr_type


def _factory(ctx: FunctionContext) -> Type:
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


def _is_int(kind: ProperType) -> bool:
    return isinstance(kind, LiteralType) or (isinstance(kind, Instance) and kind.type.fullname == "builtins.int")


def _tensor_literal(ctx: FunctionContext) -> Type:
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
        result = result.copy_modified(args=[_dtype(name, ctx.api), *result.args[1:]])
    return result


def _dtype(name: str, api: Any) -> Type:
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


def _expression(ctx: FunctionContext) -> Type:
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


def _expression_called(ctx: MethodContext) -> Type:
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
        shape = expression_shape(expression.tree, shapes, signatures, evaluate, _parameters)
    except CANNOT as error:
        ctx.api.fail(f"tx({literal.value!r}): {error}", ctx.context, code=SHAPE)
        return ctx.default_return_type
    except (NotKnown, Unknown, TypeError):
        return ctx.default_return_type
    return with_shape(first or default, shape, ctx.api)


# --- modules


def _constructed(name: str) -> Callable[[FunctionContext], Type]:
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
    result = _arguments(ctx)
    names = [parameter.name for parameter in _parameters(parameters)]
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


def call_module(kind: ProperType, inputs: list[ProperType], api: Any) -> Type:
    """The type that calling a module of the library gives. Raises Unknown, or what its rule raises."""
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
            current = call_module(get_proper_type(layer), [get_proper_type(current)], api)
        return current
    if name not in MODULES:
        if kind.type.get("forward") is not None and name not in ("Module", "ModuleList", "Upsample", "Unflatten"):
            return first  # the other modules of the library keep the shape
        raise Unknown
    values = {"S": shape_of(first), **_config(kind)}
    if len(inputs) > 1:
        values["T"] = shape_of(inputs[1])
    dtype, _, rule = MODULES[name].result.rpartition(": ")
    result = first
    if dtype:
        result = first.copy_modified(args=[_dtype(dtype, api), *first.args[1:]])
    try:
        return with_shape(result, evaluate(rule, values), api)
    except CANNOT as error:
        raise type(error)(_message(name, error)) from None


def _module_called(ctx: MethodContext) -> Type:
    """``module(x)`` and ``module.forward(x)`` for modules of the library."""
    try:
        inputs = [get_proper_type(types[0]) for types in ctx.arg_types if types]
        result = call_module(get_proper_type(ctx.type), inputs, ctx.api)
    except CANNOT as error:
        ctx.api.fail(str(error), ctx.context, code=SHAPE)
        return ctx.default_return_type
    except Unknown:
        return ctx.default_return_type
    return result


# --- functions of the user: names unify at a call


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


def _unified(ctx: FunctionSigContext | MethodSigContext) -> FunctionLike:
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


def _module_signature(ctx: MethodSigContext) -> FunctionLike:
    """A user's module is called as its `forward` is."""
    kind = get_proper_type(ctx.type)
    if isinstance(kind, Instance):
        forward = kind.type.get("forward")
        if forward is not None and forward.type is not None and isinstance(forward.node, Var) is False:
            found = get_proper_type(forward.type)
            if isinstance(found, CallableType) and found.arg_kinds and found.arg_kinds[0] is ARG_POS:
                found = found.copy_modified(
                    arg_types=found.arg_types[1:], arg_kinds=found.arg_kinds[1:], arg_names=found.arg_names[1:]
                )
                from mypy.expandtype import expand_type_by_instance
                from mypy.maptype import map_instance_to_supertype

                holder = next(base for base in kind.type.mro if "forward" in base.names)
                bound = expand_type_by_instance(found, map_instance_to_supertype(kind, holder))
                if isinstance(bound, CallableType):
                    replaced = MethodSigContext(ctx.type, _by_forward(ctx, bound), bound, ctx.context, ctx.api)
                    return _unified(replaced)
            if isinstance(found, Overloaded):
                return ctx.default_signature
    return ctx.default_signature


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


# --- annotations


def _shaped(ctx: AnalyzeTypeContext) -> Type:
    """``Shaped[Tensor[…], "[N, 3]"]`` (which is typing.Annotated): the shape goes into the tensor's type."""
    arguments = ctx.type.args
    if not arguments:
        return AnyType(TypeOfAny.special_form)
    base = ctx.api.analyze_type(arguments[0])
    text = _string(arguments[1]) if len(arguments) > 1 else None
    return base if text is None else _annotated(base, text, ctx, brackets=True)


def _jaxtyped(ctx: AnalyzeTypeContext) -> Type:
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
            items.append(LiteralType("*" + dimension.name, api.named_type("builtins.str", [])))
        elif isinstance(dimension, int):
            items.append(LiteralType(dimension, api.named_type("builtins.int", [])))
        elif isinstance(dimension, Symbolic):
            items.append(LiteralType(str(dimension), api.named_type("builtins.str", [])))
        else:
            items.append(AnyType(TypeOfAny.special_form))
    shape = TupleType(items, api.named_type("builtins.tuple", [AnyType(TypeOfAny.special_form)]))
    arguments = list(proper.args) + [AnyType(TypeOfAny.special_form)] * (3 - len(proper.args))
    return proper.copy_modified(args=[*arguments[:2], shape])


class ShapePlugin(Plugin):
    """Which hook answers for which name."""

    def __init__(self, options: Options):
        # x = flatten(x) gives x another shape, which is another type: a variable takes the type of its last assignment.
        options.allow_redefinition = True
        options.local_partial_types = True
        super().__init__(options)

    def get_type_analyze_hook(self, fullname: str) -> Callable[[AnalyzeTypeContext], Type] | None:
        if fullname in ("typing.Annotated", "typing_extensions.Annotated"):
            return _shaped
        if JAXTYPING.fullmatch(fullname):
            return _jaxtyped
        return None

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        if not fullname.startswith(STUBS):
            return None
        module, _, name = fullname[len(STUBS) :].rpartition(".")
        if module == "_functions":
            if name in ("zeros", "ones", "empty", "rand", "randn"):
                return _factory
            if name == "tensor":
                return _tensor_literal
            if name == "tx":
                return _expression
            signatures = BY_NAME.get(("t", name))
            return Call(signatures, method=False) if signatures else None
        if module == "_functional":
            signatures = BY_NAME.get(("f", name))
            return Call(signatures, method=False) if signatures else None
        if module == "nn" and (name in MODULES or name == "Sequential"):
            return _constructed(name)
        return None

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        owner, _, name = fullname.rpartition(".")
        if owner in (TENSOR, PARAMETER):
            if name == "__getitem__":
                return _getitem
            if name == "at":
                return _at
            signatures = BY_NAME.get(("m", name))
            return Call(signatures, method=True) if signatures else None
        if owner == STUBS + "_functions.Expression" and name == "__call__":
            return _expression_called
        if name in ("__call__", "forward") and owner.startswith(STUBS + "nn."):
            return _module_called
        return None

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        if fullname in (TENSOR + ".T", TENSOR + ".mT"):
            return _transposed
        return None

    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], FunctionLike] | None:
        return None if fullname.startswith(("builtins.", "typing.", STUBS)) else _unified

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        owner, _, name = fullname.rpartition(".")
        if owner.startswith(("builtins.", "typing.", STUBS, "_typeshed")):
            return None
        if name == "__call__" and self._is_module(owner):
            return _module_signature
        return _unified

    def _is_module(self, fullname: str) -> bool:
        symbol = self.lookup_fully_qualified(fullname)
        return symbol is not None and isinstance(symbol.node, TypeInfo) and symbol.node.has_base(MODULE)


def plugin(version: str) -> type[Plugin]:
    """What mypy asks a plugin module for."""
    return ShapePlugin
