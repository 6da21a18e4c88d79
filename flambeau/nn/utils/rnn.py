"""Sequences of unequal length: padding them, and packing them for the recurrent layers.

May import: ops, tensor, storage, dtypes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, Self

from flambeau import dtypes
from flambeau.ops import creation, joining
from flambeau.storage import is_recording, pending
from flambeau.tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Parts(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


class PackedSequence(_Parts):
    """Sequences sorted by falling length, their elements one time step after the other.

    `data` (Σ lengths, *) holds them; `batch_sizes` says how many sequences reach each time step; `sorted_indices` is the
    order into which the batch was sorted (None when it wasn't) and `unsorted_indices` the way back, found here if not given.
    `data` may be the pair of data and sizes. ValueError for `batch_sizes` that aren't on the CPU.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            data, batch_sizes = data
        elif isinstance(batch_sizes, Tensor) and batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. pack_sequence and pack_padded_sequence make PackedSequences; "
                f"this one's batch_sizes are on {batch_sizes.device}"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves or casts the data; the indices follow to its device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = [None if i is None else i.to(device=data.device) for i in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """Moves to the CPU; may cast with what `to` takes besides the device."""
        return self.to(*args, **{"device": "cpu", **kwargs})

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """Moves to "cuda", which isn't here: raises what `Tensor.to` raises."""
        return self.to(*args, **{"device": "cuda", **kwargs})

    def pin_memory(self) -> Self:
        """Data and indices in memory that transfers to a GPU could read: see `Tensor.pin_memory`."""
        indices = [None if i is None else i.pin_memory() for i in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(self.data.pin_memory(), self.batch_sizes, *indices)

    def double(self) -> Self:
        return self.to(dtype=dtypes.float64)

    def float(self) -> Self:
        return self.to(dtype=dtypes.float32)

    def half(self) -> Self:
        return self.to(dtype=dtypes.float16)

    def long(self) -> Self:
        return self.to(dtype=dtypes.int64)

    def int(self) -> Self:
        return self.to(dtype=dtypes.int32)

    def short(self) -> Self:
        return self.to(dtype=dtypes.int16)

    def char(self) -> Self:
        return self.to(dtype=dtypes.int8)

    def byte(self) -> Self:
        return self.to(dtype=dtypes.uint8)

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        return self.data.is_pinned()


def _inverse(order: Sequence[int]) -> list[int]:
    inverse = [0] * len(order)
    for place, index in enumerate(order):
        inverse[index] = place
    return inverse


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes `permutation` (1-d, integer)."""
    if permutation is None:
        return None
    return creation.tensor(_inverse(permutation.tolist()), dtype=permutation.dtype, device=permutation.device)


def pack_padded_sequence(input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """Packs `input` (T, B, *), or (B, T, *) with `batch_first`, whose sequences have `lengths` (a list or CPU tensor).

    Lengths fall unless `enforce_sorted` is False; then the batch is sorted and the order kept. RuntimeError for lengths
    that don't fall, aren't positive, or aren't as many as sequences.
    """
    lengths = [int(length) for length in (lengths.tolist() if isinstance(lengths, Tensor) else lengths)]
    order, sorted_indices = list(range(len(lengths))), None
    if not enforce_sorted:
        order.sort(key=lambda index: -lengths[index])
        lengths = [lengths[index] for index in order]
        sorted_indices = creation.tensor(order, dtype=dtypes.int64, device=input.device)
    batch, longest = (input.size(0), input.size(1)) if batch_first else (input.size(1), input.size(0))
    if not lengths:
        raise RuntimeError("Cannot pack empty tensors.")
    if len(lengths) != batch:
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={batch})")
    if lengths[-1] <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    if any(a < b for a, b in pairwise(lengths)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if lengths[0] > longest:
        raise RuntimeError(f"start (0) + length ({lengths[0]}) exceeds dimension size ({longest}).")
    batch_sizes = [sum(length > step for length in lengths) for step in range(lengths[0])]
    # One gather, whatever the lengths: the graph is the same for every batch.
    across, along = (longest, 1) if batch_first else (1, batch)
    places = [order[n] * across + step * along for step, size in enumerate(batch_sizes) for n in range(size)]
    data = input.flatten(0, 1).index_select(0, creation.tensor(places, dtype=dtypes.int64, device=input.device))
    packed_sizes = creation.tensor(batch_sizes, dtype=dtypes.int64, device="cpu")
    return PackedSequence(data, packed_sizes, sorted_indices)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The padded batch (T, B, *), or (B, T, *) with `batch_first`, and the lengths; T is `total_length` if given."""
    batch_sizes = sequence.batch_sizes.tolist()
    length = len(batch_sizes)
    if total_length is not None:
        if total_length < length:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {length}"
            )
        length = total_length
    data, batch = sequence.data, batch_sizes[0]
    lengths = [sum(size > index for size in batch_sizes) for index in range(batch)]
    order = list(range(batch)) if sequence.unsorted_indices is None else sequence.unsorted_indices.tolist()
    lengths = [lengths[n] for n in order]
    starts = [0, *accumulate(batch_sizes)]
    if batch_first:
        shape, cells = (batch, length), [(step, n) for n in range(batch) for step in range(length)]
    else:
        shape, cells = (length, batch), [(step, n) for step in range(length) for n in range(batch)]
    places = [starts[step] + order[n] if step < lengths[n] else 0 for step, n in cells]
    padded = data.index_select(0, creation.tensor(places, dtype=dtypes.int64, device=data.device)).unflatten(0, shape)
    if len(places) > starts[-1]:
        missing = creation.tensor([step >= lengths[n] for step, n in cells], device=data.device)
        padded = padded._fill_where(missing.reshape((*shape, *(1,) * (data.dim() - 1))), padding_value)
    return padded, creation.tensor(lengths, dtype=dtypes.int64, device="cpu")


_SMALL = 1 << 14
"""Elements that are padded one by one."""


def _are_small_data(sequences: Sequence[Tensor], padding_value: float) -> bool:
    """Whether these are numbers in the host's memory, not many, that nothing is differentiated by or recorded from."""
    first = sequences[0]
    if pending.examples or is_recording() or first._storage.device != "cpu" or first.dtype.category == 3:
        return False
    if first.dtype.category < 2 and not float(padding_value).is_integer():
        return False
    same = (first.dtype, first._storage.device, tuple(first.shape[1:]))
    return sum(t.numel() for t in sequences) <= _SMALL and all(
        (t.dtype, t._storage.device, tuple(t.shape[1:])) == same
        and not t.requires_grad
        and t._storage.node.buffer is not None
        and t._storage.size == t.numel() > 0
        for t in sequences
    )


def _padded_data(sequences: Sequence[Tensor], length: int, batch_first: bool, padding_value: float, padding_side: str) -> Tensor:
    """`pad_sequence` by Python's lists: as a graph, the lengths of each batch would be a program of their own."""
    filler: Any = padding_value
    for size in reversed(sequences[0].shape[1:]):
        filler = [filler] * size
    rows = []
    for sequence in sequences:
        row, padding = sequence.tolist(), [filler] * (length - sequence.size(0))
        rows.append(row + padding if padding_side == "right" else padding + row)
    cells = rows if batch_first else list(zip(*rows, strict=True))
    return creation.tensor(cells, dtype=sequences[0].dtype, device=sequences[0].device)


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Tensors (L, *) stacked as (T, B, *), or (B, T, *) with `batch_first`, T the longest L."""
    if not isinstance(sequences, Iterable):
        raise RuntimeError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    length = max(sequence.size(0) for sequence in sequences)
    if _are_small_data(sequences, padding_value):
        return _padded_data(sequences, length, batch_first, padding_value, padding_side)
    padded = []
    for sequence in sequences:
        missing = length - sequence.size(0)
        if missing:
            padding = sequence.new_full((missing, *sequence.shape[1:]), padding_value)
            sequence = joining.cat([sequence, padding] if padding_side == "right" else [padding, sequence])
        padded.append(sequence)
    return joining.stack(padded, dim=0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, each with its own length."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sequence[:length] for sequence, length in zip(padded_sequences.unbind(0), lengths.tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs tensors (L, *), of falling L unless `enforce_sorted` is False."""
    lengths = [sequence.size(0) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The tensors that `pack_sequence` was given."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
