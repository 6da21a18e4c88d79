"""float32 functions with IEEE special cases, to about two units in the last place.

WGSL's own are either loosely bounded (exp, sin, pow) or free to assume that NaN and infinity do not occur; these test the bits.
What is often called has no branch, or one that is rarely taken: a tile of 64 results in a loop would take each of them in turn.
Polynomials were fitted by least squares at Chebyshev nodes, weighted towards the smallest largest relative error.
"""

# ruff: noqa: E501 - polynomials are one line each
__all__ = ["SOURCE"]

SOURCE = """
var<private> opaque_zero: u32;
fn f32_from_bits(bits: u32) -> f32 { return bitcast<f32>(bits ^ opaque_zero); }
fn f32_is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn f32_is_infinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }
fn f32_is_true(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) != 0u; }
fn f32_nan() -> f32 { return f32_from_bits(0x7fc00000u); }
fn f32_infinity() -> f32 { return f32_from_bits(0x7f800000u); }
fn f32_is_negative(x: f32) -> bool { return (bitcast<u32>(x) >> 31u) == 1u; }
fn f32_copysign(x: f32, y: f32) -> f32 { return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(y) & 0x80000000u)); }
fn f32_neg(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ 0x80000000u); }
fn f32_abs(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0x7fffffffu); }
fn f32_eq(a: f32, b: f32) -> bool { return (a == b) & !f32_is_nan(a) & !f32_is_nan(b); }
fn f32_lt(a: f32, b: f32) -> bool { return (a < b) & !f32_is_nan(a) & !f32_is_nan(b); }
fn f32_le(a: f32, b: f32) -> bool { return (a <= b) & !f32_is_nan(a) & !f32_is_nan(b); }
fn f32_max(a: f32, b: f32) -> f32 { return select(select(max(a, b), b, f32_is_nan(b)), a, f32_is_nan(a)); }
fn f32_min(a: f32, b: f32) -> f32 { return select(select(min(a, b), b, f32_is_nan(b)), a, f32_is_nan(a)); }
fn f32_sign(x: f32) -> f32 {
  if (f32_is_nan(x)) { return x; }
  return select(0.0f, f32_copysign(1.0f, x), (bitcast<u32>(x) & 0x7fffffffu) != 0u);
}
fn f32_is_integral_or_special(x: f32) -> bool { return ((bitcast<u32>(x) >> 23u) & 0xffu) >= 150u; }
fn f32_floor(x: f32) -> f32 { if (f32_is_integral_or_special(x)) { return x; } return f32_copysign(floor(x), x); }
fn f32_ceil(x: f32) -> f32 { if (f32_is_integral_or_special(x)) { return x; } return f32_copysign(ceil(x), x); }
fn f32_trunc(x: f32) -> f32 { if (f32_is_integral_or_special(x)) { return x; } return f32_copysign(trunc(x), x); }
fn f32_round(x: f32) -> f32 { if (f32_is_integral_or_special(x)) { return x; } return f32_copysign(round(x), x); }
fn f32_divide_special(a: f32, b: f32) -> f32 {
  // one is NaN or infinite, or b is zero
  if (f32_is_nan(a) | f32_is_nan(b)) { return f32_nan(); }
  let sign = f32_copysign(1.0f, a) * f32_copysign(1.0f, b);
  if (f32_is_infinite(b)) { return select(f32_copysign(0.0f, sign), f32_nan(), f32_is_infinite(a)); }
  return select(f32_nan(), f32_copysign(f32_infinity(), sign), f32_is_true(a));
}
fn f32_divide(a: f32, b: f32) -> f32 {
  if (!f32_is_finite(a) | !f32_is_finite(b) | !f32_is_true(b)) { return f32_divide_special(a, b); }
  // Vulkan's bound for division holds for divisors whose reciprocal is a normal number
  let scale = select(1.0f, 0.0625f, ((bitcast<u32>(b) >> 23u) & 0xffu) >= 252u);
  return (a * scale) / (b * scale);
}
fn f32_sqrt(x: f32) -> f32 {
  let special = select(x, f32_nan(), f32_is_negative(x) & f32_is_true(x) & !f32_is_nan(x));
  return select(special, sqrt(x), f32_is_positive_finite(x));
}
fn f32_rsqrt(x: f32) -> f32 {
  if (!f32_is_true(x)) { return f32_copysign(f32_infinity(), x); }
  if (f32_is_infinite(x) & !f32_is_negative(x)) { return 0.0f; }
  return 1.0f / f32_sqrt(x);
}
fn f32_scale(x: f32, exponent: i32) -> f32 {
  let half = exponent / 2i;
  return x * bitcast<f32>(u32(half + 127i) << 23u) * bitcast<f32>(u32(exponent - half + 127i) << 23u);
}
fn f32_exp_reduced(r: f32) -> f32 {
  return 1.0f + (r + r * r * (0.500000009f + r * (0.166666668f + r * (0.0416662349f + r * (0.00833326755f + r * (0.00139485067f + r * 0.000199170127f))))));
}
fn f32_exp_moderate(x: f32) -> f32 {
  // e^x for |x| ≤ 87
  let k = round(x * 1.44269502f);
  let r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
  return f32_exp_reduced(r) * bitcast<f32>(u32(i32(k) + 127i) << 23u);
}
fn f32_exp(x: f32) -> f32 {
  let c = clamp(x, -105.0f, 89.0f);
  let k = round(c * 1.44269502f);
  let r = (c - k * 0.693359375f) + k * 2.12194440e-4f;
  let value = select(f32_scale(f32_exp_reduced(r), i32(k)), f32_infinity(), x > 88.75f);
  return select(value, x, f32_is_nan(x));
}
fn f32_exp2(x: f32) -> f32 {
  let c = clamp(x, -150.0f, 128.0f);
  let k = round(c);
  let value = select(f32_scale(f32_exp_reduced((c - k) * 0.693147182f), i32(k)), f32_infinity(), x >= 128.0f);
  return select(value, x, f32_is_nan(x));
}
fn f32_expm1(x: f32) -> f32 {
  let near = x + x * x * (0.5f + x * (0.166666667f + x * (0.0416666686f + x * (0.00833333257f + x * (0.00138886042f + x * (0.000198416478f + x * (2.49555381e-5f + x * 2.75660372e-6f)))))));
  return select(select(f32_exp(x) - 1.0f, near, abs(x) < 0.5f), x, !f32_is_true(x) | f32_is_nan(x));
}
fn f32_log1p_reduced(f: f32) -> f32 {
  let tail = f * f * f * (0.333333125f + f * (-0.25000009f + f * (0.200021259f + f * (-0.166680268f + f * (0.142194527f + f * (-0.12405067f + f * (0.118883147f + f * (-0.116784653f + f * 0.0674957322f))))))));
  return f + (tail - 0.5f * f * f);
}
fn f32_log_parts(x: f32) -> vec2<f32> {
  // (exponent k, f) with x = 2^k (1 + f), 1 + f within [√½, √2)
  var bits = bitcast<u32>(x);
  var k = 0i;
  if (bits < 0x800000u) { bits = bitcast<u32>(f32(bits)); k = -149i; }
  let shifted = bits - 0x3f3504f3u;
  k += bitcast<i32>(shifted) >> 23u;
  let m = bitcast<f32>((shifted & 0x7fffffu) + 0x3f3504f3u);
  return vec2<f32>(f32(k), m - 1.0f);
}
fn f32_log_special(x: f32) -> f32 {
  if (f32_is_nan(x)) { return x; }
  if (!f32_is_true(x)) { return f32_neg(f32_infinity()); }
  if (f32_is_negative(x)) { return f32_nan(); }
  return x;
}
fn f32_is_positive_finite(x: f32) -> bool { let b = bitcast<u32>(x); return (b > 0u) & (b < 0x7f800000u); }
fn f32_log(x: f32) -> f32 {
  if (!f32_is_positive_finite(x)) { return f32_log_special(x); }
  let p = f32_log_parts(x);
  return p.x * 0.693359375f + (f32_log1p_reduced(p.y) - p.x * 2.12194440e-4f);
}
fn f32_log2(x: f32) -> f32 {
  if (!f32_is_positive_finite(x)) { return f32_log_special(x); }
  let p = f32_log_parts(x);
  return p.x + f32_log1p_reduced(p.y) * 1.44269504f;
}
fn f32_log1p(x: f32) -> f32 {
  if (f32_is_nan(x)) { return x; }
  if ((x > -0.29f) & (x < 0.41f)) { if (!f32_is_true(x)) { return x; } return f32_log1p_reduced(x); }
  return f32_log(1.0f + x);
}
fn f32_reduce_large_angle(x: f32) -> vec2<f32> {
  // Payne and Hanek: the fraction of |x|·2/π by integer arithmetic on enough of its bits
  var two_over_pi = array<u32, 8>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
  let bits = bitcast<u32>(x);
  let exponent = ((bits >> 23u) & 0xffu) - 127u;
  let mantissa = ((bits & 0x7fffffu) | 0x800000u) << 8u;
  let word = exponent >> 5u; let shift = exponent & 31u;
  var parts: array<u32, 3>;
  for (var i = 0u; i < 3u; i++) {
    let high = two_over_pi[word + i]; let low = two_over_pi[word + i + 1u];
    parts[i] = select((high << shift) | (low >> (32u - shift)), high, shift == 0u);
  }
  // |x| = mantissa·2^(exponent-31); the product's units are then two bits below the top of its second word
  let low = u32_multiply_high(mantissa, parts[2]);
  let p1 = vec2<u32>(mantissa * parts[1], u32_multiply_high(mantissa, parts[1]));
  var product = i64_add(p1, vec2<u32>(low, 0u));
  product.y += mantissa * parts[0];
  var quadrant = product.y >> 31u;
  // the bit above is the odd multiple of two quadrants
  let carry = u32_multiply_high(mantissa, parts[0]) + select(0u, 1u, product.y < mantissa * parts[0]);
  quadrant = ((carry << 1u) | quadrant) & 3u;
  var fraction = vec2<u32>(product.x << 1u, (product.y << 1u) | (product.x >> 31u));
  var sign = 1.0f;
  if ((fraction.y & 0x80000000u) != 0u) { fraction = i64_neg(fraction); quadrant += 1u; sign = -1.0f; }
  let r = sign * i64_to_f32(u64_shift_right(fraction, 1u)) * 1.0842021724855044e-19f * 1.57079633f;
  let q = select(f32(quadrant & 3u), -f32(quadrant & 3u), x < 0.0f);
  return vec2<f32>(select(r, -r, x < 0.0f), q);
}
fn f32_reduce_angle(x: f32) -> vec2<f32> {
  // (r, q) with x = r + q·π/2, r within ±π/4
  if (abs(x) > 8000.0f) { return f32_reduce_large_angle(x); }
  let q = round(x * 0.636619772f);
  let r = ((x - q * 1.5703125f) - q * 4.83751297e-4f) - q * 7.54953362e-8f;
  return vec2<f32>(r - q * 2.56334415e-12f, q);
}
fn f32_sin_reduced(r: f32) -> f32 {
  let s = r * r;
  return r + r * s * (-0.166666666f + s * (0.00833332889f + s * (-0.000198391758f + s * 2.71680825e-6f)));
}
fn f32_cos_reduced(r: f32) -> f32 {
  let s = r * r;
  return 1.0f - (0.5f * s - s * s * (0.0416666666f + s * (-0.00138888831f + s * (2.47993493e-5f + s * -2.71962308e-7f))));
}
fn f32_is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
fn f32_sin(x: f32) -> f32 {
  if (!f32_is_finite(x)) { return f32_nan(); }
  if (!f32_is_true(x)) { return x; }
  let a = f32_reduce_angle(x);
  let q = i32(a.y) & 3i;
  let value = select(f32_sin_reduced(a.x), f32_cos_reduced(a.x), (q & 1i) == 1i);
  return select(value, -value, q >= 2i);
}
fn f32_cos(x: f32) -> f32 {
  if (!f32_is_finite(x)) { return f32_nan(); }
  let a = f32_reduce_angle(x);
  let q = i32(a.y) & 3i;
  let value = select(f32_cos_reduced(a.x), f32_sin_reduced(a.x), (q & 1i) == 1i);
  return select(value, -value, (q == 1i) | (q == 2i));
}
fn f32_tan(x: f32) -> f32 {
  if (!f32_is_finite(x)) { return f32_nan(); }
  if (!f32_is_true(x)) { return x; }
  let a = f32_reduce_angle(x);
  let s = f32_sin_reduced(a.x); let c = f32_cos_reduced(a.x);
  return select(s / c, -c / s, (i32(a.y) & 1i) == 1i);
}
fn f32_asin_reduced(x: f32) -> f32 {
  let s = x * x;
  return x + x * s * (0.166666599f + s * (0.0750051088f + s * (0.0445157324f + s * (0.0318174837f + s * (0.0144031558f + s * 0.0375643651f)))));
}
fn f32_asin(x: f32) -> f32 {
  let a = abs(x);
  if (f32_is_nan(x) | (a > 1.0f)) { return f32_nan(); }
  if (a <= 0.5f) { if (!f32_is_true(x)) { return x; } return f32_asin_reduced(x); }
  let value = 1.57079633f - 2.0f * f32_asin_reduced(sqrt(0.5f * (1.0f - a)));
  return f32_copysign(value, x);
}
fn f32_acos(x: f32) -> f32 {
  let a = abs(x);
  if (f32_is_nan(x) | (a > 1.0f)) { return f32_nan(); }
  if (a <= 0.5f) { return 1.57079633f - f32_asin_reduced(x); }
  let value = 2.0f * f32_asin_reduced(sqrt(0.5f * (1.0f - a)));
  return select(value, 3.14159265f - value, x < 0.0f);
}
fn f32_atan_reduced(x: f32) -> f32 {
  let s = x * x;
  return x + x * s * (-0.333333138f + s * (0.199983773f + s * (-0.142416041f + s * (0.105785933f + s * -0.0603751718f))));
}
fn f32_atan(x: f32) -> f32 {
  if (f32_is_nan(x) | !f32_is_true(x)) { return x; }
  let a = f32_abs(x);
  var value: f32;
  if (f32_is_infinite(x)) { value = 1.57079633f; }
  else if (a > 2.41421356f) { value = 1.57079633f + f32_atan_reduced(-1.0f / a); }
  else if (a > 0.414213562f) { value = 0.785398163f + f32_atan_reduced((a - 1.0f) / (a + 1.0f)); }
  else { value = f32_atan_reduced(a); }
  return f32_copysign(value, x);
}
fn f32_atan2(y: f32, x: f32) -> f32 {
  if (f32_is_nan(x) | f32_is_nan(y)) { return f32_nan(); }
  var value: f32;
  if (!f32_is_true(y)) { value = 0.0f; }
  else if (f32_is_infinite(x)) { value = select(0.0f, 0.785398163f, f32_is_infinite(y)); }
  else if (f32_is_infinite(y) | !f32_is_true(x)) { value = 1.57079633f; }
  else {
    let ay = f32_abs(y); let ax = f32_abs(x);
    if (ay > ax) { value = 1.57079633f - f32_atan(ax / ay); } else { value = f32_atan(ay / ax); }
  }
  if (f32_is_negative(x)) { value = 3.14159265f - value; }
  return f32_copysign(value, y);
}
fn f32_sinh(x: f32) -> f32 {
  let a = f32_abs(x);
  if (f32_is_nan(x) | !f32_is_true(x)) { return x; }
  if (a < 1.0f) {
    let s = x * x;
    return x + x * s * (0.166666665f + s * (0.0083333506f + s * (0.000198360657f + s * 2.8174423e-6f)));
  }
  var value: f32;
  if (a > 88.0f) { let t = f32_exp(0.5f * a); value = (0.5f * t) * t; }
  else { let t = f32_exp(a); value = 0.5f * (t - 1.0f / t); }
  return f32_copysign(value, x);
}
fn f32_cosh(x: f32) -> f32 {
  let a = f32_abs(x);
  if (f32_is_nan(x)) { return x; }
  if (a > 88.0f) { let t = f32_exp(0.5f * a); return (0.5f * t) * t; }
  let t = f32_exp(a);
  return 0.5f * (t + 1.0f / t);
}
fn f32_tanh(x: f32) -> f32 {
  let a = min(f32_abs(x), 10.0f);
  let s = a * a;
  let near = a + a * s * (-0.333332992f + s * (0.133319575f + s * (-0.0537866243f + s * (0.0208052005f + s * -0.00590566934f))));
  let far = 1.0f - 2.0f / (f32_exp_moderate(2.0f * a) + 1.0f);
  return select(f32_copysign(select(far, near, a < 0.6f), x), x, f32_is_nan(x));
}
fn f32_asinh(x: f32) -> f32 {
  let a = f32_abs(x);
  if (!f32_is_finite(x) | !f32_is_true(x)) { return x; }
  if (a > 1e9f) { return f32_copysign(f32_log(a) + 0.693147181f, x); }
  let s = a * a;
  return f32_copysign(f32_log1p(a + s / (1.0f + sqrt(1.0f + s))), x);
}
fn f32_acosh(x: f32) -> f32 {
  if (f32_is_nan(x) | (x < 1.0f)) { return f32_nan(); }
  if (f32_is_infinite(x)) { return x; }
  if (x > 1e9f) { return f32_log(x) + 0.693147181f; }
  let t = x - 1.0f;
  return f32_log1p(t + f32_sqrt(2.0f * t + t * t));
}
fn f32_atanh(x: f32) -> f32 {
  let a = f32_abs(x);
  if (f32_is_nan(x) | (a > 1.0f)) { return f32_nan(); }
  if (!f32_is_true(x)) { return x; }
  if (a == 1.0f) { return f32_copysign(f32_infinity(), x); }
  return f32_copysign(0.5f * f32_log1p(2.0f * a / (1.0f - a)), x);
}
fn f32_erf(x: f32) -> f32 {
  let a = min(f32_abs(x), 3.95f);  // where it rounds to 1
  let s = a * a;
  let near = a * (1.12837917f + s * (-0.376126258f + s * (0.112835851f + s * (-0.0268538104f + s * (0.00518832481f + s * (-0.000801016841f + s * 7.85377811e-5f))))));
  let p = -0.000150667049f + a * (1.12938208f + a * (0.633662717f + a * (0.107858923f + a * (-0.0247750194f + a * (0.00399432144f + a * (-0.000378906256f + a * (1.13191078e-5f + a * 7.37030085e-7f)))))));
  return select(f32_copysign(select(1.0f - f32_exp_moderate(-p), near, a <= 1.0f), x), x, f32_is_nan(x));
}
fn f32_fmod(a: f32, b: f32) -> f32 {
  // exact: the mantissas' long division, one bit of the quotient a step
  if (f32_is_nan(a) | f32_is_nan(b) | f32_is_infinite(a) | !f32_is_true(b)) { return f32_nan(); }
  var x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  if (x < y) { return a; }
  var xe = x >> 23u; var ye = y >> 23u;
  var xm = x & 0x7fffffu; var ym = y & 0x7fffffu;
  if (xe == 0u) { xe = 1u; } else { xm |= 0x800000u; }
  if (ye == 0u) { ye = 1u; } else { ym |= 0x800000u; }
  xm = xm % ym;
  while ((xe > ye) & (xm != 0u)) {
    let step = min(xe - ye, 8u);
    xm = (xm << step) % ym;
    xe -= step;
  }
  if (xm == 0u) { return f32_copysign(0.0f, a); }
  let up = min(countLeadingZeros(xm) - 8u, ye - 1u);
  xm = xm << up;
  let e = ye - up;
  x = select(xm, (xm & 0x7fffffu) | (e << 23u), xm >= 0x800000u);
  return f32_copysign(bitcast<f32>(x), a);
}
fn f32_remainder(a: f32, b: f32) -> f32 {
  let r = f32_fmod(a, b);
  if (f32_is_nan(r)) { return r; }
  if (!f32_is_true(r)) { return f32_copysign(0.0f, b); }
  if (f32_is_negative(r) != f32_is_negative(b)) { return r + b; }
  return r;
}
fn f32_floor_divide(a: f32, b: f32) -> f32 {
  if (!f32_is_true(b)) { return f32_divide(a, b); }
  let r = f32_fmod(a, b);
  if (f32_is_nan(r)) { return r; }
  var q = f32_divide(a - r, b);
  if (f32_is_true(r) & (f32_is_negative(r) != f32_is_negative(b))) { q -= 1.0f; }
  if (!f32_is_true(q)) { return f32_copysign(0.0f, f32_copysign(1.0f, a) * f32_copysign(1.0f, b)); }
  let f = f32_floor(q);
  return select(f, f + 1.0f, q - f > 0.5f);
}
fn f32_high_part(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }
fn f32_pow_positive(x: f32, y: f32) -> f32 {
  // x^y = 2^(y·log2 x) with log2 x as a sum of two floats: products of 12-bit halves are exact, fused or not
  let p = f32_log_parts(x);
  let f = p.y;
  let d = 2.0f + f;
  let s = f / d;
  let sh = f32_high_part(s);
  let dh = f32_high_part(d);
  let dl = f - (dh - 2.0f);
  let sl = ((f - sh * dh) - sh * dl) / d;
  let s2 = s * s;
  let tail = s * s2 * (0.961796669f + s2 * (0.577082881f + s2 * (0.411704124f + s2 * 0.340263009f)));
  // log2 m = 2·log2(e)·s + tail, with 2·log2(e) split in two
  let th = 2.884765625f * sh;
  let tl = tail + 2.884765625f * sl + 6.24456778e-4f * s;
  let big = p.x + th;
  let lost = (p.x - big) + th;
  let lh = f32_high_part(big + (tl + lost));
  let ll = ((big - lh) + lost) + tl;
  let yh = f32_high_part(y);
  let yl = y - yh;
  let eh = yh * lh;
  let el = yl * lh + y * ll;
  if (eh + el > 129.0f) { return f32_infinity(); }
  if (eh + el < -151.0f) { return 0.0f; }
  let k = round(eh + el);
  let r = ((eh - k) + el) * 0.693147181f;
  return f32_scale(f32_exp_reduced(r), i32(k));
}
fn f32_is_odd_integer(y: f32) -> bool {
  let a = abs(y);
  return (a < 16777216.0f) & (trunc(a) == a) & ((u32(a) & 1u) == 1u);
}
fn f32_power(x: f32, y: f32) -> f32 {
  if (!f32_is_true(y) | (bitcast<u32>(x) == 0x3f800000u)) { return 1.0f; }
  if (f32_is_nan(x) | f32_is_nan(y)) { return f32_nan(); }
  let a = f32_abs(x);
  if (f32_is_infinite(y)) {
    if (a == 1.0f) { return 1.0f; }
    return select(0.0f, f32_infinity(), (a > 1.0f) != f32_is_negative(y));
  }
  let odd = f32_is_odd_integer(y);
  var value: f32;
  if (!f32_is_true(x)) { value = select(0.0f, f32_infinity(), f32_is_negative(y)); }
  else if (f32_is_infinite(x)) { value = select(f32_infinity(), 0.0f, f32_is_negative(y)); }
  else {
    if (f32_is_negative(x) & !(odd | f32_is_integral_or_special(y) | (trunc(y) == y))) { return f32_nan(); }
    value = f32_pow_positive(a, y);
  }
  return select(value, f32_neg(value), odd & f32_is_negative(x));
}
fn f32_nextafter(a: f32, b: f32) -> f32 {
  if (f32_is_nan(a) | f32_is_nan(b)) { return f32_nan(); }
  if (a == b) { return b; }
  if (!f32_is_true(a)) { return f32_copysign(bitcast<f32>(1u), b); }
  let away = (a < b) == !f32_is_negative(a);
  return bitcast<f32>(select(bitcast<u32>(a) - 1u, bitcast<u32>(a) + 1u, away));
}
"""
