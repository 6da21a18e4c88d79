"""`torch.ops.aten`: PyTorch's operators by the names that its dispatcher knows them by, with their overloads.

`torch.ops.aten.add.Tensor` is an object with its own identity, which programs use as a key, and calls the operator, whose
overloads are one function here. May import: ops.defined, ops.registry.
"""

from __future__ import annotations

from typing import Any

from flambeau.ops.defined import Namespace
from flambeau.ops.registry import OPERATORS
from flambeau.tensor import Tensor

__all__ = ["Overload", "Packet", "aten"]


class Overload:
    """One overload of an operator."""

    def __init__(self, packet: Packet, name: str) -> None:
        self.overloadpacket, self._overloadname = packet, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.overloadpacket(*args, **kwargs)

    def name(self) -> str:
        """As the dispatcher spells it: "aten::add.Tensor"."""
        suffix = "" if self._overloadname == "default" else f".{self._overloadname}"
        return f"aten::{self.overloadpacket.__name__}{suffix}"

    def __repr__(self) -> str:
        return f"<OpOverload(op='aten.{self.overloadpacket.__name__}', overload='{self._overloadname}')>"


class Packet:
    """An operator with all its overloads, which are its attributes.

    Any name can be asked for, as programs list operators that this library lacks; calling one of those raises
    NotImplementedError.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name = self.__name__
        for namespace in ("", "nn.functional", "linalg", "fft", "special"):
            found = OPERATORS.get((namespace, name.removeprefix(f"{namespace}_")))
            if found is not None:
                return found.public(*args, **kwargs)
        method = getattr(Tensor, name, None)  # what is a method alone, and what writes in place
        if method is None or name.startswith("__"):
            raise NotImplementedError(f"torch.ops.aten.{name} isn't an operator of flambeau")
        return method(*args, **kwargs)

    def __getattr__(self, name: str) -> Overload:
        if name.startswith("__"):
            raise AttributeError(f"'OpOverloadPacket' object has no attribute '{name}'")
        made = Overload(self, name)
        setattr(self, name, made)
        return made

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='aten.{self.__name__}')>"


class _Aten(Namespace):
    """The namespace: packets are made when they are asked for."""

    def __getattr__(self, name: str) -> Packet:
        if name.startswith("__"):
            return super().__getattr__(name)  # type: ignore[no-any-return]
        made = Packet(name)
        setattr(self, name, made)
        return made


aten = _Aten("aten")
