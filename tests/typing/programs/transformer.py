"""A transformer block, with symbolic batch and length."""

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars


class Block(nn.Module):
    """Attention of 8 heads over 512 features, and a feed-forward layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(512)
        self.qkv = nn.Linear(512, 3 * 512)
        self.out = nn.Linear(512, 512)
        self.norm2 = nn.LayerNorm(512)
        self.wide = nn.Linear(512, 2048)
        self.narrow = nn.Linear(2048, 512)

    @shape_vars("B, T")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[B, T, 512]"]) -> Shaped[Tensor[float32, cpu], "[B, T, 512]"]:
        query, key, value = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        query = torch.rearrange(query, "b t (h d) -> b h t d", h=8)
        key = torch.rearrange(key, "b t (h d) -> b h t d", h=8)
        value = torch.rearrange(value, "b t (h d) -> b h t d", h=8)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        y = x + self.out(torch.rearrange(attended, "b h t d -> b t (h d)"))
        return y + self.narrow(F.gelu(self.wide(self.norm2(y))))


class Model(nn.Module):
    """Token and position embeddings, one block, scores of the next token."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(1000, 512)
        self.positions = nn.Embedding(128, 512)
        self.block = Block()
        self.head = nn.Linear(512, 1000)

    @shape_vars("B, T")
    def forward(self, ids: Shaped[Tensor[int64, cpu], "[B, T]"]) -> Shaped[Tensor[float32, cpu], "[B, T, 1000]"]:
        places = self.positions(torch.arange(ids.size(1)))
        return self.head(self.block(self.tokens(ids) + places))

    @shape_vars("B, T")
    def attention(self, x: Shaped[Tensor[float32, cpu], "[B, T, 512]"]) -> Shaped[Tensor[float32, cpu], "[B, T, T]"]:
        return x @ x.transpose(1, 2)

    @shape_vars("B, T")
    def untransposed(self, x: Shaped[Tensor[float32, cpu], "[B, T, 512]"]) -> Shaped[Tensor[float32, cpu], "[B, T, T]"]:
        return x @ x  # E


scores = Model()(torch.zeros((2, 16), dtype=int64))
Model()(torch.randn(2, 16))  # E
