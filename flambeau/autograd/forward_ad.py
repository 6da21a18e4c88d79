"""`torch.autograd.forward_ad`: a tensor together with how it changes, carried through a computation.

A dual tensor is a place on the tape; its tangent is known to the level. What a result's tangent is, is computed when it is asked
for, by two backward passes (`autograd.levels`). So what happens under `no_grad` carries no tangent.
May import `flambeau.tensor`, `flambeau.autograd`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.autograd.levels import Level
from flambeau.autograd.modes import enable_grad
from flambeau.tensor import Tensor

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """A tensor, and how it changes (None where it doesn't)."""

    primal: Tensor
    tangent: Tensor | None


class _DualLevel(Level):
    """A level, with the places of its dual tensors and their tangents."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Tensor] = []
        self.tangents: list[Tensor] = []


_levels: list[_DualLevel] = []


def enter_dual_level() -> int:
    """Begins a level, in which dual tensors can be made, and gives its number. Raises RuntimeError inside another."""
    if _levels:
        raise RuntimeError("Nested forward mode AD is not supported at the moment: use torch.func.jvp, whose calls may be nested")
    _levels.append(_DualLevel())
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Ends the level: tensors made in it have no tangents any more."""
    if not _levels or level not in (None, 0):
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created. This is not supported.")
    _levels.pop()


class dual_level:
    """A context manager: a level for dual tensors.

    >>> with torch.autograd.forward_ad.dual_level():
    ...     x = torch.autograd.forward_ad.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    ...     torch.autograd.forward_ad.unpack_dual(x * x).tangent
    tensor(6.)
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *_: Any) -> None:
        exit_dual_level()


def _check(name: str, t: Any) -> Tensor:
    if not isinstance(t, Tensor):
        raise TypeError(f"make_dual(): argument '{name}' must be Tensor, not {type(t).__name__}")
    if t.dtype.category < 2:
        raise ValueError(f"Expected {name} to be floating point or complex, but got: {t.dtype}")
    return t


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """The tensor, changing along `tangent`, which has its shape and dtype.

    Raises RuntimeError outside a level and for a tangent that doesn't fit, ValueError for tensors that aren't floating point.
    """
    if not _levels:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    _check("primal", tensor), _check("tangent", tangent)
    if tuple(tensor.shape) != tuple(tangent.shape):
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    if tensor.dtype is not tangent.dtype:
        raise RuntimeError(f"Expected the tangent to have the tensor's dtype {tensor.dtype}, but it has {tangent.dtype}")
    current = _levels[-1]
    place = current.place(tensor)
    current.places.append(place)
    current.tangents.append(tangent)
    return place


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The tensor without its tangent, and the tangent: None where it depends on no dual tensor, and outside a level."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"unpack_dual(): argument 'tensor' must be Tensor, not {type(tensor).__name__}")
    if not _levels or not tensor.requires_grad:
        return UnpackedDualTensor(tensor, None)
    current = _levels[-1]
    with enable_grad():
        found = current.changes([tensor], current.places, current.tangents)
    if found is None:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(current.outward(tensor), current.outward(found[0]))
