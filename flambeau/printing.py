"""How tensors print: PyTorch's `repr`, digit for digit, and `set_printoptions`. May import `flambeau.tensor` and below."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from flambeau.dtypes import bool_, default_dtype, int64, scalar_dtype
from flambeau.layout import sparse_coo, sparse_csc, sparse_csr, strided
from flambeau.tensor import Tensor

__all__ = ["set_printoptions", "tensor_text"]


@dataclass
class _Options:
    """`precision`: decimals; `threshold`: more elements than this are summarised to `edgeitems` at each end; `sci_mode`: None
    lets the numbers decide."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


options = _Options()
_PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors print; what isn't given stays, but for `sci_mode`. `profile`: "default", "short" or "full"."""
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
        for name, value in _PROFILES[profile].items():
            setattr(options, name, value)
    for name, given in (("precision", precision), ("threshold", threshold), ("edgeitems", edgeitems), ("linewidth", linewidth)):
        if given is not None:
            setattr(options, name, given)
    options.sci_mode = sci_mode


class _ComplexFormatter:
    """One width and one notation for all real parts, and one for all imaginary parts."""

    def __init__(self, values: list[Any]) -> None:
        self.real = _Formatter([v.real for v in values], True)
        self.imag = _Formatter([v.imag for v in values], True)
        self.width = self.real.width + self.imag.width + 1

    def format(self, value: Any) -> str:
        imag = (self.imag.format(value.imag) + "j").lstrip()
        return self.real.format(value.real) + (imag if imag[0] in "+-" else "+" + imag)


class _Formatter:
    """One width and one notation for all shown numbers."""

    def __init__(self, values: list[Any], is_floating: bool) -> None:
        self.is_floating = is_floating
        self.whole = True
        self.scientific = False
        self.width = 1
        if not is_floating:
            self.width = max([len(str(v)) for v in values], default=1)
            return
        finite = [v for v in values if math.isfinite(v) and v != 0]
        if finite:
            sizes = [abs(v) for v in finite]
            largest, smallest = max(sizes), min(sizes)
            self.whole = all(v == math.ceil(v) for v in finite)
            self.scientific = (
                largest / smallest > 1000.0 or largest > 1.0e8 or (not self.whole and smallest < 1.0e-4)
                if options.sci_mode is None
                else options.sci_mode
            )
            form, extra = (
                (f".{options.precision}e", 0) if self.scientific else (".0f", 1) if self.whole else (f".{options.precision}f", 0)
            )
            self.width = max(self.width, max(len(format(v, form)) + extra for v in finite))

    def format(self, value: Any) -> str:
        if not self.is_floating:
            text = str(value)
        elif self.scientific:
            text = format(value, f"{self.width}.{options.precision}e")
        elif self.whole:
            text = format(value, ".0f")
            if math.isfinite(value):
                text += "."
        else:
            text = format(value, f".{options.precision}f")
        return " " * (self.width - len(text)) + text


def _edges(t: Tensor) -> Tensor:
    """The tensor without what a summary leaves out."""
    edge = options.edgeitems
    for d, n in enumerate(t.shape):
        if n > 2 * edge:
            from flambeau.ops.joining import cat

            t = cat([t.narrow(d, 0, edge), t.narrow(d, n - edge, edge)], d) if edge else t.narrow(d, 0, 0)
    return t


def _flat(values: Any, rank: int) -> list[Any]:
    for _ in range(rank - 1):
        values = [v for row in values for v in row]
    return values if rank else [values]


def _rows(values: Any, shape: tuple[int, ...], indent: int, is_cut: bool, formatter: Any) -> str:
    """Nested lists as text; where `is_cut`, long dimensions hold only their edges and get dots in between."""
    if not shape:
        return formatter.format(values)
    edge = options.edgeitems
    cut = is_cut and shape[0] > 2 * edge
    if len(shape) == 1:
        texts = [formatter.format(v) for v in values]
        if cut:
            texts = [*texts[:edge], " ...", *texts[edge:]]
        per_line = max(1, math.floor((options.linewidth - indent) / (formatter.width + 2)))
        lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)] or [""]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_rows(v, shape[1:], indent + 1, is_cut, formatter) for v in values]
    if cut:
        parts = [*parts[:edge], "...", *parts[edge:]]
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(parts) + "]"


