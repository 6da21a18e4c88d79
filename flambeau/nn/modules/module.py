"""Module: the base class of everything with parameters.

May import: nn.parameter, autograd, tensor, storage, and the three files that hold its parts: module_tree, module_state, hooks.
"""

from __future__ import annotations

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from flambeau.nn.modules import hooks
from flambeau.nn.modules.hooks import *  # noqa: F403 - PyTorch keeps these names in this module
from flambeau.nn.modules.hooks import BackwardHook, WrappedHook
from flambeau.nn.modules.module_state import EXTRA_STATE_KEY_SUFFIX, IncompatibleKeys, ModuleState
from flambeau.nn.modules.module_tree import ModuleTree
from flambeau.nn.parameter import Buffer, Parameter
from flambeau.storage import RECORDERS, pending
from flambeau.tensor import Tensor
from flambeau.utils.hooks import RemovableHandle

__all__ = [*hooks.__all__, "Module"]
_IncompatibleKeys, _EXTRA_STATE_KEY_SUFFIX = IncompatibleKeys, EXTRA_STATE_KEY_SUFFIX


def type_name(value: Any) -> str:
    """The name that PyTorch's messages give to the type of `value` (`torch.typename`)."""
    if isinstance(value, Tensor):
        return str(value.type())
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    module = getattr(value, "__module__", "") or ""
    if name is None:
        module, name = type(value).__module__, type(value).__qualname__
    return name if module in ("", "builtins") else f"{module}.{name}"


