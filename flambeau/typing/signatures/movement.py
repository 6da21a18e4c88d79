"""Views, joining and splitting, and what else moves elements. May import `flambeau.typing.signatures.table`."""

from __future__ import annotations

from flambeau.typing.signatures.table import INPUT, SPREAD, WINDOWS, add

add("reshape", "m", f"{INPUT}, *shape: *Sizes", "Tensor[D, V, laid_out(S, Sizes)]", "reshape(S, Sizes)")
add("reshape", "tm", f"{INPUT}, shape: Sizes", "Tensor[D, V, laid_out(S, Sizes)]", "reshape(S, Sizes)")
add("view", "m", f"{INPUT}, *shape: *Sizes", "Tensor[D, V, laid_out(S, Sizes)]", "reshape(S, Sizes)")
add("view", "m", f"{INPUT}, shape: Sizes", "Tensor[D, V, laid_out(S, Sizes)]", "reshape(S, Sizes)")
add("view", "m", f"{INPUT}, dtype: type[E]", "Tensor[E, V]")
add("reshape_as view_as", "m", f"{INPUT}, other: Tensor[E, V, T]", "Tensor[D, V, T]", "reshape(S, T)")
add("expand", "m", f"{INPUT}, *sizes: *Sizes", "Tensor[D, V, expand(S, Sizes)]")
add("expand", "m", f"{INPUT}, size: Sizes", "Tensor[D, V, expand(S, Sizes)]")
add("broadcast_to", "tm", f"{INPUT}, size: Sizes", "Tensor[D, V, expand(S, Sizes)]")
add("expand_as", "m", f"{INPUT}, other: Tensor[E, V, T]", "Tensor[D, V, expand(S, T)]")
add("repeat", "m", f"{INPUT}, *repeats: *Sizes", "Tensor[D, V, repeat(S, Sizes)]")
add("repeat", "m", f"{INPUT}, repeats: Sizes", "Tensor[D, V, repeat(S, Sizes)]")
add("flatten", "tm", f"{INPUT}, start_dim: Dim1 = 0, end_dim: Dim2 = -1", "Tensor[D, V, flatten(S, Dim1, Dim2)]")
add("ravel", "tm", INPUT, "Tensor[D, V, flatten(S, 0, -1)]")
add("unflatten", "tm", f"{INPUT}, dim: Dim, sizes: Sizes", "Tensor[D, V, unflatten(S, Dim, Sizes)]")
add("permute", "m", f"{INPUT}, *dims: *Axes", "Tensor[D, V, permute(S, Axes)]")
add("permute", "tm", f"{INPUT}, dims: Axes", "Tensor[D, V, permute(S, Axes)]")
add("transpose swapaxes swapdims", "tm", f"{INPUT}, dim0: Dim1, dim1: Dim2", "Tensor[D, V, transpose(S, Dim1, Dim2)]")
add("t", "tm", INPUT, "Tensor[D, V, reverse(S)]")
add("adjoint", "tm", INPUT, "Tensor[D, V, matrix_transpose(S)]")
add("movedim moveaxis", "tm", f"{INPUT}, source: Dim1, destination: Dim2", "Tensor[D, V, movedim(S, Dim1, Dim2)]")
add("movedim moveaxis", "tm", f"{INPUT}, source: Axes1, destination: Axes2", "Tensor[D, V, movedims(S, Axes1, Axes2)]")
add("squeeze", "tm", f"{INPUT}, dim: Axes = None", "Tensor[D, V, squeeze(S, Axes)]")
add("unsqueeze", "tm", f"{INPUT}, dim: Dim", "Tensor[D, V, unsqueeze(S, Dim)]")
add("select", "tm", f"{INPUT}, dim: Dim, index: Size", "Tensor[D, V, select(S, Dim)]", "picked(S, Dim, Size)")
add("narrow", "tm", f"{INPUT}, dim: Dim, start: Size1, length: Size2", "Tensor[D, V, narrow(S, Dim, Size1, Size2)]")
add("cat concat concatenate", "t", "tensors: List[D, V, Ss], dim: Dim = 0", "Tensor[D, V, cat(Ss, Dim)]")
add("stack", "t", "tensors: List[D, V, Ss], dim: Dim = 0", "Tensor[D, V, stack(Ss, Dim)]")
add("tile", "m", f"{INPUT}, *dims: *Sizes", "Tensor[D, V, tile(S, Sizes)]")
add("tile", "tm", f"{INPUT}, dims: Sizes", "Tensor[D, V, tile(S, Sizes)]")
add("unfold", "m", f"{INPUT}, dimension: Dim, size: Size1, step: Size2", "Tensor[D, V, windows(S, Dim, Size1, Size2)]")
add("diagonal", "tm", f"{INPUT}, offset: Dim1 = 0, dim1: Dim2 = 0, dim2: Dim3 = 1", "Tensor[D, V, diagonal(S, Dim1, Dim2, Dim3)]")
add("diag", "tm", f"{INPUT}, diagonal: Dim = 0", "Tensor[D, V, diag(S, Dim)]")
add("diag_embed", "tm", INPUT, "Tensor[D, V, diag_embed(S)]")
add("diag_embed", "tm", f"{INPUT}, offset: int = 0, dim1: int = -2, dim2: int = -1", "Tensor[D, V]")
for _n in (1, 2, 3):
    add(f"atleast_{_n}d", "tm", INPUT, f"Tensor[D, V, at_least(S, {_n})]")
