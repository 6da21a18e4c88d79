"""Layers in a ModuleList, gone through in a loop."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class DenseBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(16 + 8 * i, 8, 3, padding=1) for i in range(3)])
        self.transition = nn.Conv2d(16 + 24, 20, 1)

    def forward(self, x: Tensor[float32, cpu]) -> Tensor:
        features = [x]
        for layer in self.layers:
            features.append(F.relu(layer(torch.cat(features, dim=1))))
        return self.transition(torch.cat(features, 1))


class MLP(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.enter = nn.Linear(10, 32)
        self.hidden = nn.ModuleList(nn.Linear(32, 32) for _ in range(depth))
        self.norms = nn.ModuleList([nn.LayerNorm(32) for _ in range(depth)])
        self.leave = nn.Linear(32, 4)

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 10]"]) -> Shaped[Tensor[float32, cpu], "[N, 4]"]:
        h = self.enter(x)
        #~ h = self.leave(x)
        for layer, norm in zip(self.hidden, self.norms):
            h = h + F.gelu(layer(norm(h)))
        for i, layer in enumerate(self.hidden):
            h = layer(h) if i % 2 else layer(h).relu()
        return self.leave(h)


y = DenseBlock()(torch.randn(2, 16, 9, 9))
model = MLP(3)
out = model(torch.randn(7, 10))
#~ out = model(torch.randn(7, 11))
reveal_type(out)
count = sum(p.numel() for p in model.parameters() if p.requires_grad)
blocks = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.ReLU()})
for name, block in blocks.items():
    out = block(out)
# sizes: N=7
