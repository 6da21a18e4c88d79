"""Image networks that people use, written once for PyTorch's namespace (`torch` or `flambeau`), with their papers' sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["NETWORKS", "Network"]


def _conv(nn: Any, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: Any = None) -> Any:
    """Convolution without bias, batch norm, activation."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), *([act()] if act else []))


def _residual(nn: Any) -> Any:
    class Residual(nn.Module):  # type: ignore[misc]
        """act(body(x) + shortcut(x))."""

        def __init__(self, body: Any, shortcut: Any, act: Any) -> None:
            super().__init__()
            self.body, self.shortcut, self.act = body, shortcut, act

        def forward(self, x: Any) -> Any:
            return self.act(self.body(x) + self.shortcut(x))

    return Residual


def _classifier(nn: Any, features: list[Any], channels: int, classes: int = 1000) -> Any:
    return nn.Sequential(*features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def resnet50(torch: Any) -> Any:
    """He et al., 2015: bottlenecks of 3, 4, 6 and 3."""
    nn = torch.nn
    Residual = _residual(nn)
    layers = [_conv(nn, 3, 64, 7, 2, act=nn.ReLU), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for n, count in enumerate((3, 4, 6, 3)):
        width, outputs = 64 << n, 256 << n
        for k in range(count):
            stride = 2 if n and not k else 1
            body = nn.Sequential(
                _conv(nn, inputs, width, act=nn.ReLU), _conv(nn, width, width, 3, stride, act=nn.ReLU), _conv(nn, width, outputs)
            )
            shortcut = nn.Identity() if inputs == outputs else _conv(nn, inputs, outputs, 1, stride)
            layers.append(Residual(body, shortcut, nn.ReLU()))
            inputs = outputs
    return _classifier(nn, layers, inputs)


def vgg11(torch: Any) -> Any:
    """Simonyan and Zisserman, 2014, with batch norm and one linear layer."""
    nn = torch.nn
    layers, inputs = [], 3
    for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
        layers.append(_conv(nn, inputs, width, 3, act=nn.ReLU) if width else nn.MaxPool2d(2))
        inputs = width or inputs
    return _classifier(nn, layers, inputs)


def mobilenet_v2(torch: Any) -> Any:
    """Sandler et al., 2018."""
    nn = torch.nn
    Residual = _residual(nn)
    layers, inputs = [_conv(nn, 3, 32, 3, 2, act=nn.ReLU6)], 32
    for expansion, outputs, count, first in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for k in range(count):
            stride, hidden = first if k == 0 else 1, inputs * expansion
            widen = [_conv(nn, inputs, hidden, act=nn.ReLU6)] if expansion > 1 else []
            body = nn.Sequential(*widen, _conv(nn, hidden, hidden, 3, stride, hidden, nn.ReLU6), _conv(nn, hidden, outputs))
            layers.append(Residual(body, nn.Identity(), nn.Identity()) if k else body)
            inputs = outputs
    return _classifier(nn, [*layers, _conv(nn, inputs, 1280, act=nn.ReLU6)], 1280)


def efficientnet_b0(torch: Any) -> Any:
    """Tan and Le, 2019: depthwise convolutions of 3×3 and 5×5, squeeze and excitation, SiLU."""
    nn = torch.nn
    Residual = _residual(nn)

    class Squeeze(nn.Module):  # type: ignore[misc]
        def __init__(self, channels: int, squeezed: int) -> None:
            super().__init__()
            self.gate = nn.Sequential(
                nn.AdaptiveAvgPool2d(1),
                nn.Conv2d(channels, squeezed, 1),
                nn.SiLU(),
                nn.Conv2d(squeezed, channels, 1),
                nn.Sigmoid(),
            )

        def forward(self, x: Any) -> Any:
            return x * self.gate(x)

    layers, inputs = [_conv(nn, 3, 32, 3, 2, act=nn.SiLU)], 32
    for expansion, outputs, count, first, kernel in (
        (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
        (6, 320, 1, 1, 3),
    ):  # fmt: skip
        for k in range(count):
            stride, hidden = first if k == 0 else 1, inputs * expansion
            widen = [_conv(nn, inputs, hidden, act=nn.SiLU)] if expansion > 1 else []
            depthwise = _conv(nn, hidden, hidden, kernel, stride, hidden, nn.SiLU)
            body = nn.Sequential(*widen, depthwise, Squeeze(hidden, inputs // 4), _conv(nn, hidden, outputs))
            layers.append(Residual(body, nn.Identity(), nn.Identity()) if k else body)
            inputs = outputs
    return _classifier(nn, [*layers, _conv(nn, inputs, 1280, act=nn.SiLU)], 1280)


def convnext_tiny(torch: Any) -> Any:
    """Liu et al., 2022: depthwise 7×7, layer norm over channels, linear layers with GELU."""
    nn = torch.nn
    Residual = _residual(nn)

    class Norm(nn.Module):  # type: ignore[misc]
        """Layer norm over the channels of [N, C, H, W]."""

        def __init__(self, channels: int) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(channels, eps=1e-6)

        def forward(self, x: Any) -> Any:
            return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, width: int) -> None:
            super().__init__()
            self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
            self.mlp = nn.Sequential(
                nn.LayerNorm(width, eps=1e-6), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )
            self.scale = nn.Parameter(torch.full((width,), 1e-6))

        def forward(self, x: Any) -> Any:
            return (self.mlp(self.depthwise(x).permute(0, 2, 3, 1)) * self.scale).permute(0, 3, 1, 2)

    layers: list[Any] = [nn.Conv2d(3, 96, 4, 4), Norm(96)]
    for n, count in enumerate((3, 3, 9, 3)):
        width = 96 << n
        if n:
            layers += [Norm(width // 2), nn.Conv2d(width // 2, width, 2, 2)]
        layers += [Residual(Block(width), nn.Identity(), nn.Identity()) for _ in range(count)]
    return _classifier(nn, layers, 768)


def vit_tiny(torch: Any) -> Any:
    """Dosovitskiy et al., 2020, in DeiT's smallest size: 12 blocks of 192 features, 3 heads, patches of 16×16."""
    nn, F = torch.nn, torch.nn.functional

    class Attention(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(192, 576), nn.Linear(192, 192)

        def forward(self, x: Any) -> Any:
            n, length, width = x.shape
            q, k, v = self.qkv(x).reshape(n, length, 3, 3, 64).permute(2, 0, 3, 1, 4).unbind(0)
            return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width))

    class ViT(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 192, 16, 16)
            self.token, self.places = nn.Parameter(torch.zeros(1, 1, 192)), nn.Parameter(torch.zeros(1, 197, 192))
            self.attention = nn.ModuleList(nn.Sequential(nn.LayerNorm(192), Attention()) for _ in range(12))
            self.mlp = nn.ModuleList(
                nn.Sequential(nn.LayerNorm(192), nn.Linear(192, 768), nn.GELU(), nn.Linear(768, 192)) for _ in range(12)
            )
            self.head = nn.Sequential(nn.LayerNorm(192), nn.Linear(192, 1000))

        def forward(self, x: Any) -> Any:
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
            for attention, mlp in zip(self.attention, self.mlp):
                x = x + attention(x)
                x = x + mlp(x)
            return self.head(x[:, 0])

    return ViT()


def unet(torch: Any) -> Any:
    """Ronneberger et al., 2015, padded, with batch norm, and half as wide: 32 to 512 channels."""
    nn = torch.nn

    def double(inputs: int, outputs: int) -> Any:
        return nn.Sequential(_conv(nn, inputs, outputs, 3, act=nn.ReLU), _conv(nn, outputs, outputs, 3, act=nn.ReLU))

    class UNet(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            widths = [32, 64, 128, 256, 512]
            self.down = nn.ModuleList(double(a, b) for a, b in zip([3, *widths], widths))
            self.pool = nn.MaxPool2d(2)
            self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in widths[-2::-1])
            self.merge = nn.ModuleList(double(2 * w, w) for w in widths[-2::-1])
            self.head = nn.Conv2d(32, 2, 1)

        def forward(self, x: Any) -> Any:
            kept = []
            for n, block in enumerate(self.down):
                x = block(self.pool(x) if n else x)
                kept.append(x)
            for up, merge, beside in zip(self.up, self.merge, kept[-2::-1]):
                x = merge(torch.cat([beside, up(x)], 1))
            return self.head(x)

    return UNet()


def dcgan_generator(torch: Any) -> Any:
    """Radford et al., 2015: 100 numbers to 64×64 pixels, 64 features."""
    nn = torch.nn
    layers, inputs = [], 100
    for n, width in enumerate((512, 256, 128, 64)):
        step, padding = (1, 0) if n == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(inputs, width, 4, step, padding, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)]
        inputs = width
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def dcgan_discriminator(torch: Any) -> Any:
    """Radford et al., 2015: 64×64 pixels to one number."""
    nn = torch.nn
    layers, inputs = [], 3
    for n, width in enumerate((64, 128, 256, 512)):
        norm = [nn.BatchNorm2d(width)] if n else []
        layers += [nn.Conv2d(inputs, width, 4, 2, 1, bias=False), *norm, nn.LeakyReLU(0.2, True)]
        inputs = width
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, bias=False), nn.Flatten())


Network = tuple[Callable[[Any], Any], tuple[int, ...]]
"""What makes it, and the shape of its input."""

NETWORKS: dict[str, Network] = {
    "ResNet-50": (resnet50, (4, 3, 224, 224)),
    "VGG-11": (vgg11, (2, 3, 224, 224)),
    "MobileNetV2": (mobilenet_v2, (8, 3, 224, 224)),
    "EfficientNet-B0": (efficientnet_b0, (8, 3, 224, 224)),
    "ConvNeXt-T": (convnext_tiny, (2, 3, 224, 224)),
    "ViT-Ti/16": (vit_tiny, (8, 3, 224, 224)),
    "U-Net": (unet, (2, 3, 192, 192)),
    "DCGAN generator": (dcgan_generator, (16, 100, 1, 1)),
    "DCGAN discriminator": (dcgan_discriminator, (16, 3, 64, 64)),
}
