"""A pre-norm decoder block from the library's own layers."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(256)
        self.attn = nn.MultiheadAttention(256, 8, batch_first=True)
        self.norm2 = nn.LayerNorm(256)
        self.mlp = nn.Sequential(nn.Linear(256, 1024), nn.GELU(), nn.Dropout(0.1), nn.Linear(1024, 256))
        #~ self.mlp = nn.Sequential(nn.Linear(256, 1024), nn.GELU(), nn.Dropout(0.1), nn.Linear(512, 256))  -> mlp

    @shape_vars("B, T")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[B, T, 256]"]) -> Shaped[Tensor[float32, cpu], "[B, T, 256]"]:
        h = self.norm1(x)
        attended, weights = self.attn(h, h, h, need_weights=False)
        reveal_type(attended)
        x = x + attended
        return x + self.mlp(self.norm2(x))  #@mlp


class LM(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(1000, 256)
        self.positions = nn.Embedding(64, 256)
        #~ self.positions = nn.Embedding(256, 64)  -> embed
        self.block = Block()
        self.head = nn.Linear(256, 1000, bias=False)
        self.head.weight = self.tokens.weight

    @shape_vars("B, T")
    def forward(self, ids: Shaped[Tensor[torch.int64, cpu], "[B, T]"]) -> Shaped[Tensor[float32, cpu], "[B, T, 1000]"]:
        h = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))  #@embed
        reveal_type(h)
        return self.head(self.block(h))


ids = torch.randint(0, 1000, (2, 17))
logits = LM()(ids[:, :-1])
reveal_type(logits)
loss = F.cross_entropy(logits.reshape(-1, 1000), ids[:, 1:].reshape(-1))
#~ loss = F.cross_entropy(logits.reshape(-1, 1000), ids.reshape(-1))
#~ loss = F.cross_entropy(logits, ids[:, 1:])
reveal_type(loss)
other = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:])
reveal_type(other)
loss.backward()
# sizes: B=2, T=16
