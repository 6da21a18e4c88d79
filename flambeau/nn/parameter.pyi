# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from flambeau._pyrefly._tensor import Parameter as Parameter
else:
    from flambeau._portable._tensor import Parameter as Parameter

from typing import Any

def __getattr__(name: str) -> Any: ...
