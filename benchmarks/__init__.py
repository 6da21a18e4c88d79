"""Benchmarks: flambeau beside PyTorch (and OpenVINO, JAX where installed), in turns. `python -m benchmarks --help`."""
