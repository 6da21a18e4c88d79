"""Philox 4x32-10 (Salmon et al., 2011): one word of the stream (see `graph/primitives/random.py`)."""

from flambeau.graph.primitives.random import MULTIPLIERS, ROUNDS, WEYL

__all__ = ["SOURCE"]

SOURCE = f"""
fn philox(seed: vec2<u32>, offset: vec2<u32>, position: vec2<u32>) -> u32 {{
  let block = i64_add(offset, u64_shift_right(position, 2u));
  var c = vec4<u32>(block, 0u, 0u);
  var key = seed;
  for (var round = 0u; round < {ROUNDS}u; round++) {{
    let a = u32_multiply_high(c.x, {MULTIPLIERS[0]}u);
    let b = u32_multiply_high(c.z, {MULTIPLIERS[1]}u);
    c = vec4<u32>(b ^ c.y ^ key.x, c.z * {MULTIPLIERS[1]}u, a ^ c.w ^ key.y, c.x * {MULTIPLIERS[0]}u);
    key += vec2<u32>({WEYL[0]}u, {WEYL[1]}u);
  }}
  let word = position.x & 3u;
  return select(select(c.x, c.y, word == 1u), select(c.z, c.w, word == 3u), word >= 2u);
}}
"""
