"""`torch.fx.symbolic_trace`: a module's or function's graph, by calling it with proxies for its arguments.

What depends on values can't be traced: `if` on a tensor is an error that says so. May import `flambeau.fx`, `flambeau.nn`.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flambeau.fx.graph import Graph
from flambeau.fx.graph_module import GraphModule
from flambeau.fx.node import Argument, Node
from flambeau.fx.proxy import ParameterProxy, Proxy, TracerBase, proxies
from flambeau.nn.modules.container import Sequential
from flambeau.nn.modules.module import Module
from flambeau.nn.parameter import Parameter
from flambeau.tensor import Tensor
from flambeau.tensor.overriding import TorchFunctionMode
from flambeau.testing import _assert
from flambeau.trees import flatten

__all__ = ["PH", "ProxyableClassMeta", "Tracer", "is_fx_tracing", "symbolic_trace", "wrap"]

_PACKAGE = __name__.partition(".")[0]
_depth = 0  # how many traces are going on
_wrapped: dict[tuple[int, str], dict[str, Any]] = {}  # functions that aren't entered: their module's globals, and name


def is_fx_tracing() -> bool:
    """Whether a program is being traced."""
    return _depth > 0


class _Placeholder:
    """In `concrete_args`: this argument stays one of the function."""

    def __repr__(self) -> str:
        return "PH"


PH = _Placeholder()
_proxyable: dict[type, None] = {}


class ProxyableClassMeta(type):
    """The metaclass of classes whose construction from proxies is a node."""

    def __init__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
        _proxyable.setdefault(cls)
        super().__init__(name, bases, attrs)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        found = proxies((args, kwargs))
        if found:
            return found[0].tracer.create_proxy("call_function", cls, args, kwargs)
        return super().__call__(*args, **kwargs)


class _Noting(TorchFunctionMode):
    """Calls with proxies become nodes, whatever the function would have made of them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if proxies((args, kwargs or {})):
            return Proxy.__torch_function__(func, types, args, kwargs)
        return func(*args, **(kwargs or {}))


def wrap(fn_or_name: str | Callable[..., Any]) -> str | Callable[..., Any]:
    """Notes, at the top level of a module, a function of that module that tracing doesn't enter: calls of it are nodes.

    Takes the function, also as a decorator, or its name, which may be a built-in function's. Gives what it was given. Raises
    RuntimeError for anything else, NotImplementedError within a function.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _wrapped[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


class _Patches:
    """Values put in others' place for a time."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._seen: set[int] = set()

    def item(self, namespace: dict[str, Any], name: str, value: Any) -> None:
        if name in namespace:
            old = namespace[name]
            self._undo.append(lambda: namespace.__setitem__(name, old))
        else:
            self._undo.append(lambda: namespace.__delitem__(name))
        namespace[name] = value

    def attribute(self, owner: Any, name: str, value: Any) -> None:
        old = getattr(owner, name)
        self._undo.append(lambda: setattr(owner, name, old))
        setattr(owner, name, value)

    def functions(self, namespace: dict[str, Any], ids: set[int]) -> None:
        """Wraps those of a module's functions that aren't to be entered."""
        if id(namespace) in self._seen:
            return
        self._seen.add(id(namespace))
        for name, value in list(namespace.items()):
            if not name.startswith("_") and callable(value) and id(value) in ids:
                self.item(namespace, name, _noted(value))

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()


