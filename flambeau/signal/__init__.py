"""`torch.signal`: windows for spectra and filters."""

from flambeau.signal import windows as windows

__all__ = ["windows"]
