"""Which argument made a call fail: TypeErrors that name it in PyTorch's words, from the annotations of an operator's parameters.

`ops/registry.py` asks here about a call that raised: what an operator's own text makes of an argument of another kind (an
AttributeError where a list stands for a tensor, a comparison that Python refuses) is then no matter of chance. Whole numbers,
truth values, dtypes and words are looked at before the call (`Arguments.taken`), since an operator's text, and all that is
remembered of sizes, may take 1.0 or True for 1; NumPy's numbers, and tensors of one whole number, become Python's there. Other
tensors aren't looked at, which show at once what else they are. May import `flambeau.tensor`, `flambeau.dtypes`,
`flambeau.device`, `flambeau.ops.operands` and `flambeau.ops.spellings`.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from flambeau.device import device
from flambeau.dtypes import dtype
from flambeau.ops.operands import as_python
from flambeau.ops.spellings import NUMPY
from flambeau.tensor import Tensor

__all__ = ["Arguments"]


def _type_name(value: Any) -> str:
    """The name of a value's type in PyTorch's errors."""
    kind = type(value)
    if kind in (dtype, device):
        return f"torch.{kind.__name__}"
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def _is_numpy_scalar(value: Any) -> bool:
    """Whether a value is one of NumPy's numbers, which needs no NumPy to be told."""
    return type(value).__module__ == "numpy" and not hasattr(value, "__len__")


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or (_is_numpy_scalar(value) and type(value).__name__ in ("bool", "bool_"))