def _body(t: Tensor, indent: int) -> str:
    shape = tuple(t.shape)
    is_cut = t.numel() > options.threshold
    shown = _edges(t.detach()) if is_cut else t
    values = shown.tolist()
    flat = _flat(values, len(shape)) if shown.numel() else []
    formatter = _ComplexFormatter(flat) if t.dtype.category == 3 else _Formatter(flat, t.dtype.category == 2)
    return _rows(values, shape, indent, is_cut, formatter)


_OURS = __name__.partition(".")[0] + "."
"""How the modules of our own classes, which are shown as plain tensors, begin."""


def tensor_text(t: Tensor) -> str:
    """`repr` of a tensor: its numbers, and device, dtype and gradient where they aren't the usual."""
    kind = type(t)
    start = "tensor(" if kind is Tensor or kind.__module__.startswith(_OURS) else f"{kind.__name__}("
    indent = len(start)
    if t.layout is not strided:
        return _sparse_text(t, start, indent)
    suffixes = []
    if t._storage.device != "cpu":
        suffixes.append(f"device='{t._storage.device}'")
    usual = t.dtype in (default_dtype(), scalar_dtype(1j), int64, bool_)
    if t.numel() == 0 or t.is_meta:
        text = "..." if t.is_meta else "[]"
        if t.dim() != 1 or t.is_meta:
            suffixes.append("size=" + str(tuple(t.shape)))
        if t.dtype is not default_dtype():
            suffixes.append(f"dtype={t.dtype}")
    else:
        if not usual:
            suffixes.append(f"dtype={t.dtype}")
        text = _body(t, indent)
    return _with_suffixes(start + text, indent, suffixes + _history_of(t))


def _history_of(t: Tensor) -> list[str]:
    if t.grad_fn is not None:
        return [f"grad_fn=<{t.grad_fn.name()}>"]
    return ["requires_grad=True"] if t.requires_grad else []


def _with_suffixes(text: str, indent: int, suffixes: list[str], is_on_new_line: bool = False) -> str:
    """The text and what else is said of a tensor, in lines that aren't too long."""
    parts = [text]
    last_line = len(text) - text.rfind("\n") + 1
    for number, suffix in enumerate(suffixes):
        if (is_on_new_line and not number) or last_line + len(suffix) + 2 > options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            last_line = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            last_line += len(suffix) + 2
    return "".join(parts) + ")"


def _sparse_text(t: Tensor, start: str, indent: int) -> str:
    """A sparse tensor's indices and values."""
    storage: Any = t._storage
    values = storage.values
    named = zip(_INDICES.get(t.layout, ("indices",)), storage.indices)
    texts = []
    for name, part in (*named, ("values", values)):
        head = name + "=tensor("
        if part.is_meta:
            body = "..., size=" + str(tuple(part.shape))
        elif part.numel():
            body = _body(part, indent + len(head))
        else:
            body = "[], size=" + str(tuple(part.shape))
        texts.append(head + body + ")")
    suffixes = [] if t._storage.device == "cpu" else [f"device='{t._storage.device}'"]
    suffixes.append(f"size={tuple(t.shape)}")
    if not t.is_meta:
        suffixes.append(f"nnz={values.shape[0]}")
    if t.dtype not in (default_dtype(), scalar_dtype(1j), int64, bool_):
        suffixes.append(f"dtype={t.dtype}")
    suffixes += [f"layout={t.layout}", *_history_of(t)]
    text = start + (",\n" + " " * indent).join(texts)
    return _with_suffixes(text, indent, suffixes, t.layout is sparse_coo)


_INDICES = {sparse_csr: ("crow_indices", "col_indices"), sparse_csc: ("ccol_indices", "row_indices")}


tensor_text.__name__ = "__repr__"
Tensor.__repr__ = tensor_text  # type: ignore[method-assign]
