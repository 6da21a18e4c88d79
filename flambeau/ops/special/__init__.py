"""Special functions: gamma's, error functions, Bessel functions, orthogonal polynomials, divisors.

Each is composed of primitives, so that it runs in fused kernels on every device; sources stand at each. May import what
`flambeau.ops` may.
"""

from flambeau.ops.special import (
    airy,
    bessel,
    entropy,
    error_functions,
    gamma_functions,
    incomplete_gamma,
    orthogonal,
    whole_numbers,
)

__all__ = ["airy", "bessel", "entropy", "error_functions", "gamma_functions", "incomplete_gamma", "orthogonal", "whole_numbers"]
