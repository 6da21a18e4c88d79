import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars


class Stem(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    @shape_vars("N, H, W")
    def forward(
        self,
        x: Shaped[Tensor[float32, cpu], "[N, 3, H, W]"],
    ) -> Shaped[Tensor[float32, cpu], "[N, 64, H // 4, W // 4]"]:
        h = torch.relu(self.conv(x))  # ?
        return self.pool(h)


stem = Stem()
out = stem(torch.randn(2, 3, 224, 224))  # ?
stem(torch.randn(3, 224, 224))

# ruff: noqa: F821 - names of sizes