def _noted(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function; calls with proxies are nodes."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        found = proxies((args, kwargs))
        if not found:
            return function(*args, **kwargs)
        proxy = found[0].tracer.create_proxy("call_function", function, args, kwargs)
        proxy.node.meta["is_wrapped"] = True
        return proxy

    return wrapped


class Tracer(TracerBase):
    """Makes the graph of a module or function. A subclass may say what is entered (`is_leaf_module`) and what nodes are made.

    Args:
        autowrap_modules: modules whose functions are nodes where they get proxies.
        autowrap_functions: further functions that aren't entered.
        param_shapes_constant: whether a parameter's shape is that of now, not a node.
    """

    def __init__(
        self,
        autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:
        super().__init__()
        self._autowrap_search = list(autowrap_modules)
        functions = [v for m in autowrap_modules for n, v in vars(m).items() if not n.startswith("_") and callable(v)]
        self._autowrap_function_ids = {id(f) for f in (*functions, *autowrap_functions)}
        self.param_shapes_constant = param_shapes_constant
        self.submodule_paths: dict[Module, str] | None = None
        self.root_module_name = ""
        self.module_stack: dict[str, tuple[str, Any]] = {}
        self.tensor_attrs: dict[int, str] = {}

    # What a subclass may decide

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether calls of a module are one node: those of `nn` are, but `Sequential`; others are entered."""
        return type(m).__module__.startswith(f"{_PACKAGE}.nn") and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """A submodule's name from the root. NameError for one that isn't there."""
        paths = self.submodule_paths or {m: name for name, m in self.root.named_modules()}
        if mod not in paths:
            raise NameError("module is not installed as a submodule")
        return paths[mod]

    def call_module(self, m: Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call of a module gives: a node's proxy, or what `forward(*args, **kwargs)` gives."""
        path = self.path_of_module(m)
        key = path
        while key in self.module_stack:
            key += "@"
        self.module_stack[key] = path, type(m)
        try:
            if self.is_leaf_module(m, path):
                return self.create_proxy("call_module", path, args, kwargs)
            return forward(*args, **kwargs)
        finally:
            del self.module_stack[key]

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What reading a module's attribute gives: for a parameter of the root, a node's proxy."""
        if isinstance(attr_val, Parameter):
            named: Iterable[tuple[str, Any]] = self.root.named_parameters()
        elif self.proxy_buffer_attributes and isinstance(attr_val, Tensor):
            named = self.root.named_buffers()
        else:
            return attr_val
        for name, value in named:
            if value is attr_val:
                if name not in parameter_proxy_cache:
                    further: dict[str, Any] = {}
                    if self.param_shapes_constant:
                        further["proxy_factory_fn"] = functools.partial(_parameter_proxy, self, name, attr_val)
                    parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {}, **further)
                return parameter_proxy_cache[name]
        return attr_val

    def create_arg(self, a: Any) -> Argument:
        """A value as an argument of a node; tensors and modules are attributes of the root, or become one."""
        if isinstance(a, Parameter):
            named: Iterable[tuple[str, Any]] = self.root.named_parameters()
        elif isinstance(a, Tensor):
            named = self.root.named_buffers()
        elif isinstance(a, Module):
            named = self.root.named_modules()
        else:
            if isinstance(a, tuple) and hasattr(a, "_fields"):
                return self.create_node("call_function", type(a), tuple(self.create_arg(element) for element in a), {})
            return self._kept(a, f"_{type(a).__name__}_constant_") if type(a) in _proxyable else super().create_arg(a)
        for name, value in named:
            if value is a:
                return self.create_node("get_attr", name, (), {})
        if isinstance(a, Parameter):
            raise NameError("parameter is not a member of this module")
        if isinstance(a, Tensor):
            if id(a) in self.tensor_attrs:
                return self.create_node("get_attr", self.tensor_attrs[id(a)], (), {})
            return self._kept(a, "_tensor_constant")
        return super().create_arg(a)

    def _kept(self, value: Any, prefix: str) -> Node:
        """A value that the program made, as an attribute of the root."""
        name = self.get_fresh_qualname(prefix)
        setattr(self.root, name, value)
        if isinstance(value, Tensor):
            self.tensor_attrs[id(value)] = name
        return self.create_node("get_attr", name, (), {})

    def get_fresh_qualname(self, prefix: str) -> str:
        """A name that the root has no attribute of."""
        number = 0
        while hasattr(self.root, f"{prefix}{number}"):
            number += 1
        return f"{prefix}{number}"

    # The trace

    def trace(self, root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module's forward, or of a function; `concrete_args` are arguments that aren't to be the graph's."""
        if isinstance(root, Module):
            self.root = root
            function = getattr(type(root), self.traced_func_name)
            self.root_module_name = root._get_name()
            self.submodule_paths = {module: name for name, module in root.named_modules()}
        else:
            self.root, function = Module(), root
        self.graph = Graph(tracer_cls=type(self))
        self.tensor_attrs = {}
        for path, module in self.root.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Tensor):
                    self.tensor_attrs[id(value)] = f"{path}.{name}".lstrip(".")
        function_globals = getattr(inspect.unwrap(function), "__globals__", {})
        annotations = _annotations(function)
        function, args = self.create_args_for_root(function, isinstance(root, Module), concrete_args)
        with self._patched(function_globals):
            result = self.create_arg(function(*args))
            self.create_node("output", "output", (result,), {}, type_expr=annotations.get("return"))
        self.submodule_paths = None
        return self.graph

    @contextmanager
    def _patched(self, function_globals: dict[str, Any]) -> Iterator[None]:
        global _depth
        read, call = Module.__getattr__, Module.__call__
        cache: dict[str, Any] = {}
        patches = _Patches()

        @functools.wraps(read)
        def read_and_noted(module: Module, name: str) -> Any:
            return self.getattr(name, read(module, name), cache)

        @functools.wraps(call)
        def call_and_noted(module: Module, *args: Any, **kwargs: Any) -> Any:
            patches.functions(getattr(module.forward, "__globals__", {}), self._autowrap_function_ids)
            return self.call_module(module, lambda *a, **k: call(module, *a, **k), args, kwargs)

        _depth += 1
        try:
            patches.attribute(Module, "__getattr__", read_and_noted)
            patches.attribute(Module, "__call__", call_and_noted)
            for (_, name), namespace in list(_wrapped.items()):
                original = namespace.get(name, getattr(builtins, name, None))
                if original is not None:
                    patches.item(namespace, name, _noted(original))
            for namespace in (function_globals, *map(vars, self._autowrap_search)):
                patches.functions(namespace, self._autowrap_function_ids)
            with _Noting():
                yield
        finally:
            patches.undo()
            _depth -= 1

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: dict[str, Any] | tuple[Any, ...] | None = None
    ) -> tuple[Callable[..., Any], list[Any]]:
        """The function, and what it is called with: the root where it is a module's, and proxies of new placeholders."""
        plain = inspect.unwrap(root_fn)
        code: CodeType = plain.__code__
        named = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        args: list[Any] = []
        if is_module:
            if not named:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            args.append(self.root)
            named = named[1:]
        if isinstance(concrete_args, tuple):
            if len(concrete_args) != len(named):
                raise RuntimeError(f"Tracing expected {len(named)} arguments but got {len(concrete_args)} concrete arguments")
            concrete_args = dict(zip(named, concrete_args))
        parameters, annotations = inspect.signature(plain).parameters, _annotations(plain)
        for name in named:
            default = parameters[name].default
            given = () if default is inspect.Parameter.empty else (default,)
            if concrete_args is not None and name in concrete_args and concrete_args[name] is not PH:
                args.append(self._specialized(name, concrete_args[name], given))
            else:
                args.append(self.create_proxy("placeholder", name, given, {}, type_expr=annotations.get(name)))
        starred = list(code.co_varnames[code.co_argcount + code.co_kwonlyargcount :])
        for flag, stars in ((inspect.CO_VARARGS, "*"), (inspect.CO_VARKEYWORDS, "**")):
            if code.co_flags & flag:
                args.append(self.create_proxy("placeholder", stars + starred.pop(0), (), {}))
        if code.co_kwonlyargcount or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            return _with_positions(plain, len(args)), args
        return root_fn, args

    def _specialized(self, name: str, value: Any, default: tuple[Any, ...]) -> Any:
        """An argument that is fixed: it remains one of the function, which checks that it is what it was."""
        if len(flatten(value)[0]) != 1 or isinstance(value, (tuple, list, dict)):
            raise NotImplementedError(f"concrete_args['{name}'] is a container; give its elements as arguments of their own")
        proxy = self.create_proxy("placeholder", f"{name}_1", default, {})
        message = f"{name} has been specialized to have value {value} but got another value"
        if value is None:
            self.create_proxy("call_function", _assert_is_none, (proxy, message), {})
        elif isinstance(value, (bool, int, float, str)):
            self.create_proxy("call_function", _assert, (proxy == value, message), {})
        else:
            warnings.warn(f"Was not able to add assertion to guarantee correct input {name} to specialized function. It is up "
                          "to the user to make sure that your inputs match the inputs you specialized the function with.",
                          stacklevel=4)  # fmt: skip
        return value


