"""`python -m benchmarks [NAME …]`: prints Markdown tables with ratios of times (above 1 flambeau is faster than PyTorch)."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable

from benchmarks.timing import with_tuned_malloc

NAMES = (
    "conv",
    "conv-backward",
    "resnet",
    "resnet-training",
    "networks",
    "transformers",
    "mlp",
    "memory",
    "first",
    "operators",
    "every",
)
WITH_KERNELS = ("resnet", "resnet-training", "networks", "transformers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        default=NAMES[:-1],
        metavar="NAME",
        help=f"which to run, of {', '.join(NAMES)} (default: all but the last, which takes half an hour)",
    )
    parser.add_argument("--case", default="", help="only the convolutions, networks and operators whose name has this text")
    parser.add_argument("--kernels", action="store_true", help="where the networks' time goes, kernel by kernel, instead")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options.kernels:
        options.names = [name for name in options.names if name in WITH_KERNELS]
    with_tuned_malloc()
    if len(options.names) > 1:  # each in a process of its own: what one leaves in memory is not the next one's
        for name in options.names:
            more = ["--kernels"] if options.kernels else []
            subprocess.run([sys.executable, "-m", "benchmarks", name, "--case", options.case, *more], check=True)
        return
    import torch

    import flambeau
    from benchmarks import conv, every, first, networks, operators, transformers

    torch.set_num_threads(2)
    flambeau.set_num_threads(2)
    whole: dict[str, Callable[[], str]] = {
        "conv": lambda: conv.forward(options.case),
        "conv-backward": lambda: conv.backward(options.case),
        "resnet": networks.resnet_inference,
        "resnet-training": networks.resnet_training,
        "networks": lambda: networks.networks(options.case),
        "transformers": lambda: transformers.transformers(options.case),
        "mlp": networks.mlp_training,
        "memory": networks.resnet_memory,
        "first": lambda: first.first_calls(options.case),
        "operators": lambda: operators.operators(options.case),
        "every": lambda: every.every(options.case),
    }
    by_kernel: dict[str, Callable[[], str]] = {
        "resnet": networks.resnet_inference_kernels,
        "resnet-training": networks.resnet_training_kernels,
        "networks": lambda: networks.network_kernels(options.case),
        "transformers": lambda: transformers.transformer_kernels(options.case),
    }
    for name in options.names:
        print((by_kernel if options.kernels else whole)[name](), flush=True)


main()
