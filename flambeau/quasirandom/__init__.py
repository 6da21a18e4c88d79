"""`torch.quasirandom`: Sobol sequences. May import `flambeau.tensor`, `flambeau.ops`, `flambeau.generator`."""

from flambeau.quasirandom.sobol import SobolEngine

__all__ = ["SobolEngine"]
