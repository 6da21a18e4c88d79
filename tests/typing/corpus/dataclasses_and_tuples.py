"""Tensors in dataclasses, named tuples, dictionaries and lists."""

from typing import reveal_type

from dataclasses import dataclass
from typing import NamedTuple
import flambeau as torch
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars


@dataclass
@shape_vars("")
class Batch:
    images: Shaped[Tensor[float32, cpu], "[8, 1, 28, 28]"]
    labels: Shaped[Tensor[int64, cpu], "[8]"]


@shape_vars("")
class Output(NamedTuple):
    logits: Shaped[Tensor[float32, cpu], "[8, 10]"]
    hidden: Shaped[Tensor[float32, cpu], "[8, 32]"]


@dataclass(frozen=True)
class Config:
    width: int = 32
    classes: int = 10


def run(batch: Batch) -> Output:
    flat = batch.images.flatten(1)
    reveal_type(flat)
    hidden = nn.Linear(784, 32)(flat).relu()
    #~ hidden = nn.Linear(28, 32)(flat).relu()
    return Output(nn.Linear(32, 10)(hidden), hidden)
    #~s return Output(hidden, nn.Linear(32, 10)(hidden))


batch = Batch(torch.randn(8, 1, 28, 28), torch.randint(0, 10, (8,)))
#~s batch = Batch(torch.randn(8, 28, 28), torch.randint(0, 10, (8,)))
#~s batch = Batch(torch.randn(8, 1, 28, 28), torch.randn(8))
output = run(batch)
loss = nn.functional.cross_entropy(output.logits, batch.labels)
#~ loss = nn.functional.cross_entropy(output.logits, batch.labels[:4])
reveal_type(loss)
logits, hidden = output
reveal_type(hidden)
config = Config()
layer = nn.Linear(config.width, config.classes)
scores = layer(hidden)
store: dict[str, Tensor] = {"scores": scores, "hidden": hidden}
mean = store["scores"].mean()
history: list[Tensor] = []
history.append(loss.detach())
average = torch.stack(history).mean()
pair = (hidden, logits)
reveal_type(pair[1])
