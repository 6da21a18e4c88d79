"""Logs for TensorBoard (`torch.utils.tensorboard`): `SummaryWriter`.

As PyTorch's, this writes with the package `tensorboard`, which programs that import it have installed. May import
`flambeau.tensor` and below, `flambeau.nn`.
"""

try:
    import tensorboard  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("flambeau.utils.tensorboard needs the package tensorboard: pip install tensorboard") from error

from flambeau.utils.tensorboard.writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
