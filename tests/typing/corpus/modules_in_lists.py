"""ModuleList, ModuleDict and Sequential: items keep their types."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(16, 16) for _ in range(4)])
        #~ self.layers = nn.ModuleList([nn.Linear(16, 32) for _ in range(4)])  -> layer
        #~ self.layers = nn.ModuleList([nn.Linear(32, 32) for _ in range(4)])  -> layer
        self.norms = nn.ModuleList(nn.LayerNorm(16) for _ in range(4))
        self.out = nn.Linear(16, 3)

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 16]"]) -> Shaped[Tensor[float32, cpu], "[N, 3]"]:
        h = x
        for layer, norm in zip(self.layers, self.norms):
            h = h + layer(norm(h))  #@layer
        reveal_type(h)
        return self.out(h)


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(8, 4), nn.Linear(8, 4)])
        self.tower = nn.ModuleDict({"a": nn.Linear(8, 8), "b": nn.Linear(8, 8)})

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 8]"]) -> Shaped[Tensor[float32, cpu], "[N, 2, 4]"]:
        outs = [head(x) for head in self.heads]
        first = self.heads[0](x)
        #~ first = self.heads[0](x[:, :4])
        reveal_type(first)
        h = self.tower["a"](x)
        reveal_type(h)
        return torch.stack([self.heads[0](h), self.heads[1](h)], dim=1)
        #~ return torch.stack([self.heads[0](first), self.heads[1](h)], dim=1)


class Block(nn.Module):
    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 16]"]) -> Shaped[Tensor[float32, cpu], "[N, 16]"]:
        return x.relu()


class Stack(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(depth)])

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 16]"]) -> Shaped[Tensor[float32, cpu], "[N, 16]"]:
        h = x
        for i, block in enumerate(self.blocks):
            h = block(h)
            #~s h = block(h.T)
            #~s h = block(h.unsqueeze(0))
        return h


y = Encoder()(torch.randn(5, 16))
reveal_type(y)
z = Pyramid()(torch.randn(5, 8))
reveal_type(z)
s = Stack(3)(torch.randn(5, 16))
reveal_type(s)
net = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2))
weights = net[0](torch.randn(5, 16))
layers = [nn.Linear(4, 4), nn.Linear(4, 4)]
v = torch.ones(2, 4)
for linear in layers:
    v = F.relu(linear(v))
reveal_type(v)
mlp = nn.Sequential(*layers)
w = mlp(v)
counts = [p.numel() for layer in Encoder().layers for p in layer.parameters()]
# sizes: N=5
