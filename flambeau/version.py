"""The library's version; a new one makes new kernels. Imports nothing."""

__version__ = "0.1.0"
