"""The list of operators: `@operator` puts a function into the `flambeau` namespace and onto `Tensor`.

Everything that must know the operators (the namespace, the tensor's methods, in-place variants, `out=`, the stubs, the tests)
reads `OPERATORS`. May import `flambeau.tensor`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType, MappingProxyType
from typing import Any, TypeVar

from flambeau.autograd.entries import PrimitiveGradient, entitle
from flambeau.autograd.modes import state
from flambeau.autograd.names import OF_OPERATORS, full_name
from flambeau.autograd.tape import SavedTensor
from flambeau.dtypes import c_name_of_dtype, can_cast, name_of_dtype
from flambeau.ops.arguments import Arguments
from flambeau.ops.autocast import casting
from flambeau.ops.remembered import remembering
from flambeau.ops.spellings import with_spellings
from flambeau.shapes.strides import is_dense
from flambeau.tensor import Tensor, from_node, overridable

__all__ = [
    "OPERATORS", "Operator", "check_apart", "check_overlap", "in_place", "operator", "scalar_name", "write_in_place",
    "write_made", "write_out",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operator:
    """One operator: where it can be reached and the function behind it.

    `name` is PyTorch's; `namespace` the module that holds it ("" for `flambeau` itself, "nn.functional", "linalg", …), or None
    for a method only; `is_method`: also a method of Tensor; `has_inplace`: `name_` exists as a method; `takes_out`: accepts
    `out=`.
    """

    name: str
    function: Callable[..., Any]
    public: Callable[..., Any]
    namespace: str | None
    is_method: bool
    has_inplace: bool
    takes_out: bool


OPERATORS: dict[tuple[str | None, str], Operator] = {}
"""By (namespace, name)."""


def operator(
    *names: str,
    namespace: str | None = "",
    method: bool = True,
    inplace: bool = False,
    inplace_function: bool = False,
    apart: bool = False,
    out: bool | str | Callable[..., bool | str] = False,
    also: Mapping[str, str] = MappingProxyType({}),
    overridden: bool = True,
    seen: Callable[..., tuple[Any, ...]] | None = None,
    expanded: Callable[..., tuple[Any, ...]] | None = None,
    remembered: bool = False,
) -> Callable[[F], F]:
    """Registers a function under its own name, or under `names` (the first is the main one, others are aliases).

    With `inplace`, `Tensor.name_` writes the result into the tensor (`inplace_function`: also as a function, `torch.relu_`),
    whose other operands may share none of its memory where the places read or written are computed (`apart`, which holds for
    `out=`, too, and without `inplace` for the first operand); with `out`, the public function takes `out=` (a tensor, or a
    tuple for several results): of any dtype that the result's can be cast to, of that dtype alone if it is "exact", or, if it
    is "dtype", one whose dtype stands for `dtype=`; a tensor that it resizes is row-major if it is "contiguous", and otherwise
    laid out as the result; "joined" has the error of `cat`. Where that depends, `out` is a function of the result and the
    arguments. The first parameter of a method's function is the tensor.
    `expanded` gives the operands with which the in-place variant writes a tensor whose elements share memory, after `expand`,
    once each; without it that is an error. `also` gives parameters by other names that they are known by. What asks about
    objects of any kind isn't `overridden`: calls go past `__torch_function__`; `seen` gives the positional arguments that it is
    shown. What is `remembered` builds again what it built for operands of the same kinds (see `remembering`).
    """

    def register(function: F) -> F:
        unwrapped = function
        if remembered:
            function = remembering(function)  # type: ignore[assignment]
        plain: Callable[..., Any] = function
        function = casting(function, namespace, names[0] if names else function.__name__)  # type: ignore[assignment]
        spelled: Callable[..., Any] = with_spellings(function, also)
        called = _quick(spelled, plain)
        for name in names or (function.__name__,):
            if name in OF_OPERATORS:
                called = plain = spelled = _with_title(called, full_name(OF_OPERATORS[name]))
            around = _with_out(called, out, apart, inplace) if out else spelled
            title = f"{namespace}_{name}" if namespace in ("fft", "linalg", "special") else name  # PyTorch's, in errors
            as_method = _named(_method(spelled, plain, Arguments(unwrapped, title, True)), name)
            arguments = Arguments(unwrapped, title, False)
            public = as_method if namespace is None else overridable(around, plain, arguments, seen) if overridden else function
            if public is not function:
                _place(public, namespace, name)
            OPERATORS[namespace, name] = Operator(name, function, public, namespace, method, inplace, bool(out))
            if method:
                setattr(Tensor, name, as_method)
            if inplace:
                in_place = _in_place(called, name, apart, expanded, Arguments(unwrapped, title + "_", True))
                setattr(Tensor, name + "_", in_place)
                if inplace_function:
                    public = overridable(in_place, in_place, Arguments(unwrapped, title + "_", False))
                    _place(public, namespace, name + "_")
                    OPERATORS[namespace, name + "_"] = Operator(name + "_", in_place, public, namespace, False, False, False)
        return function

    return register


def _quick(around: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """`around` the function, or the function itself in calls without keywords outside of `autocast`, where that is the same."""
    if around is function:
        return function

    @functools.wraps(around)
    def quick(*args: Any, **kwargs: Any) -> Any:
        return around(*args, **kwargs) if kwargs or state.autocast is not None else function(*args)

    return quick


def _method(around: Callable[..., Any], function: Callable[..., Any], arguments: Arguments) -> Callable[..., Any]:
    """A method as `_quick` makes it, whose errors name the argument to blame.

    The function itself if nothing is around it and it has no parameter besides the tensor whose annotation tells what is wrong:
    the methods that are called most have no such parameter, and check their operand themselves.
    """
    if around is function and not arguments.has_kinds():
        return function
    is_checked, taken = arguments.is_checked(), arguments.taken

    @functools.wraps(around)
    def method(*args: Any, **kwargs: Any) -> Any:
        try:
            if is_checked:
                args, kwargs = taken(args, kwargs)
            return around(*args, **kwargs) if kwargs or state.autocast is not None else function(*args)
        except Exception:
            better = arguments.blamed(args, kwargs)
            if better is None:
                raise
            raise better from None

    return method


def _named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function, or one that does the same, with that name."""
    if function.__name__ == name:
        return function
    made: Any = FunctionType(function.__code__, function.__globals__, name, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(made, function, assigned=("__module__", "__doc__", "__annotations__"))
    made.__wrapped__ = getattr(function, "__wrapped__", function)  # signatures are looked up there
    return made


def _place(public: Callable[..., Any], namespace: str | None, name: str) -> None:
    """Names the place where everyone finds a function: pickle looks there."""
    if namespace is not None:
        public.__module__, public.__name__, public.__qualname__ = f"flambeau.{namespace}".rstrip("."), name, name


def _with_title(function: Callable[..., Any], title: str) -> Callable[..., Any]:
    """The function; the last entry that it puts onto the tape shows `title`."""

    @functools.wraps(function)
    def titled(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if state.enabled:
            for t in result if isinstance(result, tuple) else (result,):
                entry = t._grad_fn if isinstance(t, Tensor) else None
                if entry is not None and not any(isinstance(a, Tensor) and a._grad_fn is entry for a in args):
                    entitle(t, title)
        return result

    return titled


def _in_place(
    function: Callable[..., Any], name: str, apart: bool, expanded: Callable[..., tuple[Any, ...]] | None, arguments: Arguments
) -> Callable[..., Any]:
    is_checked = arguments.is_checked()

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        try:
            if is_checked:
                (self, *args), kwargs = arguments.taken((self, *args), kwargs)  # type: ignore[assignment]
            if expanded is not None and isinstance(self, Tensor) and self._repeats():
                warnings.warn(
                    f"Use of {name}_ on expanded tensors is deprecated. Please clone() the tensor before performing this "
                    "operation. This also applies to advanced indexing e.g. tensor[mask] = scalar",
                    stacklevel=2,
                )
                method(*expanded(self, *args, **kwargs))
                return self
            if apart:
                check_apart(self, *args, *kwargs.values())
            return in_place(function, self, *args, **kwargs)
        except Exception:
            better = arguments.blamed((self, *args), kwargs)
            if better is None:
                raise
            raise better from None

    method.__name__ = method.__qualname__ = name + "_"
    method.__doc__ = f"`{name}`, written into this tensor."
    return method


def in_place(function: Callable[..., Tensor], target: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`function` of the tensor, written into it.

    On the tape, as in PyTorch, what the gradient reads of the old value is kept beside the new one, and what it reads of the
    result is the tensor's own, so that a later write to it is an error.
    """
    _check_overlaps(target, args, may_coincide=True)
    if not state.enabled or not (target.requires_grad or any(isinstance(a, Tensor) and a.requires_grad for a in args)):
        return write_in_place(target, function(target, *args, **kwargs))
    target._check_writable(True)
    if target._base is not None:
        target._refresh_history()
    before = from_node(target._value())
    before._requires_grad, before._grad_fn, before._output_index = target.requires_grad, target._grad_fn, target._output_index
    result = function(before, *args, **kwargs)
    write_in_place(target, result)
    entry = result._grad_fn
    if result.dtype is target.dtype and isinstance(entry, PrimitiveGradient) and entry.saved_output is not None:
        entry.saved_output = SavedTensor(target, True)
    return target


def check_apart(target: Tensor, *others: Any) -> None:
    """Raises RuntimeError where one of the others is a tensor that shares the memory written (see `check_overlap`)."""
    _check_overlaps(target, others, may_coincide=False)


def _check_overlaps(target: Any, others: Iterable[Any], may_coincide: bool) -> None:
    """`check_overlap` with each tensor among the others and in their lists, which may be the target itself if they coincide."""
    for other in others:
        if isinstance(other, (list, tuple)):
            _check_overlaps(target, other, may_coincide)
        elif isinstance(other, Tensor) and isinstance(target, Tensor) and other._storage is target._storage:
            check_overlap(target, other, may_coincide)


def check_overlap(target: Tensor, other: Tensor, may_coincide: bool = True) -> None:
    """Raises RuntimeError where a tensor that is written and one that is read share memory in part, so that order would matter.

    As in PyTorch this is looked into for dense tensors alone. The same elements in the same order are fine if they
    `may_coincide`: where an element is read before it is written.
    """
    if other is target:
        if not may_coincide:
            raise _overlap_error()
        return
    n, m = target.numel(), other.numel()
    start, other_start = target.storage_offset(), other.storage_offset()
    if not (n and m and _is_dense(target) and _is_dense(other)) or start + n <= other_start or other_start + m <= start:
        return
    if not may_coincide or start != other_start or n != m or target.stride() != other.stride():
        raise _overlap_error()


def _overlap_error() -> RuntimeError:
    return RuntimeError(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
        "location. Please clone() the tensor before performing the operation."
    )


def _is_dense(t: Tensor) -> bool:
    return is_dense(t._shape, t.stride())


def _with_out(
    function: Callable[..., Any], kind: bool | str | Callable[..., bool | str], apart: bool, inplace: bool
) -> Callable[..., Any]:
    @functools.wraps(function)
    def with_out(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            return function(*args, **kwargs)
        if kind == "dtype" and isinstance(out, Tensor):
            kwargs["dtype"] = kwargs.get("dtype") or out.dtype
        result = function(*args, **kwargs)
        own = kind(result, *args, **kwargs) if callable(kind) else kind
        if own in ("dtype", "exact"):
            _check_dtypes(out, result)
        if own == "joined" and isinstance(out, Tensor) and not can_cast(result.dtype, out.dtype):
            raise TypeError(f"torch.cat(): input types can't be cast to the desired output type {scalar_name(out)}")
        if own == "contiguous":
            result = result.contiguous()
        for target in (out,) if isinstance(out, Tensor) else out if isinstance(out, (list, tuple)) else ():
            _check_overlaps(target, args[:1], not apart or inplace)
            _check_overlaps(target, args[1:], not apart)
        return write_out(out, result)

    return with_out


def _check_dtypes(out: Any, result: Any) -> None:
    if isinstance(out, (tuple, list)) and isinstance(result, tuple):
        for target, found in zip(out, result):
            _check_dtypes(target, found)
    elif isinstance(out, Tensor) and isinstance(result, Tensor) and out.dtype is not result.dtype:
        names = c_name_of_dtype(result.dtype), c_name_of_dtype(out.dtype)
        raise RuntimeError("Expected out tensor to have dtype {}, but got {} instead".format(*names))


def _dtype_error(result: Tensor, target: Tensor) -> RuntimeError:
    return RuntimeError(f"result type {scalar_name(result)} can't be cast to the desired output type {scalar_name(target)}")


def scalar_name(t: Tensor) -> str:
    """PyTorch's internal name of a tensor's dtype, which its error messages use."""
    return name_of_dtype(t.dtype)


def write_in_place(target: Tensor, result: Tensor) -> Tensor:
    """Writes an operator's result into its first operand: the shape must stay, the dtype's category may not fall."""
    if tuple(result._shape) != tuple(target._shape):
        raise RuntimeError(f"output with shape {list(target._shape)} doesn't match the broadcast shape {list(result._shape)}")
    if result.dtype is not target.dtype:
        if not can_cast(result.dtype, target.dtype):
            raise _dtype_error(result, target)
        if result.dtype is target.dtype.real:  # no other operator makes real numbers of complex ones
            raise RuntimeError("In-place abs is not supported for complex tensors.")
        result = result.to(target.dtype)
    return target._assign(result)


def write_out(out: Any, result: Any, warns: bool = True) -> Any:
    """Writes results into the tensors given as `out=`, which take the results' shapes, and gives `out` back.

    Warns, as PyTorch does, where a tensor that has elements takes another shape.
    """
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"argument 'out' must be tuple of {len(result)} Tensors, not {type(out).__name__}")
        written = [write_out(o, r, warns) for o, r in zip(out, result)]
        return type(result)(*written) if hasattr(result, "_fields") else tuple(written)
    if not isinstance(out, Tensor):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if out._storage.device != result._storage.device:
        raise RuntimeError(f"Expected out tensor to have device {result.device}, but got {out.device} instead")
    if state.enabled and (result.requires_grad or out.requires_grad):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )
    if result.dtype is not out.dtype:
        if not can_cast(result.dtype, out.dtype):
            raise _dtype_error(result, out)
        result = result.to(out.dtype)
    if tuple(out._shape) != tuple(result._shape):
        if warns and out.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out._shape)}, which does not match "
                f"the required output shape {list(result._shape)}. This behavior is deprecated, and in a future PyTorch release "
                "outputs will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by "
                "resizing it, inplace, to zero elements with t.resize_(0).",
                stacklevel=4,
            )
        out._resize(tuple(result._shape))
        if result._strides is not None and not out._offset:
            out._strides = result._strides
    return out._assign(result)


def write_made(out: Any, result: Tensor) -> Any:
    """`write_out` for functions that make tensors from nothing: `out` has the dtype asked for, and takes any shape silently."""
    if isinstance(out, Tensor) and out.dtype is not result.dtype:
        names = scalar_name(result), scalar_name(out)
        raise RuntimeError("dtype {} does not match dtype of out parameter ({})".format(*names))
    return write_out(out, result, warns=False)
