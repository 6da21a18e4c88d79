"""What compiled kernels may call that the machine lacks: conversions between float16 and float32 on x86 without F16C.

LLVM calls the compiler runtime's functions there, which a Python process doesn't have.
"""

from __future__ import annotations

__all__ = ["HALF_CONVERSIONS"]

# Widening moves the fields into place and multiplies by 2^112, which also normalises subnormals. Narrowing rounds to nearest
# even: normal numbers by adding to the bits that go, subnormal ones by adding 0.5, whose last place is theirs.
HALF_CONVERSIONS = """
define float @__extendhfsf2(half %h) {
  %raw = bitcast half %h to i16
  %wide = zext i16 %raw to i32
  %magnitude = and i32 %wide, 32767
  %moved = shl i32 %magnitude, 13
  %tiny = bitcast i32 %moved to float
  %scaled = fmul float %tiny, 0x46F0000000000000
  %finite = bitcast float %scaled to i32
  %special = or i32 %moved, 2139095040
  %is_special = icmp uge i32 %magnitude, 31744
  %unsigned = select i1 %is_special, i32 %special, i32 %finite
  %sign16 = and i32 %wide, 32768
  %sign = shl i32 %sign16, 16
  %bits = or i32 %unsigned, %sign
  %result = bitcast i32 %bits to float
  ret float %result
}

define half @__truncsfhf2(float %x) {
  %bits = bitcast float %x to i32
  %high = lshr i32 %bits, 16
  %sign = and i32 %high, 32768
  %magnitude = and i32 %bits, 2147483647
  %last = lshr i32 %magnitude, 13
  %odd = and i32 %last, 1
  %up = add i32 %magnitude, 4095
  %rounded = add i32 %up, %odd
  %rebased = sub i32 %rounded, 939524096
  %normal = lshr i32 %rebased, 13
  %positive = bitcast i32 %magnitude to float
  %shifted = fadd float %positive, 5.000000e-01
  %sum = bitcast float %shifted to i32
  %subnormal = sub i32 %sum, 1056964608
  %is_subnormal = icmp ult i32 %magnitude, 947912704
  %finite = select i1 %is_subnormal, i32 %subnormal, i32 %normal
  %is_infinite = icmp uge i32 %magnitude, 1199566848
  %bounded = select i1 %is_infinite, i32 31744, i32 %finite
  %is_nan = icmp ugt i32 %magnitude, 2139095040
  %unsigned = select i1 %is_nan, i32 32256, i32 %bounded
  %all = or i32 %unsigned, %sign
  %narrow = trunc i32 %all to i16
  %result = bitcast i16 %narrow to half
  ret half %result
}
"""