def _is_int(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.dtype.category == 1
    return not _is_bool(value) and hasattr(type(value), "__index__") and not hasattr(type(value), "__len__")


def _is_float(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value._shape and value.dtype.category < 3 and not value.requires_grad
    return isinstance(value, (int, float)) or (_is_numpy_scalar(value) and not isinstance(value, complex))


def _is_number(value: Any) -> bool:
    return isinstance(value, complex) or _is_float(value)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _is_generator(value: Any) -> bool:
    return hasattr(value, "next_block")


_ONE: dict[str, tuple[str, str, Callable[[Any], bool]]] = {
    "Tensor": ("Tensor", "Tensors", _is_tensor),
    "bool": ("bool", "bools", _is_bool),
    "int": ("int", "ints", _is_int),
    "float": ("float", "floats", _is_float),
    "complex": ("Number", "Numbers", _is_number),
    "str": ("str", "strs", lambda value: isinstance(value, str)),
    "dtype": ("torch.dtype", "torch.dtypes", lambda value: isinstance(value, dtype) or value in (bool, int, float)),
    "Generator": ("torch.Generator", "torch.Generators", _is_generator),
    "None": ("None", "None", lambda value: value is None),
}
"""For each name in annotations: how PyTorch's errors call one such value and several, and what is one."""


class _Kind(NamedTuple):
    """One alternative of an annotation: values of these names, or sequences of them."""

    names: tuple[str, ...]
    is_sequence: bool

    def takes_one(self, value: Any) -> bool:
        return any(_ONE[name][2](value) for name in self.names)

    def takes(self, value: Any) -> bool:
        if self.is_sequence:
            return isinstance(value, (tuple, list)) and all(map(self.takes_one, value))
        return self.takes_one(value)

    def __str__(self) -> str:
        words = [_ONE[name][:2] for name in self.names if name != "None"]
        names = [several if self.is_sequence else one for one, several in words]
        return ("tuple of " if self.is_sequence else "") + " or ".join(names)


_ALTERNATIVE = re.compile(r" \| (?![^\[]*\])")
_SEQUENCE = re.compile(r"Sequence\[(.*)\]")


def _kinds(annotation: Any) -> tuple[_Kind, ...] | None:
    """The alternatives of an annotation; None for one with words that are not in the table, which says nothing here."""
    found = []
    for part in _ALTERNATIVE.split(str(annotation)):
        sequence = _SEQUENCE.fullmatch(part)
        names = tuple(sequence[1].split(" | ")) if sequence else (part,)
        if not all(name in _ONE for name in names):
            return None
        found.append(_Kind(names, sequence is not None))
    return tuple(found)


class _Parameter(NamedTuple):
    name: str
    kinds: tuple[_Kind, ...] | None
    by_place: bool


@functools.cache
def _parameters(function: Callable[..., Any]) -> tuple[_Parameter, ...]:
    """The parameters of the function that others may stand around; those from `*sizes` on have no place."""
    found, by_place = [], True
    for p in inspect.signature(function).parameters.values():
        by_place = by_place and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        if p.kind is not p.VAR_KEYWORD:
            found.append(_Parameter(p.name, None if p.kind is p.VAR_POSITIONAL else _kinds(p.annotation), by_place))
    return tuple(found)


_EXACT: dict[str, tuple[type, ...]] = {
    "bool": (bool,), "int": (int,), "float": (float, int), "complex": (complex, float, int),
    "str": (str,), "dtype": (dtype,), "None": (type(None),),
}  # fmt: skip
"""The types of which every value is one of the kind."""


class _Right(NamedTuple):
    """Types of which every value is right for a parameter: of the argument itself, and of all items of a tuple or list."""

    types: frozenset[type]
    items: frozenset[type]

    def holds(self, value: Any) -> bool:
        """Whether the value needs no second look."""
        kind = type(value)
        if kind in self.types:
            return True
        return (kind is tuple or kind is list) and bool(self.items) and self.items.issuperset(map(type, value))

    def as_number(self, value: Any) -> Any:
        """A value of NumPy's as one of Python's, and so a tensor where a whole number is asked for: sizes and places."""
        if isinstance(value, Tensor):
            return value if float in self.types else value.item()
        if isinstance(value, (tuple, list)) and float not in self.items and any(isinstance(v, Tensor) for v in value):
            return type(value)(v.item() if isinstance(v, Tensor) else as_python(v) for v in value)
        return as_python(value)


def _right(p: _Parameter) -> _Right | None:
    """What is surely right for a parameter; None where arguments aren't looked at before the call."""
    if p.kinds is None or not all(name in _EXACT for kind in p.kinds for name in kind.names):
        return None
    found: tuple[set[type], set[type]] = set(), set()
    for kind in p.kinds:
        for name in kind.names:
            found[kind.is_sequence].update(_EXACT[name])
    return _Right(*map(frozenset, found))


class Arguments:
    """What calls of a function may be made with.

    `title` is the function's name in errors; in a method's call the tensor doesn't count among the positions. What the
    annotations say is looked into at the first call.
    """

    __slots__ = ("_by_name", "_places", "function", "is_method", "title")

    def __init__(self, function: Callable[..., Any], title: str, is_method: bool) -> None:
        self.function, self.title, self.is_method = function, title, is_method
        self._places: list[tuple[int, _Right]] = []
        self._by_name: dict[str, _Right] | None = None

    def has_kinds(self) -> bool:
        """Whether an annotation of a parameter after the first says something; told without looking into it, at import."""
        return any(name != "return" and said != "Any" for name, said in list(self.function.__annotations__.items())[1:])

    def is_checked(self) -> bool:
        """Whether a parameter may be one that `taken` looks at; told without looking into it."""
        said = [what for name, what in self.function.__annotations__.items() if name != "return"]
        return any("Tensor" not in what and what != "Any" for what in said)

    def taken(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Before a call: its arguments, NumPy's numbers as Python's, and tensors where they stand for whole numbers.

        Raises the error that `blamed` gives, if an argument that isn't a tensor is to blame.
        """
        by_name = self._by_name
        if by_name is None:
            by_name = self._look_into()
        for place, right in self._places:
            if place < len(args) and not right.holds(args[place]):
                break
        else:
            if not any(name in by_name and not by_name[name].holds(value) for name, value in kwargs.items()):
                return args, kwargs
        if (error := self.blamed(args, kwargs)) is not None:
            raise error
        places = dict(self._places)
        return (
            tuple(places[place].as_number(value) if place in places else value for place, value in enumerate(args)),
            {name: by_name[name].as_number(value) if name in by_name else value for name, value in kwargs.items()},
        )

    def _look_into(self) -> dict[str, _Right]:
        parameters = _parameters(self.function)
        right = {p.name: one for p in parameters if (one := _right(p)) is not None}
        self._places = [(place, right[p.name]) for place, p in enumerate(parameters) if p.by_place and p.name in right]
        found = self._by_name = _with_other_names(right)
        return found

    def blamed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception | None:
        """What to raise for a call, if an argument is to blame; else None.

        TypeError for an argument of another kind than its parameter's annotation says, ValueError for a whole number that takes
        more than 64 bits.
        """
        parameters = _parameters(self.function)
        by_name = _with_other_names({p.name: p for p in parameters})
        given = [(p, place, value) for place, (p, value) in enumerate(zip(parameters, args)) if p.by_place]
        named = [(by_name[name], None, value) for name, value in kwargs.items() if name in by_name]
        for p, place, value in (*given, *named):
            if p.kinds is None:
                continue
            if not any(kind.takes(value) for kind in p.kinds):
                return _of_another_kind(self.title, self.is_method, p, place, value)
            if isinstance(value, int) and not -(2**63) <= value < 2**63 and any("int" in kind.names for kind in p.kinds):
                return ValueError(f"Overflow when unpacking long long: {self.title}(): argument '{p.name}' is {value}")
        return None


def _with_other_names(by_name: dict[str, Any]) -> dict[str, Any]:
    return by_name | {other: by_name[name] for name, other in NUMPY.items() if name in by_name and other not in by_name}


def _of_another_kind(title: str, is_method: bool, p: _Parameter, place: int | None, value: Any) -> TypeError:
    if is_method and place == 0:
        return TypeError(f"descriptor '{title}' for 'Tensor' objects doesn't apply to a '{_type_name(value)}' object")
    where = "" if place is None else f" (position {place + (not is_method)})"
    kinds = [kind for kind in p.kinds or () if kind.names != ("None",)]
    start = f"{title}(): argument '{p.name}'{where} must be {' or '.join(map(str, kinds))}, "
    sequence = next((kind for kind in kinds if kind.is_sequence), None)
    if sequence is not None and isinstance(value, (tuple, list)):
        at = next(i for i, item in enumerate(value) if not sequence.takes_one(item))
        return TypeError(f"{start}but found element of type {_type_name(value[at])} at pos {at}")
    return TypeError(f"{start}not {_type_name(value)}")
