"""JAX and OpenVINO, where they are installed: the same computations as the benchmarks', from PyTorch's tensors.

Each function gives calls by name, to be measured beside the others, or nothing where the library isn't there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["convolution", "convolution_with_gradients", "mlp_step", "resnet_inference"]

Calls = dict[str, Callable[[], object]]

_LAYOUTS = {"JAX NCHW": ("NCHW", "OIHW", "NCHW"), "JAX NHWC": ("NHWC", "HWIO", "NHWC")}


def _jax() -> Any:
    try:
        import jax
    except ImportError:
        return None
    return jax


def _waiting(jax: Any, f: Callable[..., Any], *operands: Any) -> Callable[[], object]:
    """A call that returns when its results are there."""
    return lambda: jax.block_until_ready(f(*operands))


def _convolve(jax: Any, layout: tuple[str, str, str], x: Any, w: Any, b: Any, options: dict[str, Any]) -> Any:
    stride, dilation = ((n, n) if isinstance(n, int) else tuple(n) for n in (options["stride"], options["dilation"]))
    y = jax.lax.conv_general_dilated(
        x, w, stride, [(p, p) for p in options["padding"]], rhs_dilation=dilation, dimension_numbers=layout,
        feature_group_count=options["groups"],
    )  # fmt: skip
    return y + (b[:, None, None] if layout[2] == "NCHW" else b)


def _operands(jax: Any, layout: tuple[str, str, str], x: Any, w: Any) -> tuple[Any, Any]:
    """An image and a filter of PyTorch's, in the layout."""
    if layout[0] == "NHWC":
        x, w = x.permute(0, 2, 3, 1), w.permute(2, 3, 1, 0)
    return tuple(jax.numpy.asarray(t.detach().numpy()) for t in (x, w))


def convolution(x: Any, w: Any, b: Any, options: dict[str, Any]) -> Calls:
    """conv2d, by JAX in either layout."""
    jax = _jax()
    calls: Calls = {}
    for name, layout in _LAYOUTS.items() if jax else ():
        f = jax.jit(lambda x, w, b, layout=layout: _convolve(jax, layout, x, w, b, options))
        calls[name] = _waiting(jax, f, *_operands(jax, layout, x, w), jax.numpy.asarray(b.numpy()))
    return calls


def convolution_with_gradients(x: Any, w: Any, b: Any, gradient: Any, options: dict[str, Any]) -> Calls:
    """conv2d and the gradients to its three operands, by JAX in either layout."""
    jax = _jax()
    calls: Calls = {}
    for name, layout in _LAYOUTS.items() if jax else ():

        def run(x: Any, w: Any, b: Any, g: Any, layout: tuple[str, str, str] = layout) -> Any:
            y, back = jax.vjp(lambda *operands: _convolve(jax, layout, *operands, options), x, w, b)
            return y, back(g)

        g, _ = _operands(jax, layout, gradient, w)
        calls[name] = _waiting(jax, jax.jit(run), *_operands(jax, layout, x, w), jax.numpy.asarray(b.numpy()), g)
    return calls


def mlp_step(model: Any, x: Any, y: Any, rate: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999)) -> Calls:
    """A training step, by Adam, of two linear layers with ReLU between, by JAX; each call goes on from the last one's state."""
    jax = _jax()
    if jax is None:
        return {}
    numpy = jax.numpy
    weights = [numpy.asarray(p.detach().numpy()) for p in model.parameters()]

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = weights
        scores = jax.nn.log_softmax(numpy.maximum(x @ w1.T + b1, 0) @ w2.T + b2)
        return -numpy.take_along_axis(scores, y[:, None], 1).mean()

    @jax.jit
    def step(state: Any, x: Any, y: Any) -> Any:
        weights, first, second, count = state
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
        count = count + 1
        first = [betas[0] * m + (1 - betas[0]) * g for m, g in zip(first, gradients)]
        second = [betas[1] * v + (1 - betas[1]) * g * g for v, g in zip(second, gradients)]
        scale = rate / (1 - betas[0] ** count)
        unbiased = 1 - betas[1] ** count
        weights = [w - scale * m / (numpy.sqrt(v / unbiased) + 1e-8) for w, m, v in zip(weights, first, second)]
        return (weights, first, second, count), loss

    zeros = [numpy.zeros_like(w) for w in weights]
    images, labels = numpy.asarray(x.numpy()), numpy.asarray(y.numpy())
    state = [(weights, zeros, zeros, numpy.zeros(()))]

    def call() -> object:
        state[0], loss = step(state[0], images, labels)
        return loss.block_until_ready()

    return {"JAX": call}


def _resnet18(jax: Any, layout: tuple[str, str, str], weights: dict[str, Any], x: Any) -> Any:
    """ResNet-18's logits in evaluation mode; `weights` as in PyTorch's state_dict, filters in the layout."""
    spatial = tuple(layout[0].index(axis) for axis in "HW")

    def normalized_convolution(x: Any, convolution: str, norm: str, stride: int, padding: int) -> Any:
        scale = weights[f"{norm}.weight"] / jax.numpy.sqrt(weights[f"{norm}.running_var"] + 1e-5)
        shift = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
        w = weights[f"{convolution}.weight"] * (scale[:, None, None, None] if layout[1] == "OIHW" else scale)
        options = {"stride": stride, "dilation": 1, "padding": (padding, padding), "groups": 1}
        return _convolve(jax, layout, x, w, shift, options)

    def block(x: Any, name: str, stride: int) -> Any:
        y = jax.nn.relu(normalized_convolution(x, f"{name}.conv1", f"{name}.bn1", stride, 1))
        y = normalized_convolution(y, f"{name}.conv2", f"{name}.bn2", 1, 1)
        if f"{name}.downsample.0.weight" in weights:
            x = normalized_convolution(x, f"{name}.downsample.0", f"{name}.downsample.1", stride, 0)
        return jax.nn.relu(x + y)

    x = jax.nn.relu(normalized_convolution(x, "conv1", "bn1", 2, 3))
    window, steps, padding = ([n if k in spatial else m for k in range(4)] for n, m in ((3, 1), (2, 1), ((1, 1), (0, 0))))
    x = jax.lax.reduce_window(x, -jax.numpy.inf, jax.lax.max, window, steps, padding)
    for layer in range(1, 5):
        x = block(x, f"layer{layer}.0", 1 if layer == 1 else 2)
        x = block(x, f"layer{layer}.1", 1)
    return x.mean(spatial) @ weights["fc.weight"].T + weights["fc.bias"]


def resnet_inference(model: Any, x: Any) -> Calls:
    """The inference of PyTorch's ResNet-18, by JAX in either layout and by OpenVINO."""
    calls: Calls = {}
    jax, expected = _jax(), model(x).detach().numpy()
    for name, layout in _LAYOUTS.items() if jax else ():
        weights = {
            key: _operands(jax, layout, x, value)[1] if value.ndim == 4 else jax.numpy.asarray(value.numpy())
            for key, value in model.state_dict().items()
        }
        images, _ = _operands(jax, layout, x, x)
        f = jax.jit(lambda weights, x, layout=layout: _resnet18(jax, layout, weights, x))
        assert abs(f(weights, images) - expected).max() < 1e-3, name
        calls[name] = _waiting(jax, f, weights, images)
    try:
        import openvino
    except ImportError:
        return calls
    compiled = openvino.compile_model(openvino.convert_model(model, example_input=x), "CPU", {"INFERENCE_NUM_THREADS": 2})
    return {**calls, "OpenVINO": lambda: compiled(x.numpy())}
