"""A ResNet, with symbolic batch and image size."""

import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars


class Block(nn.Module):
    """Two convolutions of 64 channels around a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(64)

    @shape_vars("N, H, W")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 64, H, W]"]) -> Shaped[Tensor[float32, cpu], "[N, 64, H, W]"]:
        h = torch.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return torch.relu(h + x)


class Down(nn.Module):
    """Twice the channels, half the size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 128, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(128)
        self.shortcut = nn.Conv2d(64, 128, 1, stride=2, bias=False)
        self.norm3 = nn.BatchNorm2d(128)

    @shape_vars("N, H, W")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 64, H, W]"]
    ) -> Shaped[Tensor[float32, cpu], "[N, 128, (H - 1) // 2 + 1, (W - 1) // 2 + 1]"]:
        h = torch.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return torch.relu(h + self.norm3(self.shortcut(x)))


class ResNet(nn.Module):
    """Stem, two blocks, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.block = Block()
        self.down = Down()
        self.average = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(128, 1000)

    @shape_vars("N, H, W")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 3, H, W]"]) -> Shaped[Tensor[float32, cpu], "[N, 1000]"]:
        h = self.pool(torch.relu(self.norm(self.stem(x))))
        h = self.average(self.down(self.block(h)))
        return self.classifier(torch.flatten(h, 1))


net = ResNet()
scores = net(torch.randn(2, 3, 64, 64))
net(torch.randn(2, 1, 64, 64))  # E
net(torch.randn(3, 64, 64))  # E
