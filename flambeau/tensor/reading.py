"""What a tensor reads: its elements as a node of the graph, found when somebody asks.

May import `flambeau.graph`, `flambeau.shapes`, `flambeau.devices`, `flambeau.storage`, `flambeau.tensor.attributes`.
"""

from __future__ import annotations

from math import prod
from typing import Any

from flambeau import devices
from flambeau.graph.node import Node, Primitive
from flambeau.graph.primitives.leaf import CONSTANT, PART
from flambeau.graph.primitives.movement import AS_STRIDED, PERMUTE, RESHAPE, permuted
from flambeau.shapes.strides import Order, memory_order
from flambeau.size import contiguous_strides
from flambeau.storage import RECORDERS, Storage, pending
from flambeau.tensor.attributes import Attributes

__all__ = ["Reading", "Steps"]

Steps = tuple[tuple[Primitive, tuple[Any, ...]], ...]
"""Primitives with their parameters, one after another: the way from a node to what a view of it reads."""
_REWRITTEN = 1 << 15
"""Bytes; so much memory is copied rather than followed through its views where it is written more than once."""


class Reading(Attributes):
    """A tensor's elements as a node, remembered until the storage is written."""

    __slots__ = ("_node", "_node_version")

    _node: Any  # what this view reads, or (node, steps to it), while `_node_version` is the storage's; None before
    _node_version: int

    def _value(self) -> Node:
        """This tensor's elements as a node: the structural view, or a strided one when the storage was written since."""
        storage = self._storage
        if RECORDERS and pending.recorder is not None:
            pending.recorder.read(self)
        node = storage.node
        if self._strides is None:
            if node.shape == self._shape:
                return node
            if self._node_version == storage.version:
                node = self._node
                return node if node.__class__ is Node else self._followed(storage, *node)
            if prod(self._shape) != storage.size:  # another tensor of this memory was resized
                self._strides = contiguous_strides(self._shape)
                return self._value()
            node = RESHAPE((node,), (tuple(self._shape), node.shape))
        elif self._node_version == storage.version:
            node = self._node
            return node if node.__class__ is Node else self._followed(storage, *node)
        elif (part := self._window(storage)) is not None:
            node = part
        else:
            found = self._memory_order()
            if found is not None:
                node = permuted(node if node.shape == found.shape else RESHAPE((node,), (found.shape, node.shape)), found.back)
            else:
                flat = node if len(node.shape) == 1 else RESHAPE((node,), ((storage.size,), node.shape))
                node = AS_STRIDED((flat,), (tuple(self._shape), self._strides, self._offset, storage.size))
        if storage.has_lasting_nodes:
            self._node, self._node_version = node, storage.version
        return node

    def _followed(self, storage: Storage, node: Node, steps: Steps) -> Node:
        """What this view reads, now that somebody asks: `steps` from `node`, or computed memory."""
        window = self._window(storage)
        if window is None:
            for primitive, params in steps:
                node = permuted(node, *params) if primitive is PERMUTE else primitive.make((node,), params)
        else:
            node = window
        self._node = node
        return node

    def _unfollowed(self) -> tuple[Node, Steps]:
        """A node, and the steps from there to what this tensor reads: none where that is known."""
        if self._node.__class__ is tuple and self._node_version == self._storage.version and not RECORDERS:
            return self._node
        return self._value(), ()

    def _window(self, storage: Storage) -> Node | None:
        """A leaf for this view where its elements lie one after another in memory that is computed: no kernel need know where.

        None elsewhere; where others may write there; and for much memory that is written again and again, which could not take
        the next write while a leaf keeps what was there.
        """
        shape, buffer = self._shape, storage.node.buffer
        if (
            buffer is None
            or self._strides != contiguous_strides(shape)
            or storage.__class__ is not Storage
            or (storage.version and storage.size * storage.dtype.itemsize > _REWRITTEN)
            or (RECORDERS and pending.recorder is not None)
        ):
            return None
        window = devices.backend(storage.device).window
        if window is None:
            return None
        leaf = Node(PART, (), (), tuple(shape), storage.dtype, storage.device)
        if not leaf.size:
            return None
        itemsize = storage.dtype.itemsize
        leaf.buffer = window(buffer, self._offset * itemsize, leaf.size * itemsize)
        return leaf

    def _memory_order(self) -> Order | None:
        """How the dimensions of a tensor with strides lie in memory, where it is all of its storage; else None."""
        if self._offset or prod(self._shape) != self._storage.size:
            return None
        assert self._strides is not None
        return memory_order(self._shape, self._strides)

    def _in_order(self, strides: tuple[int, ...], order: Order) -> Node:
        """This tensor's elements, with the dimensions in the order in which a tensor of these strides has them in memory."""
        storage = self._storage
        if self._strides == strides and storage.node.shape == order.shape and self._memory_order() is not None:
            if RECORDERS and pending.recorder is not None:
                pending.recorder.read(self)
            return storage.node
        node = self._value()
        if node.primitive is CONSTANT:
            return Node(CONSTANT, (), node.params, order.shape, node.dtype, node.device)
        return permuted(node, order.order)
