"""A dataset, a loader, and what its items are taken for."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars
from flambeau.utils.data import DataLoader, Dataset, TensorDataset, random_split

class Squares(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, count: int) -> None:
        self.x = torch.linspace(-1, 1, count).unsqueeze(1)
        self.y = self.x**2

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.x[index], self.y[index]


data = TensorDataset(torch.randn(64, 1, 8, 8), torch.randint(0, 10, (64,)))
train, test = random_split(data, [48, 16])
loader = DataLoader(train, batch_size=16, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


@shape_vars("")
def loss_of(
    images: Shaped[Tensor[float32, cpu], "[16, 1, 8, 8]"], labels: Shaped[Tensor[int64, cpu], "[16]"]
) -> Shaped[Tensor[float32, cpu], "[]"]:
    scores = model(images)
    reveal_type(scores)
    return nn.functional.cross_entropy(scores, labels)
    #~s return nn.functional.cross_entropy(scores, labels, reduction="none")


for images, labels in loader:
    loss = loss_of(images, labels)
    reveal_type(loss)
    loss.backward()
for batch in DataLoader(Squares(10), batch_size=5):
    inputs, targets = batch
    difference = (inputs - targets).abs().mean()
squares = Squares(10)
first, target = squares[0]
total = len(squares) + len(data)
one, label = data[0]
