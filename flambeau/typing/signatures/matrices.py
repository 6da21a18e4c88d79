"""The functions of `linalg` and `fft`, and einops' patterns. May import `flambeau.typing.signatures.table`."""

from __future__ import annotations

from flambeau.typing.signatures.table import COMPLEX, FLOATS, INPUT, PAIR, REDUCED, SAME, add

NAMED_TUPLES = {  # tuples of tensors whose parts have names
    "ValuesIndices": ("values", "indices"),
    "MinMax": ("min", "max"),
    "SVD": ("U", "S", "Vh"),
    "QR": ("Q", "R"),
    "Eigen": ("eigenvalues", "eigenvectors"),
    "SignLog": ("sign", "logabsdet"),
}
_MATRIX = "A: Tensor[DF, V, S]"
add("inv", "l", _MATRIX, "Tensor[DF, V, square(S)]")
add("cholesky", "l", f"{_MATRIX}, *, upper: bool = False", "Tensor[DF, V, square(S)]")
add("matrix_exp", "tm", FLOATS, "Tensor[DF, V, square(S)]")
add("matrix_exp", "l", _MATRIX, "Tensor[DF, V, square(S)]")
add("matrix_power", "l", f"{_MATRIX}, n: int", "Tensor[DF, V, square(S)]")
add(
    "pinv",
    "l",
    f"{_MATRIX}, *, atol: Any = None, rtol: Any = None, hermitian: bool = False",
    "Tensor[DF, V, matrix_transpose(S)]",
)
add("det", "l", _MATRIX, "Tensor[DF, V, determinant(S)]")
add("slogdet", "l", _MATRIX, "SignLog[Tensor[DF, V, determinant(S)], Tensor[DF, V, determinant(S)]]")
add("svd", "l", f"{_MATRIX}, full_matrices: Literal[True] = True, *, driver: str | None = None",
     "SVD[Tensor[DF, V, full_svd(S, 0)], Tensor[DF, V, reduced_svd(S, 1)], Tensor[DF, V, full_svd(S, 1)]]")  # fmt: skip
add("svd", "l", f"{_MATRIX}, full_matrices: Literal[False], *, driver: str | None = None",
     "SVD[Tensor[DF, V, reduced_svd(S, 0)], Tensor[DF, V, reduced_svd(S, 1)], Tensor[DF, V, reduced_svd(S, 2)]]")  # fmt: skip
add("svdvals", "l", f"{_MATRIX}, *, driver: str | None = None", "Tensor[DF, V, reduced_svd(S, 1)]")
add("qr", "l", f"{_MATRIX}, mode: Literal['reduced'] = 'reduced'",
     "QR[Tensor[DF, V, reduced_svd(S, 0)], Tensor[DF, V, reduced_svd(S, 2)]]")  # fmt: skip
add("qr", "l", f"{_MATRIX}, mode: str", "QR[Tensor[DF, V], Tensor[DF, V]]")
add("eigh", "l", f"{_MATRIX}, UPLO: str = 'L'", "Eigen[Tensor[DF, V, spectrum(S)], Tensor[DF, V, square(S)]]")
add("eigvalsh", "l", f"{_MATRIX}, UPLO: str = 'L'", "Tensor[DF, V, spectrum(S)]")
add("solve", "l", f"{_MATRIX}, B: Tensor[DF, V, T], *, left: Literal[True] = True", "Tensor[DF, V, solved(S, T)]")
for _name, _first in (("norm", "A"), ("vector_norm", "x")):
    add(_name, "l", f"{_first}: Tensor[DF, V, S], ord: Any = None, dim: Axes = None, keepdim: Keep = False",
         f"Tensor[DF, V, {REDUCED}]")  # fmt: skip
add(
    "vecdot", "l", "x: Tensor[D, V, S], y: Tensor[D, V, T], *, dim: Dim = -1", "Tensor[D, V, reduce(broadcast(S, T), Dim, False)]"
)
add("matmul", "l", PAIR.format("other"), "Tensor[D, V, matmul(S, T)]")
_OF_AXIS = "n: None = None, dim: Dim = -1, norm: str | None = None"
_OF_AXES = "s: None = None, dim: Any = {}, norm: str | None = None"
for _complex, _real in COMPLEX:
    for _from in (_complex, _real):
        _input = f"input: Tensor[{_from}, V, S]"
        add("fft ifft", "s", f"{_input}, {_OF_AXIS}", f"Tensor[{_complex}, V, along(S, Dim)]")
        add("fft2 ifft2", "s", f"{_input}, {_OF_AXES.format('(-2, -1)')}", f"Tensor[{_complex}, V, S]")
        add("fftn ifftn", "s", f"{_input}, {_OF_AXES.format(None)}", f"Tensor[{_complex}, V, S]")
        add("irfft", "s", f"{_input}, {_OF_AXIS}", f"Tensor[{_real}, V, whole_signal(S, Dim)]")
        add("irfft", "s", f"{_input}, n: int | None = None, dim: int = -1, norm: str | None = None", f"Tensor[{_real}, V]")
        add("fft ifft", "s", f"{_input}, n: int | None = None, dim: int = -1, norm: str | None = None", f"Tensor[{_complex}, V]")
    _input = f"input: Tensor[{_real}, V, S]"
    add("rfft", "s", f"{_input}, {_OF_AXIS}", f"Tensor[{_complex}, V, half_spectrum(S, Dim)]")
    add("rfft", "s", f"{_input}, n: int | None = None, dim: int = -1, norm: str | None = None", f"Tensor[{_complex}, V]")
    add("rfft2", "s", f"{_input}, s: None = None, *, norm: str | None = None", f"Tensor[{_complex}, V, half_spectrum(S, -1)]")
    add("rfftn", "s", f"{_input}, s: None = None, *, norm: str | None = None", f"Tensor[{_complex}, V, half_spectrum(S, -1)]")
add("fftshift ifftshift", "s", f"{INPUT}, dim: Any = None", SAME)

add("rearrange", "t", f"{INPUT}, pattern: Text, **axes: Names", "Tensor[D, V, einops_rearrange(Text, S, Names)]")
add("repeat", "t", f"{INPUT}, pattern: Text, **axes: Names", "Tensor[D, V, einops_repeat(Text, S, Names)]")
add("reduce", "t", f"{INPUT}, pattern: Text, reduction: str, **axes: Names", "Tensor[D, V, einops_reduce(Text, S, Names)]")
for _name in ("rearrange", "repeat"):  # of a list of tensors: its number is the first dimension
    add(_name, "t", "input: List[D, V, Ss], pattern: Text, **axes: Names",
         f"Tensor[D, V, einops_{_name}(Text, stack(Ss, 0), Names)]")  # fmt: skip
