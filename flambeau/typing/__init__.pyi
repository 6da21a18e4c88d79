# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

from collections.abc import Callable
from typing import Any, TypeVar

from flambeau import Tensor as Tensor

__all__ = ["Shaped", "Tensor", "checked", "cpu", "reference", "shape_vars", "webgpu"]

MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False
F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from shape_extensions import Shaped as Shaped
        from shape_extensions import shape_vars as shape_vars

        from flambeau._pyrefly._dtypes import cpu as cpu
        from flambeau._pyrefly._dtypes import reference as reference
        from flambeau._pyrefly._dtypes import webgpu as webgpu
else:
    from typing import Annotated as Shaped  # noqa: F401

    from flambeau._portable._dtypes import cpu as cpu
    from flambeau._portable._dtypes import reference as reference
    from flambeau._portable._dtypes import webgpu as webgpu

    def shape_vars(names: str) -> Callable[[F], F]: ...

def checked(function: F) -> F: ...