def _parameter_proxy(tracer: Tracer, name: str, parameter: Tensor, node: Node) -> ParameterProxy:
    return ParameterProxy(tracer, node, name, parameter)


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """A function's annotations that are objects and say something."""
    found = getattr(inspect.unwrap(function), "__annotations__", {})
    return {name: kind for name, kind in found.items() if not isinstance(kind, str) and kind is not Any}


def _assert_is_none(value: Any, msg: str) -> None:
    assert value is None, msg


def _with_positions(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The function with `*args`, `**kwargs` and what is by keyword only taken by position, so that each may be one proxy."""
    assert isinstance(function, FunctionType)
    code = function.__code__
    flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    plain = code.replace(co_argcount=count, co_posonlyargcount=0, co_kwonlyargcount=0, co_flags=flags)
    made = FunctionType(plain, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def symbolic_trace(root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """The module or function as a `GraphModule`, whose graph can be read and changed.

    Its submodules and parameters are those of `root`. Raises `TraceError` where the program asks for a value (`if`, `for`).

    >>> torch.fx.symbolic_trace(lambda x: torch.relu(x) * 2).code.strip().splitlines()[-1].strip()
    'return mul'
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    return GraphModule(tracer.root, graph, type(root).__name__ if isinstance(root, Module) else root.__name__)
