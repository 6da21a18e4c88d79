"""Benchmarks: flambeau beside PyTorch (and OpenVINO, JAX where installed), in one run, in turns. `python -m benchmarks --help`."""
