"""Which hook answers for which name."""

from __future__ import annotations

from collections.abc import Callable

from mypy.nodes import TypeInfo
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
from mypy.types import FunctionLike, Type

from flambeau.typing.mypy.annotations import jaxtyping_annotation, shaped_annotation
from flambeau.typing.mypy.calls import BY_NAME, Call
from flambeau.typing.mypy.creation import CREATED, created, expression_called, expression_made, factory_called, literal_called
from flambeau.typing.mypy.indexing import assigned, at_called, iterated, subscripted, transposed_attribute
from flambeau.typing.mypy.modules import module_called, module_constructed, parameter_of
from flambeau.typing.mypy.sizes import JAXTYPING, MODULE, PARAMETER, STUBS, TENSOR
from flambeau.typing.mypy.unifying import module_signature, unified_signature
from flambeau.typing.signatures import MODULES, PARAMETERS


class ShapePlugin(Plugin):
    """Which hook answers for which name."""

    def __init__(self, options: Options):
        # x = flatten(x) gives x another shape, which is another type: a variable takes the type of its last assignment.
        options.allow_redefinition = True
        options.local_partial_types = True
        super().__init__(options)

    def get_type_analyze_hook(self, fullname: str) -> Callable[[AnalyzeTypeContext], Type] | None:
        if fullname in ("typing.Annotated", "typing_extensions.Annotated"):
            return shaped_annotation
        if JAXTYPING.fullmatch(fullname):
            return jaxtyping_annotation
        return None

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        if not fullname.startswith(STUBS):
            return None
        module, _, name = fullname[len(STUBS) :].rpartition(".")
        if module == "_functions":
            if name in ("zeros", "ones", "empty", "rand", "randn"):
                return factory_called
            if name in ("tensor", "as_tensor", "asarray"):
                return literal_called
            if name == "tx":
                return expression_made
            if name in CREATED:
                return created
            signatures = BY_NAME.get(("t", name))
            return Call(signatures, method=False) if signatures else None
        if module in ("_functional", "_linalg", "_fft"):
            signatures = BY_NAME.get(({"_functional": "f", "_linalg": "l", "_fft": "s"}[module], name))
            return Call(signatures, method=False) if signatures else None
        if module == "nn" and (name in MODULES or name in ("Sequential", "ModuleList", "ModuleDict")):
            return module_constructed(name)
        return None

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        owner, _, name = fullname.rpartition(".")
        if owner in (TENSOR, PARAMETER):
            if name == "__getitem__":
                return subscripted
            if name == "__setitem__":
                return assigned
            if name == "__iter__":
                return iterated
            if name == "at":
                return at_called
            if name in CREATED:
                return created
            signatures = BY_NAME.get(("m", name))
            return Call(signatures, method=True) if signatures else None
        if owner == STUBS + "_functions.Expression" and name == "__call__":
            return expression_called
        if name in ("__call__", "forward") and owner.startswith(STUBS + "nn."):
            return module_called
        return None

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        if fullname in (TENSOR + ".T", TENSOR + ".mT"):
            return transposed_attribute
        owner, _, name = fullname.removeprefix(STUBS + "nn.").rpartition(".")
        return parameter_of if name in PARAMETERS.get(owner, ()) else None

    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], FunctionLike] | None:
        return None if fullname.startswith(("builtins.", "typing.", STUBS)) else unified_signature

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        owner, _, name = fullname.rpartition(".")
        if owner.startswith(("builtins.", "typing.", STUBS, "_typeshed")):
            return None
        if name == "__call__" and self._is_module(owner):
            return module_signature
        return unified_signature

    def _is_module(self, fullname: str) -> bool:
        symbol = self.lookup_fully_qualified(fullname)
        return symbol is not None and isinstance(symbol.node, TypeInfo) and symbol.node.has_base(MODULE)


def plugin(version: str) -> type[Plugin]:
    """What mypy asks a plugin module for."""
    return ShapePlugin
