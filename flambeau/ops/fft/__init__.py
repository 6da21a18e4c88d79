"""Discrete Fourier transforms: `torch.fft`, and short-time spectra. May import what `flambeau.ops` may.

`transform` has the three transforms that all others are made of. They run as host routines (`host`) beside the CPU, and as
contractions (`factors`) on a GPU.
"""

from flambeau.ops.fft import frequencies, one_dimension, several_dimensions, short_time  # noqa: F401
