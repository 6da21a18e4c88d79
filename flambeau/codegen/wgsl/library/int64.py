"""64-bit integers on two words, `vec2<u32>(low, high)`, exact in every operation."""

# ruff: noqa: E501 - polynomials are one line each
__all__ = ["SOURCE"]

SOURCE = """
fn i64_from_i32(a: i32) -> vec2<u32> { return vec2<u32>(bitcast<u32>(a), bitcast<u32>(a >> 31u)); }
fn i64_is_negative(a: vec2<u32>) -> bool { return (a.y & 0x80000000u) != 0u; }
fn i64_add(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}
fn i64_sub(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}
fn i64_neg(a: vec2<u32>) -> vec2<u32> { return i64_sub(vec2<u32>(), a); }
fn i64_mul(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(a.x * b.x, u32_multiply_high(a.x, b.x) + a.x * b.y + a.y * b.x);
}
fn i64_eq(a: vec2<u32>, b: vec2<u32>) -> bool { return (a.x == b.x) & (a.y == b.y); }
fn u64_lt(a: vec2<u32>, b: vec2<u32>) -> bool { return (a.y < b.y) | ((a.y == b.y) & (a.x < b.x)); }
fn i64_lt(a: vec2<u32>, b: vec2<u32>) -> bool {
  let ah = bitcast<i32>(a.y); let bh = bitcast<i32>(b.y);
  return (ah < bh) | ((ah == bh) & (a.x < b.x));
}
fn i64_min(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, i64_lt(b, a)); }
fn i64_max(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return select(a, b, i64_lt(a, b)); }
fn i64_abs(a: vec2<u32>) -> vec2<u32> { return select(a, i64_neg(a), i64_is_negative(a)); }
fn i64_sign(a: vec2<u32>) -> vec2<u32> {
  if (i64_is_negative(a)) { return vec2<u32>(0xffffffffu, 0xffffffffu); }
  return vec2<u32>(select(1u, 0u, (a.x == 0u) & (a.y == 0u)), 0u);
}
fn u64_shift_left(a: vec2<u32>, n: u32) -> vec2<u32> {
  if (n == 0u) { return a; }
  if (n >= 64u) { return vec2<u32>(); }
  if (n >= 32u) { return vec2<u32>(0u, a.x << (n - 32u)); }
  return vec2<u32>(a.x << n, (a.y << n) | (a.x >> (32u - n)));
}
fn u64_shift_right(a: vec2<u32>, n: u32) -> vec2<u32> {
  if (n == 0u) { return a; }
  if (n >= 64u) { return vec2<u32>(); }
  if (n >= 32u) { return vec2<u32>(a.y >> (n - 32u), 0u); }
  return vec2<u32>((a.x >> n) | (a.y << (32u - n)), a.y >> n);
}
fn i64_left_shift(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if ((b.y != 0u) | (b.x >= 64u)) { return vec2<u32>(); }
  return u64_shift_left(a, b.x);
}
fn i64_right_shift(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let fill = select(vec2<u32>(), vec2<u32>(0xffffffffu, 0xffffffffu), i64_is_negative(a));
  if ((b.y != 0u) | (b.x >= 64u)) { return fill; }
  return u64_shift_right(a, b.x) | select(vec2<u32>(), ~u64_shift_right(vec2<u32>(0xffffffffu, 0xffffffffu), b.x), i64_is_negative(a));
}
fn u64_divide(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
  if ((a.y == 0u) & (b.y == 0u)) { return vec4<u32>(a.x / b.x, 0u, a.x % b.x, 0u); }
  var quotient = vec2<u32>();
  var rest = vec2<u32>();
  var left = a;
  var steps = 64u;
  if (a.y == 0u) { left = vec2<u32>(0u, a.x); steps = 32u; }
  for (var i = 0u; i < steps; i++) {
    let carry = rest.y >> 31u;
    rest = vec2<u32>((rest.x << 1u) | (left.y >> 31u), (rest.y << 1u) | (rest.x >> 31u));
    left = vec2<u32>(left.x << 1u, (left.y << 1u) | (left.x >> 31u));
    quotient = vec2<u32>(quotient.x << 1u, (quotient.y << 1u) | (quotient.x >> 31u));
    if ((carry == 1u) | !u64_lt(rest, b)) { rest = i64_sub(rest, b); quotient.x |= 1u; }
  }
  return vec4<u32>(quotient, rest);
}
fn i64_fmod(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if ((b.x == 0u) & (b.y == 0u)) { return vec2<u32>(); }
  let r = u64_divide(i64_abs(a), i64_abs(b)).zw;
  return select(r, i64_neg(r), i64_is_negative(a));
}
fn i64_remainder(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let r = i64_fmod(a, b);
  if (((r.x != 0u) | (r.y != 0u)) & (i64_is_negative(r) != i64_is_negative(b))) { return i64_add(r, b); }
  return r;
}
fn i64_truncating_divide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if ((b.x == 0u) & (b.y == 0u)) { return vec2<u32>(); }
  let q = u64_divide(i64_abs(a), i64_abs(b)).xy;
  return select(q, i64_neg(q), i64_is_negative(a) != i64_is_negative(b));
}
fn i64_floor_divide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if ((b.x == 0u) & (b.y == 0u)) { return vec2<u32>(); }
  let both = u64_divide(i64_abs(a), i64_abs(b));
  if (i64_is_negative(a) == i64_is_negative(b)) { return both.xy; }
  let down = select(0u, 1u, (both.z != 0u) | (both.w != 0u));
  return i64_neg(i64_add(both.xy, vec2<u32>(down, 0u)));
}
fn i64_power(base: vec2<u32>, exponent: vec2<u32>) -> vec2<u32> {
  let one = vec2<u32>(1u, 0u);
  if (i64_is_negative(exponent)) {
    if (i64_eq(base, one)) { return one; }
    if ((base.x == 0xffffffffu) & (base.y == 0xffffffffu)) { return select(one, base, (exponent.x & 1u) == 1u); }
    return vec2<u32>();
  }
  var result = one; var square = base; var left = exponent;
  while ((left.x != 0u) | (left.y != 0u)) {
    if ((left.x & 1u) == 1u) { result = i64_mul(result, square); }
    square = i64_mul(square, square);
    left = u64_shift_right(left, 1u);
  }
  return result;
}
fn u64_twos(a: vec2<u32>) -> u32 { return select(countTrailingZeros(a.x), 32u + countTrailingZeros(a.y), a.x == 0u); }
fn i64_gcd(p: vec2<u32>, q: vec2<u32>) -> vec2<u32> {
  var a = i64_abs(p); var b = i64_abs(q);
  if ((a.x | a.y) == 0u) { return b; }
  if ((b.x | b.y) == 0u) { return a; }
  let shared_twos = u64_twos(a | b);
  a = u64_shift_right(a, u64_twos(a));
  while ((b.x | b.y) != 0u) {
    b = u64_shift_right(b, u64_twos(b));
    if (u64_lt(b, a)) { let larger = a; a = b; b = larger; }
    b = i64_sub(b, a);
  }
  return u64_shift_left(a, shared_twos);
}
fn i64_to_f32(a: vec2<u32>) -> f32 {
  let magnitude = i64_abs(a);
  var exponent = 0u;
  var top = magnitude.x;
  if (magnitude.y != 0u) {
    // the leading 32 bits, with a sticky last bit for what is below them
    let zeros = countLeadingZeros(magnitude.y);
    exponent = 32u - zeros;
    let shifted = u64_shift_left(magnitude, zeros);
    top = shifted.y | select(0u, 1u, shifted.x != 0u);
  }
  let zeros = countLeadingZeros(top);
  var result: f32;
  if (zeros >= 8u) { result = f32(top); }
  else {
    let shift = 8u - zeros;
    var kept = top >> shift;
    let rest = top & ((1u << shift) - 1u);
    let half = 1u << (shift - 1u);
    if ((rest > half) | ((rest == half) & ((kept & 1u) == 1u))) { kept += 1u; }
    result = f32(kept) * f32(1u << shift);
  }
  result = result * select(1.0f, bitcast<f32>((exponent + 127u) << 23u), exponent > 0u);
  return select(result, -result, i64_is_negative(a));
}
fn i64_from_f32(x: f32) -> vec2<u32> {
  let bits = bitcast<u32>(x);
  let exponent = (bits >> 23u) & 0xffu;
  if ((exponent < 127u) | (exponent == 255u)) { return vec2<u32>(); }
  let mantissa = vec2<u32>((bits & 0x7fffffu) | 0x800000u, 0u);
  var a: vec2<u32>;
  if (exponent >= 190u) { return vec2<u32>(0u, 0x80000000u); }
  if (exponent <= 150u) { a = vec2<u32>(mantissa.x >> (150u - exponent), 0u); }
  else { a = u64_shift_left(mantissa, exponent - 150u); }
  return select(a, i64_neg(a), (bits >> 31u) == 1u);
}
"""
