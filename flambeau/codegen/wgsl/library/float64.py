"""float64 functions for adapters with native float64, which have arithmetic but neither functions nor access to the bits."""

# ruff: noqa: E501 - polynomials are one line each
__all__ = ["SOURCE"]

SOURCE = """
fn f64_is_nan(x: f64) -> bool { return !(x == x); }
fn f64_is_infinite(x: f64) -> bool { return abs(x) > 1.7976931348623157e308lf; }
fn f64_infinity() -> f64 { return f64(f32_infinity()); }
fn f64_nan() -> f64 { return f64(f32_nan()); }
fn f64_is_negative(x: f64) -> bool { return (x < 0.0lf) | ((x == 0.0lf) & (1.0lf / x < 0.0lf)); }
fn f64_copysign(x: f64, y: f64) -> f64 { return select(abs(x), -abs(x), f64_is_negative(y)); }
fn f64_ne(a: f64, b: f64) -> bool { return !(a == b); }
fn f64_max(a: f64, b: f64) -> f64 { if (f64_is_nan(a)) { return a; } if (f64_is_nan(b)) { return b; } return select(b, a, a > b); }
fn f64_min(a: f64, b: f64) -> f64 { if (f64_is_nan(a)) { return a; } if (f64_is_nan(b)) { return b; } return select(b, a, a < b); }
fn f64_sign(x: f64) -> f64 { if (f64_is_nan(x)) { return x; } return select(select(0.0lf, -1.0lf, x < 0.0lf), 1.0lf, x > 0.0lf); }
fn f64_trunc(x: f64) -> f64 { if (!(abs(x) < 4503599627370496.0lf)) { return x; } return f64_copysign(floor(abs(x)), x); }
fn f64_floor(x: f64) -> f64 { if (!(abs(x) < 4503599627370496.0lf)) { return x; } return f64_copysign(floor(x), x); }
fn f64_ceil(x: f64) -> f64 { return -f64_floor(-x); }
fn f64_round(x: f64) -> f64 {
  if (!(abs(x) < 4503599627370496.0lf)) { return x; }
  let down = floor(abs(x));
  let rest = abs(x) - down;
  let odd = down - 2.0lf * floor(down * 0.5lf);
  return f64_copysign(select(down, down + 1.0lf, (rest > 0.5lf) | ((rest == 0.5lf) & (odd == 1.0lf))), x);
}
fn f64_sqrt(x: f64) -> f64 {
  if (x < 0.0lf) { return f64_nan(); }
  if (f64_is_nan(x) | (x == 0.0lf) | f64_is_infinite(x)) { return x; }
  return sqrt(x);
}
fn f64_rsqrt(x: f64) -> f64 { return 1.0lf / f64_sqrt(x); }
fn i64_to_f64(a: vec2<u32>) -> f64 { return f64(bitcast<i32>(a.y)) * 4294967296.0lf + f64(a.x); }
fn i64_from_f64(x: f64) -> vec2<u32> {
  let a = floor(abs(x));
  if (!(a < 18446744073709551616.0lf)) { return vec2<u32>(); }
  let high = floor(a * 2.3283064365386963e-10lf);
  let words = vec2<u32>(u32(a - high * 4294967296.0lf), u32(high));
  return select(words, i64_neg(words), x < 0.0lf);
}
fn f64_power_of_two(n: i32) -> f64 {
  // by repeated squaring: there is no way to build a float64 from its bits
  var result = 1.0lf;
  var square = select(2.0lf, 0.5lf, n < 0i);
  var left = abs(n);
  while (left > 0i) { if ((left & 1i) == 1i) { result = result * square; } square = square * square; left = left >> 1u; }
  return result;
}
fn f64_scale(x: f64, n: i32) -> f64 { let half = n / 2i; return x * f64_power_of_two(half) * f64_power_of_two(n - half); }
fn f64_exp_series(r: f64) -> f64 {
  // Σ r^n/n! - 1 for |r| ≤ 0.35
  var sum = 0.0lf;
  for (var n = 14i; n >= 1i; n--) { sum = (sum + 1.0lf) * r / f64(n); }
  return sum;
}
fn f64_exp(x: f64) -> f64 {
  if (f64_is_nan(x)) { return x; }
  if (x > 709.79lf) { return f64_infinity(); }
  if (x < -745.2lf) { return 0.0lf; }
  let k = f64_round(x * 1.4426950408889634lf);
  let r = (x - k * 0.693147180369123816490lf) - k * 1.90821492927058770002e-10lf;
  return f64_scale(1.0lf + f64_exp_series(r), i32(k));
}
fn f64_exp2(x: f64) -> f64 {
  if (f64_is_nan(x)) { return x; }
  if (x >= 1024.0lf) { return f64_infinity(); }
  if (x < -1075.0lf) { return 0.0lf; }
  let k = f64_round(x);
  return f64_scale(1.0lf + f64_exp_series((x - k) * 0.693147180559945309lf), i32(k));
}
fn f64_expm1(x: f64) -> f64 { if (abs(x) < 0.35lf) { return select(f64_exp_series(x), x, x == 0.0lf); } return f64_exp(x) - 1.0lf; }
fn f64_log(x: f64) -> f64 {
  if (f64_is_nan(x) | (x < 0.0lf)) { return f64_nan(); }
  if (x == 0.0lf) { return -f64_infinity(); }
  if (f64_is_infinite(x)) { return x; }
  var k = 0i;
  var m = x;
  var step = 512i;
  while (step > 0i) {
    let p = f64_power_of_two(step);
    if (m >= p) { m = m / p; k += step; }
    if (m * p < 2.0lf) { m = m * p; k -= step; }
    step = step >> 1u;
  }
  while (m < 1.0lf) { m = m * 2.0lf; k -= 1i; }
  if (m > 1.4142135623730951lf) { m = m * 0.5lf; k += 1i; }
  let f = m - 1.0lf;
  return f64(k) * 0.693147180369123816490lf + (f64_log1p_series(f) + f64(k) * 1.90821492927058770002e-10lf);
}
fn f64_log1p_series(f: f64) -> f64 {
  // 2·artanh(f / (2 + f)), with the leading f kept exact
  let s = f / (2.0lf + f);
  let z = s * s;
  var sum = 0.0lf;
  for (var n = 41i; n >= 3i; n -= 2i) { sum = z * (sum + 2.0lf / f64(n)); }
  return f - s * (f - sum);
}
fn f64_log2(x: f64) -> f64 { return f64_log(x) * 1.4426950408889634lf; }
fn f64_log1p(x: f64) -> f64 { if ((x > -0.25lf) & (x < 0.4lf)) { return select(f64_log1p_series(x), x, x == 0.0lf); } return f64_log(1.0lf + x); }
fn f64_reduce_angle(x: f64) -> vec2<f64> {
  let q = f64_round(x * 0.63661977236758134lf);
  let r = ((x - q * 1.57079632673412561417e+00lf) - q * 6.07710050630396597660e-11lf) - q * 2.02226624879595063154e-21lf;
  return vec2<f64>(r, q);
}
fn f64_sin_reduced(r: f64) -> f64 {
  let s = r * r;
  var sum = 0.0lf;
  for (var n = 19i; n >= 3i; n -= 2i) { sum = (sum + 1.0lf) * -s / f64(n * (n - 1i)); }
  return r + r * sum;
}
fn f64_cos_reduced(r: f64) -> f64 {
  let s = r * r;
  var sum = 0.0lf;
  for (var n = 20i; n >= 2i; n -= 2i) { sum = (sum + 1.0lf) * -s / f64(n * (n - 1i)); }
  return 1.0lf + sum;
}
fn f64_quadrant(q: f64) -> i32 { return i32(q - 4.0lf * floor(q * 0.25lf)); }
fn f64_sin(x: f64) -> f64 {
  if (f64_is_nan(x) | f64_is_infinite(x)) { return f64_nan(); }
  if (x == 0.0lf) { return x; }
  let a = f64_reduce_angle(x);
  let q = f64_quadrant(a.y);
  let value = select(f64_sin_reduced(a.x), f64_cos_reduced(a.x), (q & 1i) == 1i);
  return select(value, -value, q >= 2i);
}
fn f64_cos(x: f64) -> f64 {
  if (f64_is_nan(x) | f64_is_infinite(x)) { return f64_nan(); }
  let a = f64_reduce_angle(x);
  let q = f64_quadrant(a.y);
  let value = select(f64_cos_reduced(a.x), f64_sin_reduced(a.x), (q & 1i) == 1i);
  return select(value, -value, (q == 1i) | (q == 2i));
}
fn f64_tan(x: f64) -> f64 { return f64_sin(x) / f64_cos(x); }
fn f64_atan(x: f64) -> f64 {
  if (f64_is_nan(x) | (x == 0.0lf)) { return x; }
  var a = abs(x);
  let inverted = a > 1.0lf;
  if (inverted) { a = 1.0lf / a; }
  // two halvings of the angle bring a below tan(π/16)
  a = a / (1.0lf + sqrt(1.0lf + a * a));
  a = a / (1.0lf + sqrt(1.0lf + a * a));
  let z = a * a;
  var sum = 0.0lf;
  for (var n = 25i; n >= 3i; n -= 2i) { sum = -z * (1.0lf / f64(n) + sum); }
  var value = 4.0lf * (a + a * sum);
  if (inverted) { value = 1.57079632679489662lf - value; }
  return f64_copysign(value, x);
}
fn f64_atan2(y: f64, x: f64) -> f64 {
  if (f64_is_nan(x) | f64_is_nan(y)) { return f64_nan(); }
  var value: f64;
  if (y == 0.0lf) { value = 0.0lf; }
  else if (f64_is_infinite(x)) { value = select(0.0lf, 0.785398163397448310lf, f64_is_infinite(y)); }
  else if (f64_is_infinite(y) | (x == 0.0lf)) { value = 1.57079632679489662lf; }
  else { value = f64_atan(abs(y) / abs(x)); }
  if (f64_is_negative(x)) { value = 3.14159265358979324lf - value; }
  return f64_copysign(value, y);
}
fn f64_asin(x: f64) -> f64 {
  if (f64_is_nan(x) | (abs(x) > 1.0lf)) { return f64_nan(); }
  return f64_atan2(x, sqrt((1.0lf - x) * (1.0lf + x)));
}
fn f64_acos(x: f64) -> f64 {
  if (f64_is_nan(x) | (abs(x) > 1.0lf)) { return f64_nan(); }
  return f64_atan2(sqrt((1.0lf - x) * (1.0lf + x)), x);
}
fn f64_sinh(x: f64) -> f64 {
  let a = abs(x);
  if (f64_is_nan(x) | (x == 0.0lf)) { return x; }
  if (a > 709.0lf) { let t = f64_exp(0.5lf * a); return f64_copysign((0.5lf * t) * t, x); }
  let e = f64_expm1(a);
  return f64_copysign(0.5lf * (e + e / (e + 1.0lf)), x);
}
fn f64_cosh(x: f64) -> f64 {
  let a = abs(x);
  if (a > 709.0lf) { let t = f64_exp(0.5lf * a); return (0.5lf * t) * t; }
  let t = f64_exp(a);
  return 0.5lf * (t + 1.0lf / t);
}
fn f64_tanh(x: f64) -> f64 {
  if (f64_is_nan(x) | (x == 0.0lf)) { return x; }
  let a = abs(x);
  if (a > 20.0lf) { return f64_copysign(1.0lf, x); }
  let e = f64_expm1(2.0lf * a);
  return f64_copysign(e / (e + 2.0lf), x);
}
fn f64_asinh(x: f64) -> f64 {
  if (f64_is_nan(x) | f64_is_infinite(x) | (x == 0.0lf)) { return x; }
  let a = abs(x);
  if (a > 1e9lf) { return f64_copysign(f64_log(a) + 0.693147180559945309lf, x); }
  return f64_copysign(f64_log1p(a + a * a / (1.0lf + sqrt(1.0lf + a * a))), x);
}
fn f64_acosh(x: f64) -> f64 {
  if (f64_is_nan(x) | (x < 1.0lf)) { return f64_nan(); }
  if (x > 1e9lf) { return f64_log(x) + 0.693147180559945309lf; }
  let t = x - 1.0lf;
  return f64_log1p(t + f64_sqrt(2.0lf * t + t * t));
}
fn f64_atanh(x: f64) -> f64 {
  if (f64_is_nan(x) | (abs(x) > 1.0lf)) { return f64_nan(); }
  if (x == 0.0lf) { return x; }
  let a = abs(x);
  return f64_copysign(0.5lf * f64_log1p(2.0lf * a / (1.0lf - a)), x);
}
fn f64_erf(x: f64) -> f64 {
  if (f64_is_nan(x)) { return x; }
  let a = abs(x);
  if (a > 6.0lf) { return f64_copysign(1.0lf, x); }
  if (a < 2.5lf) {
    // 2/√π·e^(-x²)·Σ 2^n x^(2n+1)/(2n+1)!!
    var term = a; var sum = a;
    for (var n = 1i; n < 60i; n++) { term = term * 2.0lf * a * a / f64(2i * n + 1i); sum = sum + term; }
    return f64_copysign(1.12837916709551257lf * f64_exp(-a * a) * sum, x);
  }
  // the continued fraction of erfc
  var fraction = a;
  for (var n = 60i; n >= 1i; n--) { fraction = a + 0.5lf * f64(n) / fraction; }
  return f64_copysign(1.0lf - f64_exp(-a * a) * 0.564189583547756287lf / fraction, x);
}
fn f64_fmod(a: f64, b: f64) -> f64 {
  if (f64_is_nan(a) | f64_is_nan(b) | f64_is_infinite(a) | (b == 0.0lf)) { return f64_nan(); }
  var x = abs(a);
  let y = abs(b);
  while (x >= y) {
    // the largest y·2^k that does not exceed x is taken away: exact
    var t = y;
    while (t * 4294967296.0lf <= x) { t = t * 4294967296.0lf; }
    while (t * 2.0lf <= x) { t = t * 2.0lf; }
    x = x - t;
  }
  return f64_copysign(x, a);
}
fn f64_remainder(a: f64, b: f64) -> f64 {
  let r = f64_fmod(a, b);
  if (f64_is_nan(r)) { return r; }
  if (r == 0.0lf) { return f64_copysign(0.0lf, b); }
  return select(r, r + b, (r < 0.0lf) != (b < 0.0lf));
}
fn f64_floor_divide(a: f64, b: f64) -> f64 {
  if (b == 0.0lf) { return a / b; }
  let r = f64_fmod(a, b);
  if (f64_is_nan(r)) { return r; }
  var q = (a - r) / b;
  if (!(r == 0.0lf) & ((r < 0.0lf) != (b < 0.0lf))) { q = q - 1.0lf; }
  let f = f64_floor(q);
  return select(f, f + 1.0lf, q - f > 0.5lf);
}
fn f64_power(x: f64, y: f64) -> f64 {
  if ((y == 0.0lf) | (x == 1.0lf)) { return 1.0lf; }
  if (f64_is_nan(x) | f64_is_nan(y)) { return f64_nan(); }
  let a = abs(x);
  if (f64_is_infinite(y)) {
    if (a == 1.0lf) { return 1.0lf; }
    return select(0.0lf, f64_infinity(), (a > 1.0lf) != (y < 0.0lf));
  }
  let integral = f64_trunc(y) == y;
  let odd = integral & (abs(y) < 9007199254740992.0lf) & !(y - 2.0lf * floor(y * 0.5lf) == 0.0lf);
  var value: f64;
  if (x == 0.0lf) { value = select(0.0lf, f64_infinity(), y < 0.0lf); }
  else if (f64_is_infinite(x)) { value = select(f64_infinity(), 0.0lf, y < 0.0lf); }
  else {
    if ((x < 0.0lf) & !integral) { return f64_nan(); }
    if (integral & (abs(y) <= 64.0lf)) {
      var base = a; var left = i32(abs(y)); value = 1.0lf;
      while (left > 0i) { if ((left & 1i) == 1i) { value = value * base; } base = base * base; left = left >> 1u; }
      if (y < 0.0lf) { value = 1.0lf / value; }
    } else { value = f64_exp(y * f64_log(a)); }
  }
  return select(value, -value, odd & f64_is_negative(x));
}
"""