add("kron", "tm", "input: Tensor[D, V, S], other: Tensor[D, V, T]", "Tensor[D, V, kron(S, T)]")
add("meshgrid", "t", "*tensors: *List[D, V, Ss], indexing: Text = 'ij'", "Pieces[D, V, grid(Ss, Text)]")
add("broadcast_tensors", "t", "*tensors: *List[D, V, Ss]", "Pieces[D, V, broadcast_all(Ss)]")
add("chunk", "tm", f"{INPUT}, chunks: Dim1, dim: Dim2 = 0", "Pieces[D, V, chunk(S, Dim1, Dim2)]")
add("split", "m", f"{INPUT}, split_size: Axes, dim: Dim = 0", "Pieces[D, V, split(S, Axes, Dim)]")
add("split", "t", "tensor: Tensor[D, V, S], split_size_or_sections: Axes, dim: Dim = 0", "Pieces[D, V, split(S, Axes, Dim)]")
add("tensor_split", "tm", f"{INPUT}, indices_or_sections: Axes, dim: Dim = 0", "Pieces[D, V, tensor_split(S, Axes, Dim)]")
add("unbind", "tm", f"{INPUT}, dim: Dim = 0", "Pieces[D, V, unbind(S, Dim)]")
add("pad", "f", f"{INPUT}, pad: Axes, mode: str = 'constant', value: float | None = None", "Tensor[D, V, pad(S, Axes)]")
add("pixel_shuffle", "f", f"{INPUT}, upscale_factor: Dim", "Tensor[D, V, pixel_shuffle(S, Dim)]")
add("pixel_unshuffle", "f", f"{INPUT}, downscale_factor: Dim", "Tensor[D, V, pixel_unshuffle(S, Dim)]")
add("hstack", "t", "tensors: List[D, V, Ss]", "Tensor[D, V, side_by_side(Ss)]")
add("vstack row_stack", "t", "tensors: List[D, V, Ss]", "Tensor[D, V, on_top(Ss)]")
add("dstack", "t", "tensors: List[D, V, Ss]", "Tensor[D, V, in_depth(Ss)]")
add("column_stack", "t", "tensors: List[D, V, Ss]", "Tensor[D, V, as_columns(Ss)]")
add("block_diag", "t", "*tensors: *List[D, V, Ss]", "Tensor[D, V, block_diagonal(Ss)]")
add("cartesian_prod", "t", "*tensors: *List[D, V, Ss]", "Tensor[D, V, cartesian_product(Ss)]")
add("interpolate", "f", f"{INPUT}, size: Axes, scale_factor: None = None, mode: str = 'nearest', "
     "align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False",
     "Tensor[D, V, resized(S, Axes)]")  # fmt: skip
add("interpolate", "f", f"{INPUT}, size: None = None, scale_factor: Size = ..., mode: str = 'nearest', "
     "align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False",
     "Tensor[D, V, scaled(S, Size)]")  # fmt: skip
add("interpolate", "f", f"{INPUT}, size: None = None, scale_factor: float = ..., mode: str = 'nearest', "
     "align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False",
     "Tensor[D, V, rescaled(S)]")  # fmt: skip
add("interpolate", "f", f"{INPUT}, size: Any = None, scale_factor: Any = None, mode: str = 'nearest', "
     "align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False",
     "Tensor[D, V]")  # fmt: skip
add("unfold", "f", f"{INPUT}, {WINDOWS}", f"Tensor[D, V, unfolded(S, {SPREAD})]")
add("fold", "f", f"{INPUT}, output_size: Axes5, {WINDOWS}", f"Tensor[D, V, folded(S, spread(Axes5, 2), {SPREAD})]")
_GRID = "mode: str = 'bilinear', padding_mode: str = 'zeros', align_corners: bool | None = None"
add("grid_sample", "f", f"{INPUT}, grid: Tensor[D, V, T], {_GRID}", "Tensor[D, V, grid_sample(S, T)]")
add("affine_grid", "f", "theta: Tensor[D, V, S], size: Sizes, align_corners: bool | None = None",
     "Tensor[D, V, affine_grid(S, Sizes)]")  # fmt: skip
