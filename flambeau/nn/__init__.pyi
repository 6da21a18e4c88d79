# ruff: noqa
# fmt: off
# mypy: ignore-errors
"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""

MYPY = False
TYPE_CHECKING_WITH_PYREFLY = False

if TYPE_CHECKING_WITH_PYREFLY:
    if not MYPY:
        from flambeau._pyrefly.nn import *
else:
    from flambeau._portable.nn import *

from typing import Any

from flambeau.nn import functional as functional
from flambeau.nn import init as init
from flambeau.nn import utils as utils
