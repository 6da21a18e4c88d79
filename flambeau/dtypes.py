"""Element types and PyTorch's promotion rules.

Imports nothing of flambeau and nothing heavy: the type lattice is needed by every room, also in a browser without NumPy.

Promotion follows PyTorch's documentation ("Tensor Attributes", type promotion): operands fall into three priorities
(tensors with dimensions, zero-dimensional tensors, Python scalars); a lower priority changes the result only when its
*category* (bool < integral < floating < complex) is higher. A complex number among real operands keeps their precision.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "dtype",
    "bool_",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "uint32",
    "complex64",
    "complex128",
    "ALL",
    "NAMES_ONLY",
    "check_held",
    "promote",
    "default_dtype",
    "set_default_dtype",
    "scalar_dtype",
    "combine",
    "name_of_dtype",
    "finfo",
    "iinfo",
    "can_cast",
    "ALIASES",
    "PYTHON_TYPES",
]


class dtype:
    """The type of a tensor's elements: `flambeau.float32` and so on.

    `itemsize` is in bytes. `category` is 0 for bool, 1 for integers, 2 for floating point and 3 for complex, the order in
    which promotion moves; from 2 on a dtype has gradients. `real` is the dtype of a complex number's two parts, and the dtype
    itself for others. `index` is its place in `ALL`; -1 for a dtype that is known by name only.
    """

    __slots__ = ("name", "itemsize", "category", "is_signed", "real", "index")

    def __init__(self, name: str, itemsize: int, category: int, is_signed: bool, index: int) -> None:
        self.name, self.itemsize, self.category, self.is_signed, self.index = name, itemsize, category, is_signed, index
        self.real = self

    @property
    def is_floating_point(self) -> bool:
        return self.category == 2

    @property
    def is_complex(self) -> bool:
        return self.category == 3

    def to_real(self) -> dtype:
        """The dtype of a complex number's parts; itself for others."""
        return self.real

    def to_complex(self) -> dtype:
        """The complex dtype whose parts have this precision; complex64 where there is none."""
        return self if self.category == 3 else _COMPLEX.get(self, complex64)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _by_name, (self.name,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: Any) -> dtype:
        return self


bool_ = dtype("bool", 1, 0, False, 0)
uint8 = dtype("uint8", 1, 1, False, 1)
int8 = dtype("int8", 1, 1, True, 2)
int16 = dtype("int16", 2, 1, True, 3)
int32 = dtype("int32", 4, 1, True, 4)
int64 = dtype("int64", 8, 1, True, 5)
float16 = dtype("float16", 2, 2, True, 6)
bfloat16 = dtype("bfloat16", 2, 2, True, 7)
float32 = dtype("float32", 4, 2, True, 8)
float64 = dtype("float64", 8, 2, True, 9)
uint32 = dtype("uint32", 4, 1, False, 10)  # random words and index arithmetic on a GPU; promotes like int64's little sister
complex64 = dtype("complex64", 8, 3, True, 11)
complex128 = dtype("complex128", 16, 3, True, 12)
complex64.real, complex128.real = float32, float64

ALL: Final = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, uint32, complex64, complex128)
NAMES_ONLY: Final = (
    dtype("uint16", 2, 1, False, -1), dtype("uint64", 8, 1, False, -1),
    dtype("float8_e4m3fn", 1, 2, True, -1), dtype("float8_e4m3fnuz", 1, 2, True, -1),
    dtype("float8_e5m2", 1, 2, True, -1), dtype("float8_e5m2fnuz", 1, 2, True, -1),
    dtype("float8_e8m0fnu", 1, 2, False, -1), dtype("float4_e2m1fn_x2", 1, 2, True, -1), dtype("complex32", 4, 3, True, -1),
)  # fmt: skip
"""PyTorch's dtypes that no tensor has here: programs name them in tables, compare with them and ask for their limits."""
complex32 = NAMES_ONLY[-1]
complex32.real = float16
_COMPLEX: Final = {d.real: d for d in (complex32, complex64, complex128)}
ALIASES: Final = {
    "half": float16,
    "float": float32,
    "double": float64,
    "short": int16,
    "int": int32,
    "long": int64,
    "cfloat": complex64,
    "cdouble": complex128,
    "chalf": complex32,
}
PYTHON_TYPES: Final[dict[Any, dtype]] = {bool: bool_, int: int64, float: float64, complex: complex128}
"""Python's types, which PyTorch takes where it takes a dtype."""
_NAMES: Final = {d.name: d for d in (*ALL, *NAMES_ONLY)}
_SCALAR_NAMES: Final = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "uint32": "UInt32",
    "float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double",
    "complex64": "ComplexFloat", "complex128": "ComplexDouble", "complex32": "ComplexHalf",
    "uint16": "UInt16", "uint64": "UInt64",
    **{f"float8_{format}": f"Float8_{format}" for format in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu")},
    "float4_e2m1fn_x2": "Float4_e2m1fn_x2",
}  # fmt: skip


def check_held(type: dtype) -> None:
    """Raises TypeError for a dtype that tensors don't have."""
    if type.index < 0:
        raise TypeError(f"flambeau has no tensors of {type!r}: the dtype is known by name only")


