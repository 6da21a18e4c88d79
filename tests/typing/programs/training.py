"""A training loop."""

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars


class Classifier(nn.Module):
    """Two convolutions and a linear layer, for 8 × 8 digits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(32 * 2 * 2, 10)

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 1, 8, 8]"]) -> Shaped[Tensor[float32, cpu], "[N, 10]"]:
        h = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        h = F.max_pool2d(torch.relu(self.conv2(h)), 2)
        return self.fc(h.flatten(1))


@shape_vars("N")
def train_step(
    model: Classifier,
    optimizer: torch.optim.Optimizer,
    images: Shaped[Tensor[float32, cpu], "[N, 1, 8, 8]"],
    labels: Shaped[Tensor[int64, cpu], "[N]"],
) -> float:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)
images, labels = torch.randn(64, 1, 8, 8), torch.zeros(64, dtype=int64)
for epoch in range(3):
    model.train()
    print(epoch, train_step(model, optimizer, images, labels))
    scheduler.step()
model.eval()
with torch.no_grad():
    predicted = model(images).argmax(dim=1)
    print((predicted == labels).float().mean().item())
torch.save(model.state_dict(), "classifier.pth")
train_step(model, optimizer, images, torch.zeros(32, dtype=int64))  # E
train_step(model, optimizer, images.squeeze(1), labels)  # E
