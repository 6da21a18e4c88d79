"""The types of the operators: for each name its parameters and its result, with the shape rule that computes the result.

`tools/make_stubs.py` writes every checker's stubs from this table, and the mypy plugin evaluates its results. Names in the
annotations say what they stand for:

- ``D``, ``E`` a dtype, ``DF`` a floating one, ``DI`` an integer or boolean one, ``V`` a device;
- ``S``, ``T``, ``U``, ``W`` a shape, ``Ss`` the shapes of a list of tensors, ``Sizes`` integers given as sizes;
- ``Dim`` an integer, ``Axes`` an integer, a tuple of them or None, ``Keep`` a boolean, ``Text`` a string, ``Size`` an integer
  that becomes a size (each also with a digit).

`Pieces[D, V, rule]` is a tuple of tensors, one for each shape that the rule gives.

A rule is a function of `flambeau.typing.rules`. Each module here adds its topic's operators to one list.

May import nothing else of flambeau.
"""

from __future__ import annotations

# The order of these lines is that of the overloads.
# ruff: noqa: I001
from flambeau.typing.signatures import elementwise as elementwise
from flambeau.typing.signatures import reductions as reductions
from flambeau.typing.signatures import movement as movement
from flambeau.typing.signatures import selecting as selecting
from flambeau.typing.signatures import products as products
from flambeau.typing.signatures import windows as windows
from flambeau.typing.signatures import losses as losses
from flambeau.typing.signatures.arithmetic import FLOATING as FLOATING, INTEGRAL as INTEGRAL
from flambeau.typing.signatures.matrices import NAMED_TUPLES as NAMED_TUPLES
from flambeau.typing.signatures.modules import (
    MODULES as MODULES,
    PARAMETERS as PARAMETERS,
    SHAPE_KEEPING_MODULES as SHAPE_KEEPING_MODULES,
    Module as Module,
)
from flambeau.typing.signatures.table import SIGNATURES as SIGNATURES, Signature as Signature
