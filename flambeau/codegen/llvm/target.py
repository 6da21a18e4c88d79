"""`Target`: what code generation asks about a processor. Imports nothing of flambeau."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """A processor: `vector_bits` (128, 256 or 512) and `registers` of its vector registers, LLVM's name for it and its feature
    string ("+avx2,+fma,…"), and the sizes of one core's caches in bytes. `may_round`: products of float32 may be made by
    algorithms of larger rounding errors (`flambeau.precision`)."""

    vector_bits: int
    registers: int
    cpu: str
    features: str = ""
    l1: int = 32 << 10
    l2: int = 1 << 20
    architecture: str = "x86_64"
    may_round: bool = False

    def has(self, feature: str) -> bool:
        """Whether the feature string names `feature` (LLVM's spelling) as present."""
        return f"+{feature}" in self.features.split(",")

    @property
    def has_masks(self) -> bool:
        """Whether stores and loads of all widths take a mask for nothing."""
        return self.architecture != "x86_64" or (self.has("avx512vl") and self.has("avx512bw"))

    @property
    def attributes(self) -> str:
        """The attribute text for functions compiled for this processor."""
        return f'nounwind "prefer-vector-width"="{self.vector_bits}" "min-legal-vector-width"="{self.vector_bits}"'

    def lanes(self, bits: int) -> int:
        """Elements of `bits` bits in one register."""
        return max(1, self.vector_bits // bits)