def add_indent(text: str, spaces: int) -> str:
    """Indents every line but the first, and no blank one."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line if line.strip() else "" for line in rest)])


class Module(ModuleTree, ModuleState):
    """A part of a network: it holds parameters, buffers and other modules, and computes `forward`.

    Subclasses call `super().__init__()` first, assign `Parameter`s and `Module`s as attributes, and define `forward`.
    Calling the module runs its hooks around `forward`.

    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(4, 8)
    ...         self.out = nn.Linear(8, 2)
    ...     def forward(self, x):
    ...         return self.out(torch.relu(self.hidden(x)))
    >>> Net()
    Net(
      (hidden): Linear(in_features=4, out_features=8, bias=True)
      (out): Linear(in_features=8, out_features=2, bias=True)
    )
    >>> Net()(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    training: bool
    _is_full_backward_hook: bool | None
    dump_patches: bool = False
    call_super_init: bool = False
    _compiled_call_impl: Callable[..., Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            if kwargs:
                raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
            if args:
                raise TypeError(f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        self.__dict__.update(  # past __setattr__, which looks at these
            training=True,
            _parameters={},
            _buffers={},
            _non_persistent_buffers_set=set(),
            _backward_pre_hooks=OrderedDict(),
            _backward_hooks=OrderedDict(),
            _is_full_backward_hook=None,
            _forward_hooks=OrderedDict(),
            _forward_hooks_with_kwargs=OrderedDict(),
            _forward_hooks_always_called=OrderedDict(),
            _forward_pre_hooks=OrderedDict(),
            _forward_pre_hooks_with_kwargs=OrderedDict(),
            _state_dict_hooks=OrderedDict(),
            _state_dict_pre_hooks=OrderedDict(),
            _load_state_dict_pre_hooks=OrderedDict(),
            _load_state_dict_post_hooks=OrderedDict(),
            _modules={},
        )
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # Registration

    def _check_name(self, kind: str, name: Any, registered: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type_name(name)}")
        if hasattr(self, name) and name not in registered:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is state but no parameter; it goes into the `state_dict` if `persistent`."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{type_name(tensor)}' object to buffer '{name}' (torch Tensor or None required)")
        for hook in hooks.buffer_registration.values():
            tensor = _replaced(hook(self, name, tensor), tensor)
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under `name`; None holds the place of one that is left out."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{type_name(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model "
                    f"parameters must be created explicitly. To express '{name}' "
                    "as a function of another Tensor, compute the value in "
                    "the forward() method."
                )
            for hook in hooks.parameter_registration.values():
                param = _replaced(hook(self, name, param), param)
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a submodule under `name`; None holds the place of one that is left out."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{type_name(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        for hook in hooks.module_registration.values():
            module = _replaced(hook(self, name, module), module)
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """`add_module` by another name."""
        self.add_module(name, module)

    # Attributes

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for registered in ("_parameters", "_buffers", "_modules"):
            if registered in own and name in own[registered]:
                return own[registered][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _forget(self, name: str, *places: str) -> None:
        own = self.__dict__
        own.pop(name, None)
        for place in places:
            own[place].pop(name, None)
        own["_non_persistent_buffers_set"].discard(name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        params = own.get("_parameters")
        if isinstance(value, Parameter):
            if params is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_buffers", "_modules")
            self.register_parameter(name, value)
            return
        if params is not None and name in params:
            if value is not None:
                raise TypeError(f"cannot assign '{type_name(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)")
            self.register_parameter(name, value)
            return
        modules = own.get("_modules")
        if isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_parameters", "_buffers")
        elif modules is None or name not in modules:
            self._set_buffer_or_attribute(name, value)
            return
        elif value is not None:
            raise TypeError(f"cannot assign '{type_name(value)}' as child module '{name}' (torch.nn.Module or None expected)")
        for hook in hooks.module_registration.values():
            value = _replaced(hook(self, name, value), value)
        modules[name] = value

    def _set_buffer_or_attribute(self, name: str, value: Any) -> None:
        buffers = self.__dict__.get("_buffers")
        if not isinstance(value, Buffer) and (buffers is None or name not in buffers):
            object.__setattr__(self, name, value)
            return
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{type_name(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"
            )
        persistent = value.persistent if isinstance(value, Buffer) else name not in self._non_persistent_buffers_set
        takes_persistent = "persistent" in inspect.signature(self.register_buffer).parameters
        if takes_persistent:
            self.register_buffer(name, value, persistent)
        elif persistent:
            self.register_buffer(name, value)
        else:
            raise RuntimeError(
                "Registering a non-persistent buffer on a Module subclass that implements "
                "register_buffer() without the persistent argument is not allowed."
            )

    def __delattr__(self, name: str) -> None:
        for registered in (self._parameters, self._buffers, self._modules):
            if name in registered:
                del registered[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers}
        return sorted(name for name in names if not name[0].isdigit())

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # Hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """`hook(module, args) -> None or new args`; with kwargs `hook(module, args, kwargs) -> None or (args, kwargs)`."""
        return hooks.add(self._forward_pre_hooks, hook, [(self._forward_pre_hooks_with_kwargs, with_kwargs)], prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """`hook(module, args[, kwargs], output) -> None or new output`; `always_call` even when `forward` raised."""
        flags = [(self._forward_hooks_with_kwargs, with_kwargs), (self._forward_hooks_always_called, always_call)]
        return hooks.add(self._forward_hooks, hook, flags, prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_output) -> None or new grad_output`, called before the module's backward."""
        return hooks.add(self._backward_pre_hooks, hook, prepend=prepend)

    def _set_backward_hook_kind(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
            )
        self._is_full_backward_hook = full

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_input, grad_output) -> None or new grad_input`, called when the input's gradients are known."""
        self._set_backward_hook_kind(full=True)
        return hooks.add(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Deprecated in PyTorch: `hook(module, grad_input, grad_output)` on the last operation of `forward`."""
        self._set_backward_hook_kind(full=False)
        return hooks.add(self._backward_hooks, hook)

    # The call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        return self._call_impl(*args, **kwargs)

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        if RECORDERS and pending.recorder is not None:
            pending.recorder.call_module(self)
        if not (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or hooks.forward
            or hooks.forward_pre
            or hooks.backward
            or hooks.backward_pre
        ):
            return self.forward(*args, **kwargs)
        called: set[int] = set()
        try:
            return self._call_with_hooks(args, kwargs, called)
        except Exception:
            self._call_always_called_hooks(args, kwargs, called)
            raise

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int]) -> Any:
        full_hooks = [*hooks.backward.values()] if hooks.is_full_backward is True else []
        plain_hooks = [] if hooks.is_full_backward is True else [*hooks.backward.values()]
        (full_hooks if self._is_full_backward_hook is True else plain_hooks).extend(self._backward_hooks.values())
        backward_pre_hooks = [*hooks.backward_pre.values(), *self._backward_pre_hooks.values()]

        for key, hook in (*hooks.forward_pre.items(), *self._forward_pre_hooks.items()):
            if key in self._forward_pre_hooks_with_kwargs:
                new = hook(self, args, kwargs)
                if new is None:
                    continue
                if not (isinstance(new, tuple) and len(new) == 2):
                    raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {new}.")
                args, kwargs = new
            else:
                new = hook(self, args)
                if new is not None:
                    args = new if isinstance(new, tuple) else (new,)

        boundary = BackwardHook(self, full_hooks, backward_pre_hooks) if full_hooks or backward_pre_hooks else None
        if boundary is not None:
            args = boundary.setup_input_hook(args)

        result = self.forward(*args, **kwargs)

        for key, hook in (*hooks.forward.items(), *self._forward_hooks.items()):
            called.add(key)
            if key in self._forward_hooks_with_kwargs or key in hooks.forward_with_kwargs:
                result = _replaced(hook(self, args, kwargs, result), result)
            else:
                result = _replaced(hook(self, args, result), result)

        if boundary is not None:
            if not isinstance(result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors"
                    f" but received {type(result)}",
                    stacklevel=4,
                )
            result = boundary.setup_output_hook(result)
        if plain_hooks:
            self._hook_last_operation(result, plain_hooks)
        return result

    def _hook_last_operation(self, result: Any, plain_hooks: list[Callable[..., Any]]) -> None:
        first = result
        while not isinstance(first, Tensor):
            first = next(v for v in first.values() if isinstance(v, Tensor)) if isinstance(first, dict) else first[0]
        if first.grad_fn is not None:
            for hook in plain_hooks:
                first.grad_fn.register_hook(WrappedHook(hook, self))

    def _call_always_called_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int]) -> None:
        """After an error, runs the forward hooks with `always_call` that haven't run; their own errors become warnings."""
        places = (
            ("global module", hooks.forward, hooks.forward_always_called, hooks.forward_with_kwargs),
            ("module", self._forward_hooks, self._forward_hooks_always_called, self._forward_hooks_with_kwargs),
        )
        for where, registered, always_called, with_kwargs in places:
            for key, hook in registered.items():
                if key not in always_called or key in called:
                    continue
                try:
                    hook(self, args, kwargs, None) if key in with_kwargs else hook(self, args, None)
                except Exception as error:
                    warnings.warn(
                        f"{where} forward hook with ``always_call=True`` raised an exception "
                        f"that was silenced as another error was raised in forward: {error!s}",
                        stacklevel=4,
                    )

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compiles the module's call in place: `flambeau.compile` of it, with the same arguments."""
        from flambeau.recording import compile

        self._compiled_call_impl = compile(self._call_impl, *args, **kwargs)

    def _with_compiled_call(self, compiled: Callable[..., Any]) -> Module:
        """What `flambeau.compile(module)` gives: this module, called through its recordings."""
        from flambeau.nn.compiled import CompiledModule

        return CompiledModule(self, compiled)

    # Text

    def extra_repr(self) -> str:
        """What a subclass wants inside the brackets of its repr."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [f"({name}): {add_indent(repr(module), 2)}" for name, module in self._modules.items()]
        if len(extra_lines) == 1 and not child_lines:
            return f"{self._get_name()}({extra_lines[0]})"
        if not extra_lines and not child_lines:
            return f"{self._get_name()}()"
        return "{}(\n  {}\n)".format(self._get_name(), "\n  ".join(extra_lines + child_lines))


def _replaced(new: Any, old: Any) -> Any:
    return old if new is None else new
