"""`__torch_function__`: what classes and modes see and get, in both libraries."""

from __future__ import annotations

import operator
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
import torch

import flambeau
import flambeau.overrides

LIBRARIES = [torch, flambeau]


def test_nothing_of_flambeau_itself_overrides() -> None:
    """Else every call would look for who does."""
    code = "import sys, flambeau, flambeau.nn; print(sys.modules['flambeau.tensor.overriding']._is_active)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "False", found.stderr


def _logging_class(library: ModuleType) -> Any:
    class Logged(library.Tensor):  # type: ignore[misc, name-defined]
        log: list[str] = []

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            cls.log.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    return Logged


def test_a_tensor_on_the_left_stays_there() -> None:
    """Python asks the right operand's class first where it is a subclass."""
    for operation in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "matmul",
        "and_",
        "or_",
        "xor",
        "lshift",
        "rshift",
    ):
        found = []
        for library in LIBRARIES:
            logged = _logging_class(library)
            a, b = library.tensor([[5, 2], [3, 4]]), library.tensor([[1, 3], [2, 1]])
            results = [
                getattr(operator, operation)(*operands)
                for operands in (
                    (a, b.as_subclass(logged)),
                    (a.as_subclass(logged), b),
                    (a.as_subclass(logged), b.as_subclass(logged)),
                )
            ]
            found.append(([r.tolist() for r in results], [n for n in logged.log if n not in ("tolist", "__get__")]))
        assert found[0] == found[1], operation


def _outcomes(library: ModuleType) -> list[Any]:
    """Types and calls seen of a program with a subclass."""
    logged = _logging_class(library)
    x = logged([1.0, 2.0, 3.0])
    plain = library.ones(3)
    programs = [
        lambda: x + 1, lambda: 1 + x, lambda: plain + x, lambda: x - 1, lambda: 1 - x, lambda: x / 2, lambda: 2 / x, lambda: x**2,
        lambda: x @ x, lambda: -x, lambda: x > 1, lambda: x == 1, lambda: x[0], lambda: x.exp(), lambda: library.exp(x),
        lambda: library.stack([x, plain]), lambda: x.max(0), lambda: x.split(2), lambda: x.shape, lambda: x.sum().item(),
        lambda: library.zeros_like(x), lambda: x.new_ones(2), lambda: x.to(library.float64), lambda: x.detach(),
        lambda: x.add_(1), lambda: library.nn.functional.relu(x),
        lambda: library.nn.functional.linear(plain, library.ones(2, 3).as_subclass(logged)),
        lambda: library.add(x, x, alpha=2), lambda: library.cat((plain, x)), lambda: x.real, lambda: library.nn.Linear(3, 2)(x),
        lambda: repr(x), lambda: x.__setitem__(0, 5.0), lambda: plain - x, lambda: plain / x, lambda: plain**x, lambda: plain @ x,
    ]  # fmt: skip
    found = []
    for program in programs:
        logged.log.clear()
        result = program()
        parts = result if isinstance(result, tuple) else (result,)
        found.append(([type(p).__name__ for p in parts], type(result).__name__, list(logged.log)))
    return found


def test_a_subclass_sees_the_same_calls_and_results_are_of_its_class() -> None:
    mine, theirs = _outcomes(flambeau), _outcomes(torch)
    for i, (a, b) in enumerate(zip(mine, theirs)):
        assert a == b, i


@pytest.mark.parametrize("library", LIBRARIES)
def test_subclasses_of_subclasses_come_first(library: ModuleType) -> None:
    first = _logging_class(library)

    class Second(first):  # type: ignore[misc, valid-type]
        pass

    a, b = first([1.0]), Second([2.0])
    assert type(a + b) is Second
    assert type(b + a) is Second


