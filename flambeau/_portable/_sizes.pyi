# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

from typing import Any

K = Any
L0 = Any
L1 = Any
L2 = Any
L3 = Any
L4 = Any
L5 = Any
I = Any
O = Any
