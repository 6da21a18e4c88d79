"""Indexing by tensors, gather and scatter. May import `flambeau.typing.signatures.table`."""

from __future__ import annotations

from flambeau.typing.signatures.table import FLOATS, INPUT, SAME, add

add("gather", "tm", f"{INPUT}, dim: Dim, index: Tensor[DI, V, T]", "Tensor[D, V, gather(S, Dim, T)]")
add("take_along_dim", "tm", f"{INPUT}, indices: Tensor[DI, V, T], dim: Dim", "Tensor[D, V, take_along_dim(S, T, Dim)]")
add("masked_select", "tm", f"{INPUT}, mask: Tensor[bool, V, T]", "Tensor[D, V]")
add("where", "t", "condition: Tensor[bool, V, S], input: Tensor[D, V, T], other: Tensor[D, V, U]",
     "Tensor[D, V, broadcast3(S, T, U)]")  # fmt: skip
add("where", "t", "condition: Tensor[bool, V, S], input: Tensor[D, V, T], other: float", "Tensor[D, V, broadcast(S, T)]")
add("where", "t", "condition: Tensor[bool, V, S], input: float, other: Tensor[D, V, T]", "Tensor[D, V, broadcast(S, T)]")
add("where", "m", "input: Tensor[D, V, S], condition: Tensor[bool, V, T], other: Tensor[D, V, U]",
     "Tensor[D, V, broadcast3(S, T, U)]")  # fmt: skip
add("where", "m", "input: Tensor[D, V, S], condition: Tensor[bool, V, T], other: float", "Tensor[D, V, broadcast(S, T)]")
add("one_hot", "f", "input: Tensor[DI, V, S], num_classes: Size", "Tensor[int64, V, append(S, Size)]")
add("embedding", "f", "input: Tensor[DI, V, S], weight: Tensor[D, V, W], padding_idx: int | None = None, "
     "max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False",
     "Tensor[D, V, embedding(S, W)]")  # fmt: skip

add("index_select", "tm", f"{INPUT}, dim: Dim, index: Tensor[DI, V, T]", "Tensor[D, V, index_select(S, Dim, T)]")
_INDEX = f"{INPUT}, dim: Dim, index: Tensor[DI, V, T]"
_SOURCE = "Tensor[D, V, {}(S, Dim, T, U)]"
add("index_add", "tmi", f"{_INDEX}, source: Tensor[D, V, U], *, alpha: Any = 1", _SOURCE.format("index_add"))
add("index_copy", "tmi", f"{_INDEX}, source: Tensor[D, V, U]", SAME)
add("index_fill", "tmi", f"{_INDEX}, value: Any", SAME)
add("index_put", "tmi", f"{INPUT}, indices: Any, values: Tensor[D, V, T], accumulate: bool = False", SAME)
add("scatter", "tmi", f"{_INDEX}, src: Tensor[D, V, U], *, reduce: str | None = None", _SOURCE.format("scatter_from"))
add("scatter", "tmi", f"{_INDEX}, value: float, *, reduce: str | None = None", "Tensor[D, V, scatter(S, Dim, T)]")
add("scatter_add", "tmi", f"{_INDEX}, src: Tensor[D, V, U]", _SOURCE.format("scatter_from"))
add("scatter_reduce", "tmi", f"{_INDEX}, src: Tensor[D, V, U], reduce: str, *, include_self: bool = True",
     _SOURCE.format("scatter_from"))  # fmt: skip
add("searchsorted", "t", "sorted_sequence: Tensor[D, V, S], input: Tensor[D, V, T], *, out_int32: bool = False, "
     "right: bool = False, side: str | None = None", "Tensor[int64, V, T]")  # fmt: skip
add("bucketize", "t", "input: Tensor[D, V, S], boundaries: Tensor[D, V, T], *, out_int32: bool = False, right: bool = False",
     "Tensor[int64, V, S]")  # fmt: skip
add("multinomial", "tm", f"{FLOATS}, num_samples: Size, replacement: bool = False, *, generator: Any = None",
     "Tensor[int64, V, drawn(S, Size)]")  # fmt: skip
add("masked_scatter", "tmi", f"{INPUT}, mask: Tensor[bool, V, T], source: Tensor[D, V, U]", SAME)
add("repeat_interleave", "tm", f"{INPUT}, repeats: Size, dim: Dim, *, output_size: int | None = None",
     "Tensor[D, V, repeat_interleave(S, Size, Dim)]")  # fmt: skip
add("repeat_interleave", "tm", f"{INPUT}, repeats: Any = None, dim: Any = None, *, output_size: int | None = None",
     "Tensor[D, V]")  # fmt: skip