def name_of_dtype(type: dtype) -> str:
    """PyTorch's internal name of a dtype, such as Float or Long: errors say it, and names of tensor and storage types."""
    return _SCALAR_NAMES[type.name]


_C_NAMES: Final = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "int64": "long int",
    "int32": "int", "int16": "short int", "int8": "signed char", "uint8": "unsigned char", "bool": "bool",
    "uint32": "unsigned int", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


def c_name_of_dtype(type: dtype) -> str:
    """The name in C++ of a dtype, which other errors of PyTorch say."""
    return _C_NAMES[type.name]


def _by_name(name: str) -> dtype:
    return _NAMES[name]


def _promote_pair(a: dtype, b: dtype) -> dtype:
    if a is b:
        return a
    if 3 in (a.category, b.category):
        return complex128 if float64 in (a.real, b.real) else complex64
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.category == 2:
        if a.itemsize != b.itemsize:
            return a if a.itemsize > b.itemsize else b
        return float32  # float16 with bfloat16
    if a.itemsize != b.itemsize:
        big, small = (a, b) if a.itemsize > b.itemsize else (b, a)
        return big if big.is_signed or not small.is_signed else int64
    return {1: int16, 4: int64}[a.itemsize]  # unsigned with signed of one width


class _Promotions(dict[tuple[dtype, dtype], dtype]):
    """The dtype of each pair."""

    def __missing__(self, pair: tuple[dtype, dtype]) -> dtype:
        for type in pair:
            check_held(type)
        raise KeyError(pair)


_PROMOTION: Final = _Promotions({(a, b): _promote_pair(a, b) for a in ALL for b in ALL})


def promote(a: dtype, b: dtype) -> dtype:
    """The dtype of two operands of one priority: `promote(int64, float16)` is `float16`."""
    return _PROMOTION[a, b]


_default = float32


def default_dtype() -> dtype:
    """The dtype of Python floats that become tensors (`get_default_dtype`)."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Sets the dtype of new floating-point tensors; raises TypeError when `d` isn't floating."""
    global _default
    if not isinstance(d, dtype) or d.category != 2:
        raise TypeError("only floating-point types are supported as the default type")
    check_held(d)
    _default = d


def combine(higher: dtype, lower: dtype) -> dtype:
    """The dtype of operands of a priority with those of a lower one, which change it only by their category."""
    if lower.category <= higher.category:
        return higher
    return _held_complex(higher) if lower.category == 3 and higher.category == 2 else _PROMOTION[higher, lower]


def _held_complex(real: dtype) -> dtype:
    """The complex dtype that tensors have for parts of at least this precision."""
    return complex128 if real is float64 else complex64


def scalar_dtype(value: bool | int | float | complex) -> dtype:
    """The dtype of a Python number on its own: bool, int64, the default floating dtype or the complex one of its precision."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    return _default if isinstance(value, float) else _held_complex(_default)


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether PyTorch lets a result of `from_` be stored in place in `to`: the category may not fall."""
    return from_.category <= to.category


_FORMATS: Final = {
    "float16": (10, -14, 15, 0, 1e-3), "bfloat16": (7, -126, 127, 0, 1e-2),
    "float32": (23, -126, 127, 0, 1e-6), "float64": (52, -1022, 1023, 0, 1e-15),
    "float8_e4m3fn": (3, -6, 8, 1, 1.0), "float8_e4m3fnuz": (3, -7, 7, 0, 1.0),
    "float8_e5m2": (2, -14, 15, 0, 1.0), "float8_e5m2fnuz": (3, -15, 15, 1, 1.0),
}  # fmt: skip
"""Of each floating dtype: bits of the fraction, the lowest and the highest exponent of a normal number, how many bits of the
fraction the largest number lacks (1 where the last one is NaN), and the decimal resolution that PyTorch tells. It tells 2⁻³ as
the eps of float8_e5m2fnuz, which has two bits of fraction."""


class finfo:
    """Numerical limits of a floating dtype, or of a complex one's parts: `bits`, `eps`, `max`, `min`, `tiny`,
    `smallest_normal`, `resolution`."""

    def __init__(self, type: dtype | None = None) -> None:
        d = _default if type is None else type
        d = d.real if isinstance(d, dtype) else d
        if not isinstance(d, dtype) or d.category != 2:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{d!r}'")
        if d.name not in _FORMATS:
            raise TypeError(f"torch.finfo() has no limits of {d!r}")
        mantissa, lowest, highest, lost, self.resolution = _FORMATS[d.name]
        self.dtype = d.name
        self.bits = 8 * d.itemsize
        self.eps = 2.0**-mantissa
        self.max = (2.0 - 2.0 ** (lost - mantissa)) * 2.0**highest
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**lowest

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Numerical limits of an integer dtype: `bits`, `min`, `max`."""

    def __init__(self, type: dtype) -> None:
        if not isinstance(type, dtype) or type.category != 1:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type!r}'")
        self.dtype = type.name
        self.bits = 8 * type.itemsize
        self.min = -(1 << (self.bits - 1)) if type.is_signed else 0
        self.max = (1 << (self.bits - (1 if type.is_signed else 0))) - 1

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
