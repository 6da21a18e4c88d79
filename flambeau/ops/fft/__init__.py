"""Discrete Fourier transforms: `torch.fft`, and short-time spectra. May import what `flambeau.ops` may.

`transform` has the three transforms that all others are made of. Each is a primitive of the graph where the device has a kernel
for the size, else made of others (`factors`).
"""

from flambeau.ops.fft import frequencies, one_dimension, several_dimensions, short_time  # noqa: F401