@pytest.mark.parametrize("library", LIBRARIES)
def test_gradients_of_a_subclass(library: ModuleType) -> None:
    logged = _logging_class(library)
    leaf = library.tensor([1.0, 2.0], requires_grad=True)
    seen = leaf.as_subclass(logged)
    (seen * seen).sum().backward()
    assert leaf.grad.tolist() == [2.0, 4.0]
    own = library.ones(2).as_subclass(logged).requires_grad_()
    (own * 3).sum().backward()
    assert type(own.grad) is library.Tensor
    assert own.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_parameter_of_a_subclass_is_of_that_class(library: ModuleType) -> None:
    logged = _logging_class(library)
    parameter = library.nn.Parameter(logged([[1.0, 2.0]]))
    assert type(parameter) is logged
    assert isinstance(parameter, library.nn.Parameter)
    assert parameter.requires_grad
    layer = library.nn.Linear(2, 1)
    layer.weight = parameter
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert type(layer(library.ones(1, 2))) is logged


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_class_that_stands_for_a_tensor(library: ModuleType) -> None:
    class Diagonal:
        def __init__(self, n: int, value: float) -> None:
            self.n, self.value = n, value

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is library.mean:
                return args[0].value / args[0].n
            if func is library.add:
                return "sum", types
            return NotImplemented

    d = Diagonal(4, 2.0)
    assert library.mean(d) == 0.5
    assert library.add(library.ones(2), d) == ("sum", (Diagonal,))
    with pytest.raises(TypeError, match=r"Multiple dispatch failed for 'torch\.mul'"):
        library.mul(d, 2)
    assert library.overrides.has_torch_function((d,))
    assert not library.overrides.has_torch_function((library.ones(1), 3))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_mode_sees_all_calls_while_it_lasts(library: ModuleType) -> None:
    seen = []

    class Watch(library.overrides.TorchFunctionMode):  # type: ignore[misc, name-defined]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func.__name__)
            return func(*args, **(kwargs or {}))

    method = library.Tensor.sin
    with Watch():
        x = library.zeros(2)
        (x + 1).sin()
        library.nn.functional.relu(x)
        with library._C.DisableTorchFunction():
            x.cos()
    x.cos()
    assert seen == ["zeros", "add", "sin", "relu"]
    assert library.Tensor.sin is method


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_class_that_is_made_of_more_than_numbers(library: ModuleType) -> None:
    class Sampled(library.Tensor):  # type: ignore[misc, name-defined]
        def __new__(cls, numbers: Any, rate: int, unit: str = "s") -> Any:
            return super().__new__(cls, numbers)

        def __init__(self, numbers: Any, rate: int, unit: str = "s") -> None:
            super().__init__()
            self.rate, self.unit = rate, unit

    class Noted(library.Tensor):  # type: ignore[misc, name-defined]
        def __new__(cls, *numbers: Any, note: str) -> Any:
            made = library.Tensor._make_subclass(cls, library.Tensor(*numbers))
            made.note = note
            return made

    class Plain(library.Tensor):  # type: ignore[misc, name-defined]
        pass

    x = Sampled([1.0, 2.0], 3, unit="ms")
    assert type(x) is Sampled and x.tolist() == [1, 2] and (x.rate, x.unit) == (3, "ms")
    y = Noted([1.0, 2.0], note="two")
    assert type(y) is Noted and y.tolist() == [1, 2] and y.note == "two"
    assert type(Plain(2, 3)) is Plain and Plain(2, 3).shape == (2, 3)
    with pytest.raises(TypeError):
        Plain([1.0], note="two")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_class_that_overrides_nothing(library: ModuleType) -> None:
    class Plain(library.Tensor):  # type: ignore[misc, name-defined]
        __torch_function__ = library._C._disabled_torch_function_impl

    x = library.ones(2).as_subclass(Plain)
    assert type(x + 1) is library.Tensor
    assert repr(x) == "Plain([1., 1.])"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_function_of_ones_own_can_be_overridden(library: ModuleType) -> None:
    @library.overrides.wrap_torch_function(lambda x: (x,))
    def twice(x: Any) -> Any:
        return x * 2

    logged = _logging_class(library)
    assert type(twice(logged([1.0]))) is logged
    assert logged.log[0] == "twice"
    assert twice(library.ones(1)).item() == 2.0


def test_names_of_functions() -> None:
    for library in LIBRARIES:
        assert library.overrides.resolve_name(library.add) == "torch.add"
        assert library.overrides.resolve_name(library.Tensor.add) == "torch.Tensor.add"
        assert library.overrides.is_tensor_method_or_property(library.Tensor.add)
        assert not library.overrides.is_tensor_method_or_property(library.add)
        assert library.add in library.overrides.get_overridable_functions()[library]
        assert library.overrides.is_tensor_like(library.ones(1))


def test_questions_about_objects_are_not_overridden():
    """`is_tensor` of an object that stands for a tensor is False, and the object isn't asked."""

    class Lazy:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            raise NotImplementedError(func.__name__)

    assert not flambeau.is_tensor(Lazy()) and not flambeau.is_storage(Lazy()) and flambeau.typename(Lazy()).endswith("Lazy")


@pytest.mark.parametrize("library", LIBRARIES)
def test_einsum_is_seen_in_one_form(library: ModuleType) -> None:
    """Lists of operands are taken apart, and sublists are an equation, before anybody sees the call."""
    seen: list[tuple[Any, int]] = []

    class Noting(library.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            if func is library.einsum:
                seen.append((args[0], len(args)))
            return super().__torch_function__(func, types, args, kwargs)

    a, b = library.ones(2, 3), library.ones(3, 4).as_subclass(Noting)
    for call in (("ij,jk->ik", a, b), ("ij,jk->ik", [a, b]), ("ij,jk->ik", (a, b)), (a, [0, 1], b, [1, 2], [0, 2])):
        assert library.einsum(*call).tolist() == [[3.0] * 4] * 2
    assert seen == [("ij,jk->ik", 3)] * 3 + [("AB,BC->AC", 3)]


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_programs_put_on_tensors_is_called_as_it_is(library: ModuleType) -> None:
    class Picture(library.Tensor):
        pass

    class Mask(library.Tensor):
        pass

    library.Tensor.told_of = lambda self, other: (type(self).__name__, type(other).__name__)
    try:

        class Later(library.Tensor):
            pass

        picture, mask, later = (library.ones(2).as_subclass(kind) for kind in (Picture, Mask, Later))
        assert picture.told_of(mask) == ("Picture", "Mask") and later.told_of(mask) == ("Later", "Mask")
        with pytest.raises(TypeError, match="Multiple dispatch failed"):
            later.add(mask)
    finally:
        del library.Tensor.told_of
