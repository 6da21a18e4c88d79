"""Subgroup matrices on an adapter that has none: their WGSL, rewritten so that each invocation computes its share by itself.

A subgroup is 32 neighbouring invocations; each holds half a row of a 16×16 sum. A factor becomes the place where it lies in
workgroup memory.
"""

from __future__ import annotations

import re

_LOAD = re.compile(
    r"let (\w+) = subgroupMatrixLoad<subgroup_matrix_(?:left|right)<f16, 16, 16>>\(&(\w+), (.+), (true|false), (\d+)u\);"
)
_MULTIPLY = re.compile(r"(\w+) = subgroupMatrixMultiplyAccumulate\((\w+), (\w+), (\w+)\);")
_STORE = re.compile(r"subgroupMatrixStore\(&(\w+), (.+), (\w+), false, (\d+)u\);")


def without_matrices(code: str) -> str:
    """The shader in plain WGSL."""
    loaded: dict[str, tuple[str, bool, int]] = {}
    lines = []
    for line in code.splitlines():
        text = line.strip()
        if text.startswith(("enable subgroups", "enable chromium")):
            continue
        if found := _LOAD.fullmatch(text):
            name, array, place, by_columns, stride = found.groups()
            loaded[name] = array, by_columns == "true", int(stride)
            lines.append(f"let {name} = {place};")
        elif found := _MULTIPLY.fullmatch(text):
            total, a, b, before = found.groups()
            assert total == before
            factors = []
            for name, row, column in ((a, "lane / 2u", "k"), (b, "k", "(lane % 2u * 8u + part)")):
                array, by_columns, stride = loaded[name]
                line, place = (column, row) if by_columns else (row, column)
                factors.append(f"f32({array}[{name} + ({line}) * {stride}u + {place}])")
            lines += [
                "for (var part = 0u; part < 8u; part++) { for (var k = 0u; k < 16u; k++) {",
                f"  {total}[part] += {' * '.join(factors)};",
                "} }",
            ]
        elif found := _STORE.fullmatch(text):
            array, place, name, stride = found.groups()
            lines += [
                "for (var part = 0u; part < 8u; part++) {",
                f"  {array}[{place} + (lane / 2u) * {stride}u + lane % 2u * 8u + part] = {name}[part];",
                "}",
            ]
        else:
            line = re.sub(r"bitcast<vec2<f16>>\((.+?)\);", r"vec2<f16>(unpack2x16float(\1));", line)  # naga knows no such bitcast
            line = re.sub(r"bitcast<u32>\(vec2<f16>\((vec2<f32>\(.*?\))\)\)", r"pack2x16float(\1)", line)
            lines.append(line.replace("subgroup_matrix_result<f32, 16, 16>", "array<f32, 8>"))
    head = ", @builtin(subgroup_id) subgroup: u32) {"
    text = "\n".join(lines).replace(head, ") {\n  let subgroup = local / 32u;\n  let lane = local % 32u;")
    assert "ubgroupMatrix" not in text and "subgroup_" not in text, text
    return text
