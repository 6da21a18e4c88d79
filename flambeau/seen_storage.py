"""Another storage's memory seen as something else: as another dtype's bytes, as real or complex numbers, conjugated, negated.

May import `flambeau.storage`, `flambeau.graph`, `flambeau.devices`, `flambeau.dtypes`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from flambeau import devices
from flambeau.dtypes import dtype
from flambeau.graph.node import Node, Primitive, next_serial
from flambeau.graph.primitives.complex import CONJ, VIEW_AS_COMPLEX, VIEW_AS_REAL
from flambeau.graph.primitives.elementwise import BITCAST, NEG
from flambeau.graph.primitives.leaf import BUFFER
from flambeau.graph.primitives.movement import RESHAPE
from flambeau.storage import Storage, realize

__all__ = ["PartStorage", "ReinterpretedStorage", "SeenStorage", "inverse", "part_storage", "seen", "steps_of"]


class SeenStorage(Storage):
    """Another storage's memory seen as something else: reads and writes go there."""

    __slots__ = ("whole", "serial", "_seen", "_seen_version")

    def __init__(self, whole: Storage, type: dtype) -> None:
        self.whole: Storage = whole
        self.dtype, self.device = type, whole.device
        self.serial = next_serial()
        self._seen, self._seen_version = whole.node, -1

    def _forth(self, node: Node) -> Node:
        """The whole's value as it is seen."""
        raise AssertionError

    def _back(self, node: Node) -> Node:
        """What is written, as the whole has it."""
        raise AssertionError

    @property
    def node(self) -> Node:  # type: ignore[override]
        node = self.whole.node
        if self._seen_version != self.whole.version:
            self._seen, self._seen_version = self._forth(node), self.whole.version
        return self._seen

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.whole.size * self.whole.dtype.itemsize // self.dtype.itemsize

    @property
    def version(self) -> int:  # type: ignore[override]
        return self.whole.version

    @property
    def has_lasting_nodes(self) -> bool:  # type: ignore[override]
        return self.whole.has_lasting_nodes

    @property
    def autograd_version(self) -> int:  # type: ignore[override]
        return self.whole.autograd_version

    @autograd_version.setter
    def autograd_version(self, version: int) -> None:
        self.whole.autograd_version = version

    def write(self, node: Node) -> None:
        self.whole.write(self._back(node))


class ReinterpretedStorage(SeenStorage):
    """The bytes of another storage seen as elements of another dtype."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.whole, self.dtype)

    def _forth(self, node: Node) -> Node:
        return _reinterpreted(node, self.dtype)

    def _back(self, node: Node) -> Node:
        return _reinterpreted(node, self.whole.dtype)


class PartStorage(SeenStorage):
    """Complex memory seen as pairs of real numbers or the other way round, conjugated, or negated: what `steps` say."""

    __slots__ = ("steps",)

    def __init__(self, whole: Storage, type: dtype, steps: tuple[str, ...]) -> None:
        super().__init__(whole, type)
        self.steps = steps

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.whole, self.dtype, self.steps)

    def _forth(self, node: Node) -> Node:
        return seen(node, self.steps, _node_of)

    def _back(self, node: Node) -> Node:
        return seen(node, inverse(self.steps), _node_of)


_INVERSE = {"real": "complex", "complex": "real", "conj": "conj", "neg": "neg"}


def inverse(steps: tuple[str, ...]) -> tuple[str, ...]:
    """The steps that undo some."""
    return tuple([_INVERSE[step] for step in reversed(steps)])


def seen(value: Any, steps: tuple[str, ...], apply: Callable[..., Any]) -> Any:
    """All of a memory's elements, a node or a tensor, seen through steps; `apply(primitive, value, params)` makes another."""
    for step in steps:
        if step == "real":
            value = apply(VIEW_AS_REAL, value, ())
        elif step == "complex":
            n = prod(value.shape)
            value = apply(VIEW_AS_COMPLEX, apply(RESHAPE, value, ((n // 2, 2), tuple(value.shape))), ())
        else:
            value = apply(CONJ if step == "conj" else NEG, value, ())
    return value


def _node_of(primitive: Primitive, node: Node, params: tuple[Any, ...]) -> Node:
    return primitive((node,), params)


def steps_of(storage: Storage) -> tuple[Storage, tuple[str, ...]]:
    """The memory that a storage sees parts of, and how; itself and no steps for others."""
    return (storage.whole, storage.steps) if isinstance(storage, PartStorage) else (storage, ())


def part_storage(storage: Storage, step: str) -> Storage:
    """A storage seen through one more step: where it undoes the last, what it was before."""
    whole, steps = steps_of(storage)
    steps = steps[:-1] if steps and steps[-1] == _INVERSE[step] else (*steps, step)
    if not steps:
        return whole
    own = storage.dtype
    return PartStorage(whole, own.real if step == "real" else own.to_complex() if step == "complex" else own, steps)


def _reinterpreted(node: Node, type: dtype) -> Node:
    """A node's bytes as elements of another dtype. Where their width changes, the bytes are needed at once."""
    if node.dtype.itemsize == type.itemsize and 3 not in (node.dtype.category, type.category):
        return BITCAST((node,), (type,))
    if node.buffer is None:
        realize([node])
    backend, nbytes = devices.backend(node.device), prod(node.shape) * node.dtype.itemsize
    leaf = Node(BUFFER, (), (), (nbytes // type.itemsize,), type, node.device)
    leaf.buffer = node.buffer if backend.is_host else backend.upload(backend.download(node.buffer, nbytes), nbytes)
    return leaf
