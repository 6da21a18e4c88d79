"""flambeau's side of the comparison: runs in the page."""

from collections.abc import Callable
from typing import Any

from pyodide.ffi import to_js

import flambeau as torch
import flambeau.nn.functional as F


def make(x: Any, w: Any, b: Any, x_shape: Any, w_shape: Any, padding: int) -> Callable[[int], Any]:
    """A function that convolves so many times and gives the last result's values."""
    data, weight, bias = (
        torch.frombuffer(values.to_py(), dtype=torch.float32).to("webgpu").reshape(list(shape))
        for values, shape in ((x, x_shape), (w, w_shape), (b, [b.length]))
    )
    convolve = torch.compile(lambda: F.conv2d(data, weight, bias, padding=padding))

    def run(times: int) -> Any:
        with torch.no_grad():
            for _ in range(times):
                y = convolve()
        return to_js(y._bytes().cast("f"))

    return run
