"""Trains a small convolutional net on scikit-learn's handwritten digits, saves it, loads it again and draws what it learned.

Run it with `make demo`, or `python examples/digits.py [--output FOLDER] [--epochs N] [--device NAME]`. For your own images, put
numbers of shape [N, 1, H, W] and int64 labels where `load_digits` is called.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.utils.data import DataLoader, TensorDataset


class DigitNet(nn.Module):
    """Two convolutions, a pooling and two linear layers: [N, 1, 8, 8] images to [N, 10] logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(64)
        self.linear1 = nn.Linear(64 * 4 * 4, 128)
        self.dropout = nn.Dropout(0.3)
        self.linear2 = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        return self.linear2(self.dropout(F.relu(self.linear1(x.flatten(1)))))


def train(model: nn.Module, data: TensorDataset, epochs: int, device: str) -> None:
    """Trains with AdamW and a one-cycle learning rate; the step is recorded once and replayed."""
    loader = DataLoader(data, batch_size=64, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=epochs * len(loader))

    @torch.compile
    def step(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels, label_smoothing=0.05)
        loss.backward()
        optimizer.step()
        return loss.detach()

    model.train()
    with tqdm(total=epochs * len(loader), unit="step", desc="training") as progress:
        for epoch in range(epochs):
            for images, labels in loader:
                loss = step(images.to(device), labels.to(device))
                schedule.step()
                progress.update()
            progress.set_postfix(epoch=epoch + 1, loss=f"{loss.item():.3f}")


@torch.no_grad()
def predict(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The most probable class of each image."""
    model.eval()
    return model(images).argmax(1)


def draw(path: Path, model: DigitNet, images: torch.Tensor, labels: list[int], predicted: list[int], accuracy: float) -> None:
    """A picture of the confusion matrix, the first layer's filters, and some predictions (mistakes first, in red)."""
    font, small = ImageFont.load_default(16), ImageFont.load_default(12)
    picture = Image.new("RGB", (1060, 560), "white")
    pen = ImageDraw.Draw(picture)
    pen.text((20, 14), f"flambeau on handwritten digits: {accuracy:.1%} of {len(labels)} test images", "black", font)

    counts = [[0] * 10 for _ in range(10)]
    for truth, guess in zip(labels, predicted, strict=True):
        counts[truth][guess] += 1
    pen.text((20, 52), "Confusion: true digit (rows), predicted (columns)", "black", small)
    for i in range(10):
        pen.text((26, 98 + 42 * i), str(i), "black", font)
        pen.text((60 + 42 * i, 74), str(i), "black", font)
        for j in range(10):
            share = counts[i][j] / max(1, sum(counts[i]))
            light = int(255 * (1 - share))
            color = (light, light, 255) if i == j else (255, light, light)
            pen.rectangle((46 + 42 * j, 96 + 42 * i, 84 + 42 * j, 134 + 42 * i), fill=color, outline="lightgray")
            if counts[i][j]:
                pen.text((56 + 42 * j, 106 + 42 * i), str(counts[i][j]), "white" if share > 0.5 else "black", small)

    def tile(values: list[list[float]], x: int, y: int, size: int) -> None:
        low, high = min(map(min, values)), max(map(max, values))
        pixels = bytes(int(255 * (v - low) / (high - low or 1)) for row in values for v in row)
        image = Image.frombytes("L", (len(values[0]), len(values)), pixels)
        picture.paste(image.resize((size, size), Image.Resampling.NEAREST).convert("RGB"), (x, y))

    pen.text((500, 52), "First layer's filters", "black", small)
    for k, kernel in enumerate(model.conv1.weight.detach().squeeze(1).tolist()):
        tile(kernel, 500 + 66 * (k % 8), 74 + 40 * (k // 8), 36)

    pen.text((500, 248), "Predictions (red: wrong, with the true digit)", "black", small)
    order = sorted(range(len(labels)), key=lambda i: labels[i] == predicted[i])[:32]
    for k, i in enumerate(order):
        x, y = 500 + 66 * (k % 8), 272 + 68 * (k // 8)
        tile(images[i, 0].tolist(), x, y, 44)
        right = labels[i] == predicted[i]
        text = str(predicted[i]) if right else f"{predicted[i]} ({labels[i]})"
        pen.text((x + 4, y + 46), text, "black" if right else "red", small)
    picture.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for the weights and the picture")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    started = time.perf_counter()
    digits = load_digits()
    split = train_test_split(digits.images, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
    train_images, test_images = (torch.tensor(x / 16.0, dtype=torch.float32).unsqueeze(1) for x in split[:2])
    train_labels, test_labels = (torch.tensor(y, dtype=torch.int64) for y in split[2:])

    model = DigitNet().to(options.device)
    train(model, TensorDataset(train_images, train_labels), options.epochs, options.device)

    weights = options.output / "digits.safetensors"
    torch.save(model.state_dict(), weights)
    restored = DigitNet().to(options.device)
    restored.load_state_dict(torch.load(weights))
    predicted = predict(restored, test_images.to(options.device)).cpu()
    accuracy = (predicted == test_labels).float().mean().item()
    picture = options.output / "digits.png"
    draw(picture, restored.cpu(), test_images, test_labels.tolist(), predicted.tolist(), accuracy)

    print(f"test accuracy {accuracy:.2%} on {len(test_labels)} images, {time.perf_counter() - started:.1f} s in all")
    print(f"weights: {weights}   picture: {picture}")
    print("Your own data: in examples/digits.py replace load_digits() by your images [N, 1, H, W] and int64 labels [N];")
    print("the linear layer takes 64·(H/2)·(W/2) features, and the last layer as many outputs as you have classes.")


if __name__ == "__main__":
    main()
