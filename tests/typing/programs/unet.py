"""A U-Net on sizes that are multiples of four: skips are joined along channels."""

import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars


class UNet(nn.Module):
    """Down twice, up twice."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 16, 3, padding=1)
        self.down1 = nn.Conv2d(16, 32, 2, stride=2)
        self.down2 = nn.Conv2d(32, 64, 2, stride=2)
        self.up1 = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.merge1 = nn.Conv2d(64, 32, 3, padding=1)
        self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.merge2 = nn.Conv2d(32, 16, 3, padding=1)
        self.leave = nn.Conv2d(16, 1, 1)

    @shape_vars("N, H, W")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 3, 4 * H, 4 * W]"]
    ) -> Shaped[Tensor[float32, cpu], "[N, 1, 4 * H, 4 * W]"]:
        a = torch.relu(self.enter(x))
        b = torch.relu(self.down1(a))
        c = torch.relu(self.down2(b))
        d = torch.relu(self.merge1(torch.cat([self.up1(c), b], dim=1)))
        e = torch.relu(self.merge2(torch.cat([self.up2(d), a], dim=1)))
        return torch.sigmoid(self.leave(e))


class Wrong(nn.Module):
    """Joins one skip too many: the channels do not fit."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 16, 3, padding=1)
        self.down1 = nn.Conv2d(16, 32, 2, stride=2)
        self.merge1 = nn.Conv2d(64, 32, 3, padding=1)

    @shape_vars("N, H, W")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 3, 4 * H, 4 * W]"]
    ) -> Shaped[Tensor[float32, cpu], "[N, 32, 2 * H, 2 * W]"]:
        a = self.enter(x)
        b = self.down1(a)
        return self.merge1(torch.cat([b, b, b], dim=1))  # E
