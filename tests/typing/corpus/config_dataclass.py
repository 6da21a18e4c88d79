"""A model built from a configuration: sizes come from a dataclass."""

from dataclasses import dataclass
from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars

@dataclass
class Config:
    vocab_size: int = 512
    width: int = 32
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1


class MLP(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, 4 * config.width)
        self.down = nn.Linear(4 * config.width, config.width)

    def forward(self, x: Tensor[float32, cpu]) -> Tensor[float32, cpu]:
        return self.down(F.gelu(self.up(x)))


class Model(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.Sequential(*[MLP(config) for _ in range(config.layers)])
        self.head = nn.Linear(config.width, config.vocab_size)

    @shape_vars("B, T")
    def forward(self, tokens: Shaped[Tensor[int64, cpu], "[B, T]"]) -> Tensor[float32, cpu]:
        B, T = tokens.shape
        h = self.embed(tokens)
        h = h.view(B, T, self.config.heads, self.config.width // self.config.heads)
        h = h.transpose(1, 2).reshape(B, T, self.config.width)
        h = self.blocks(h)
        return self.head(h)


@dataclass
@shape_vars("")
class Batch:
    images: Shaped[Tensor[float32, cpu], "[4, 3, 16, 16]"]
    labels: Shaped[Tensor[int64, cpu], "[4]"]


model = Model(Config())
out = model(torch.randint(0, 512, (2, 9)))
#~ out = model(torch.randn(2, 9))
#~ out = model(torch.randint(0, 512, (2, 9, 1)))
batch = Batch(torch.rand(4, 3, 16, 16), torch.randint(0, 2, (4,)))
#~s batch = Batch(torch.rand(4, 16, 16, 3), torch.randint(0, 2, (4,)))
#~s batch = Batch(torch.rand(4, 3, 16, 16), torch.rand(4))
#~s batch = Batch(labels=torch.rand(4, 3, 16, 16), images=torch.randint(0, 2, (4,)))
reveal_type(batch.images)
conv = nn.Conv2d(3, 8, 3)
#~ conv = nn.Conv2d(16, 8, 3)  -> conv
features = conv(batch.images)  #@conv
reveal_type(features)
scores = features.mean((2, 3)) @ torch.rand(8, 2)
#~ scores = features.mean((1, 2)) @ torch.rand(8, 2)
#~ scores = features.mean((2, 3)) @ torch.rand(2, 8)
reveal_type(scores)
loss = F.cross_entropy(scores, batch.labels)
#~ loss = F.cross_entropy(scores, batch.images)
reveal_type(loss)
# sizes: B=2, T=9
