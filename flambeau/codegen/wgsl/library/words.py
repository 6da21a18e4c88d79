"""Narrow types in 32-bit words: wrapping of small integers, and conversions of the two half types on their bits.

The conversions round to nearest, ties to even, by integer arithmetic: WGSL leaves the rounding of its own to the driver.
"""

__all__ = ["SOURCE"]

SOURCE = """
fn i8_wrap(x: i32) -> i32 { return (x << 24u) >> 24u; }
fn i16_wrap(x: i32) -> i32 { return (x << 16u) >> 16u; }
fn f16_to_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let a = bits & 0x7fffffffu;
  if (a > 0x7f800000u) { return sign | 0x7e00u; }
  if (a >= 0x477ff000u) { return sign | 0x7c00u; }
  if (a < 0x38800000u) {
    let shift = 126u - (a >> 23u);
    if (shift > 25u) { return sign; }
    let mantissa = (a & 0x7fffffu) | 0x800000u;
    let quotient = mantissa >> shift;
    let rest = mantissa & ((1u << shift) - 1u);
    let half = 1u << (shift - 1u);
    return sign | (quotient + select(0u, 1u, (rest > half) | ((rest == half) & ((quotient & 1u) == 1u))));
  }
  return sign | ((a + 0xfffu + ((a >> 13u) & 1u) - 0x38000000u) >> 13u);
}
fn f16_from_bits(h: u32) -> f32 {
  let sign = (h & 0x8000u) << 16u;
  let a = h & 0x7fffu;
  if (a < 0x400u) {
    let small = f32(a) * 5.9604644775390625e-8f;
    return bitcast<f32>(bitcast<u32>(small) | sign);
  }
  var bits = (a << 13u) + 0x38000000u;
  if (a >= 0x7c00u) { bits += 0x38000000u; }
  return bitcast<f32>(bits | sign);
}
fn f16_round(x: f32) -> f32 { return f16_from_bits(f16_to_bits(x)); }
fn bf16_to_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return (bits >> 16u) | 0x40u; }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}
fn bf16_from_bits(h: u32) -> f32 { return bitcast<f32>(h << 16u); }
fn bf16_round(x: f32) -> f32 { return bitcast<f32>(bf16_to_bits(x) << 16u); }
fn float16_vector(words: vec2<u32>) -> vec4<f32> {
  let low = words & vec2<u32>(0xffffu);
  let high = words >> vec2<u32>(16u);
  return vec4<f32>(f16_from_bits(low.x), f16_from_bits(high.x), f16_from_bits(low.y), f16_from_bits(high.y));
}
fn bfloat16_vector(words: vec2<u32>) -> vec4<f32> {
  let low = words << vec2<u32>(16u);
  let high = words & vec2<u32>(0xffff0000u);
  return bitcast<vec4<f32>>(vec4<u32>(low.x, high.x, low.y, high.y));
}
fn i32_floor_divide(a: i32, b: i32) -> i32 {
  if (b == 0i) { return 0i; }
  let q = a / b;
  return select(q, q - 1i, (a % b != 0i) & ((a < 0i) != (b < 0i)));
}
fn i32_remainder(a: i32, b: i32) -> i32 {
  if ((b == 0i) | (b == -1i)) { return 0i; }
  let r = a % b;
  return select(r, r + b, (r != 0i) & ((r < 0i) != (b < 0i)));
}
fn i32_fmod(a: i32, b: i32) -> i32 { if ((b == 0i) | (b == -1i)) { return 0i; } return a % b; }
fn u32_floor_divide(a: u32, b: u32) -> u32 { if (b == 0u) { return 0u; } return a / b; }
fn u32_remainder(a: u32, b: u32) -> u32 { if (b == 0u) { return 0u; } return a % b; }
fn i32_power(base: i32, exponent: i32) -> i32 {
  if (exponent < 0i) {
    if (base == 1i) { return 1i; }
    if (base == -1i) { return select(1i, -1i, (exponent & 1i) == 1i); }
    return 0i;
  }
  var result = 1i; var square = base; var left = exponent;
  while (left > 0i) { if ((left & 1i) == 1i) { result = result * square; } square = square * square; left = left >> 1u; }
  return result;
}
fn u32_power(base: u32, exponent: u32) -> u32 {
  var result = 1u; var square = base; var left = exponent;
  while (left > 0u) { if ((left & 1u) == 1u) { result = result * square; } square = square * square; left = left >> 1u; }
  return result;
}
fn u32_gcd(p: u32, q: u32) -> u32 {
  var a = p; var b = q;
  while (b != 0u) { let rest = a % b; a = b; b = rest; }
  return a;
}
fn i32_gcd(a: i32, b: i32) -> i32 { return bitcast<i32>(u32_gcd(bitcast<u32>(abs(a)), bitcast<u32>(abs(b)))); }
fn i32_left_shift(a: i32, b: i32, bits: i32) -> i32 { if ((b < 0i) | (b >= bits)) { return 0i; } return a << u32(b); }
fn i32_right_shift(a: i32, b: i32, bits: i32) -> i32 {
  if ((b < 0i) | (b >= bits)) { return select(0i, -1i, a < 0i); }
  return a >> u32(b);
}
fn u32_left_shift(a: u32, b: u32, bits: u32) -> u32 { if (b >= bits) { return 0u; } return a << b; }
fn u32_right_shift(a: u32, b: u32, bits: u32) -> u32 { if (b >= bits) { return 0u; } return a >> b; }
fn u32_multiply_high(a: u32, b: u32) -> u32 {
  let a0 = a & 0xffffu; let a1 = a >> 16u;
  let b0 = b & 0xffffu; let b1 = b >> 16u;
  let low = a0 * b0;
  let middle = a1 * b0 + (low >> 16u);
  let other = a0 * b1 + (middle & 0xffffu);
  return a1 * b1 + (middle >> 16u) + (other >> 16u);
}
"""
