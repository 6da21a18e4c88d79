"""Products of matrices, einsum and attention. May import `flambeau.typing.signatures.table`."""

from __future__ import annotations

from flambeau.typing.signatures.table import FLOATS, INPUT, PAIR, add

add("matmul", "tm", PAIR.format("other"), "Tensor[D, V, matmul(S, T)]")
add("mm", "tm", PAIR.format("mat2"), "Tensor[D, V, mm(S, T)]")
add("bmm", "tm", PAIR.format("mat2"), "Tensor[D, V, bmm(S, T)]")
add("mv", "tm", PAIR.format("vec"), "Tensor[D, V, matmul(S, T)]")
add("dot", "tm", PAIR.format("tensor"), "Tensor[D, V, matmul(S, T)]")
add("vdot", "tm", PAIR.format("other"), "Tensor[D, V, matmul(S, T)]")
add("addmm", "tm", "input: Tensor[D, V, U], mat1: Tensor[D, V, S], mat2: Tensor[D, V, T], *, beta: float = 1, alpha: float = 1",
     "Tensor[D, V, expand(U, mm(S, T))]")  # fmt: skip
add(
    "baddbmm",
    "tm",
    "input: Tensor[D, V, U], batch1: Tensor[D, V, S], batch2: Tensor[D, V, T], *, beta: float = 1, alpha: float = 1",
    "Tensor[D, V, expand(U, bmm(S, T))]",
)
add("tensordot", "t", "a: Tensor[D, V, S], b: Tensor[D, V, T], dims: Dim = 2", "Tensor[D, V, tensordot(S, T, Dim)]")
add("tensordot", "t", "a: Tensor[D, V, S], b: Tensor[D, V, T], dims: tuple[Sizes1, Sizes2]",
     "Tensor[D, V, tensordot_over(S, T, Sizes1, Sizes2)]")  # fmt: skip
add("tensordot", "t", "a: Tensor[D, V, S], b: Tensor[D, V, T], dims: Any", "Tensor[D, V]")
add("multi_dot", "l", "tensors: List[D, V, Ss]", "Tensor[D, V, multi_dot(Ss)]")
add("chain_matmul", "t", "*matrices: *List[D, V, Ss]", "Tensor[D, V, multi_dot(Ss)]")
add(
    "cdist",
    "t",
    "x1: Tensor[DF, V, S], x2: Tensor[DF, V, T], p: float = 2.0, compute_mode: str | None = None",
    "Tensor[DF, V, cross_distances(S, T)]",
)
add("cross", "tml", PAIR.format("other") + ", dim: int | None = None", "Tensor[D, V, broadcast(S, T)]")
add("outer ger", "tm", PAIR.format("vec2"), "Tensor[D, V, outer(S, T)]")
add("det logdet", "tm", FLOATS, "Tensor[DF, V, determinant(S)]")
add("inverse", "tm", FLOATS, "Tensor[DF, V, square(S)]")
add("trace", "tm", INPUT, "Tensor[D, V, []]")
add("dist", "tm", PAIR.format("other") + ", p: float = 2", "Tensor[D, V, []]")
add("linear", "f", "input: Tensor[D, V, S], weight: Tensor[D, V, W], bias: None = None", "Tensor[D, V, linear(S, W)]")
add("linear", "f", "input: Tensor[D, V, S], weight: Tensor[D, V, W], bias: Tensor[D, V, U]",
     "Tensor[D, V, with_bias(linear(S, W), W, U, 0)]")  # fmt: skip
add("bilinear", "f", "input1: Tensor[D, V, S], input2: Tensor[D, V, T], weight: Tensor[D, V, W], "
     "bias: Tensor[D, V] | None = None",
     "Tensor[D, V, bilinear(S, T, W)]")  # fmt: skip
add("einsum", "t", "equation: Text, *operands: *List[D, V, Ss]", "Tensor[D, V, einsum(Text, Ss)]")
add("scaled_dot_product_attention", "f",
     "query: Tensor[D, V, S], key: Tensor[D, V, T], value: Tensor[D, V, U], attn_mask: Tensor[Any, V] | None = None, "
     "dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False",
     "Tensor[D, V, attention(S, T, U)]")  # fmt: skip
