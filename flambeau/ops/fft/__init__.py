"""Discrete Fourier transforms: `torch.fft`, and short-time spectra. May import what `flambeau.ops` may.

`transform` has the three transforms that all others are made of. They run as NumPy's routines (`host`) on `reference` and,
where they are short or have large prime factors, on the CPU; elsewhere as contractions (`factors`).
"""

from flambeau.ops.fft import frequencies, one_dimension, several_dimensions, short_time  # noqa: F401
