"""Subgroup matrices on an adapter that has none: their WGSL, rewritten so that each invocation computes its share by itself.

A subgroup is 32 neighbouring invocations; each holds half a row of a 16×16 sum, and its row of a left factor, which may stay
while memory changes. A right factor becomes the place where it lies in workgroup memory.
"""

from __future__ import annotations

import re

_LOAD = re.compile(
    r"let (\w+) = subgroupMatrixLoad<subgroup_matrix_(left|right)<f16, 16, 16>>\(&(\w+), (.+), (true|false), (\d+)u\);"
)
_LOAD_SUMS = re.compile(r"(\w+) = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>>\(&(\w+), (.+), false, (\d+)u\);")
_MULTIPLY = re.compile(r"(\w+) = subgroupMatrixMultiplyAccumulate\((\w+), (\w+), (\w+)\);")
_STORE = re.compile(r"subgroupMatrixStore\(&(\w+), (.+), (\w+), false, (\d+)u\);")
_HEAD = """) {
  let subgroup = local / 32u;
  let lane = local % 32u;
  let side = 16u + (workgroup.x >> 31u);"""
"""`side` is 16, but no compiler knows: unrolled, all products of matrices would take minutes to compile."""


def without_matrices(code: str) -> str:
    """The shader in plain WGSL."""
    loaded: dict[str, tuple[str, bool, int]] = {}
    lines = []
    for line in code.splitlines():
        text = line.strip()
        if text.startswith(("enable subgroups", "enable chromium")):
            continue
        if found := _LOAD.fullmatch(text):
            name, side, array, place, by_columns, stride = found.groups()
            loaded[name] = array, by_columns == "true", int(stride)
            lines.append(f"let {name}_at = {place};")
            if side == "left":
                place = _place(f"{name}_at", "lane / 2u", "k", by_columns == "true", stride)
                lines.append(f"var {name}: array<f32, 16>;")
                lines.append(f"for (var k = 0u; k < side; k++) {{ {name}[k] = f32({array}[{place}]); }}")
        elif found := _MULTIPLY.fullmatch(text):
            total, a, b, before = found.groups()
            assert total == before
            array, by_columns, stride = loaded[b]
            place = _place(f"{b}_at", "k", "(lane % 2u * 8u + part)", by_columns, stride)
            lines += [
                "for (var part = 0u; part < side / 2u; part++) { for (var k = 0u; k < side; k++) {",
                f"  {total}[part] += {a}[k] * f32({array}[{place}]);",
                "} }",
            ]
        elif found := _LOAD_SUMS.fullmatch(text):
            name, array, place, stride = found.groups()
            lines += [
                "for (var part = 0u; part < side / 2u; part++) {",
                f"  {name}[part] = {array}[{place} + (lane / 2u) * {stride}u + lane % 2u * 8u + part];",
                "}",
            ]
        elif found := _STORE.fullmatch(text):
            array, place, name, stride = found.groups()
            lines += [
                "for (var part = 0u; part < side / 2u; part++) {",
                f"  {array}[{place} + (lane / 2u) * {stride}u + lane % 2u * 8u + part] = {name}[part];",
                "}",
            ]
        else:
            line = re.sub(r"bitcast<vec2<f16>>\((.+?)\);", r"vec2<f16>(unpack2x16float(\1));", line)  # naga knows no such bitcast
            line = re.sub(r"bitcast<u32>\(vec2<f16>\((vec2<f32>\(.*?\))\)\)", r"pack2x16float(\1)", line)
            lines.append(line.replace("subgroup_matrix_result<f32, 16, 16>", "array<f32, 8>"))
    head = ", @builtin(subgroup_id) subgroup: u32) {"
    text = "\n".join(lines).replace(head, _HEAD)
    assert "ubgroupMatrix" not in text and "subgroup_" not in text, text
    return text


def _place(start: str, row: str, column: str, by_columns: bool, stride: int | str) -> str:
    """Where an element of a matrix in workgroup memory is."""
    line, place = (column, row) if by_columns else (row, column)
    return f"{start} + ({line}) * {stride}u + {place}"
