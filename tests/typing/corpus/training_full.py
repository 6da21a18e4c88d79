"""A whole training script: data, loop, scheduler, evaluation, saving."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn as nn
import flambeau.nn.functional as F
import flambeau.optim as optim
from flambeau import Tensor, float32, int64
from flambeau.typing import Shaped, cpu, shape_vars
from flambeau.utils.data import DataLoader, TensorDataset, random_split

class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(20, 40)
        self.out = nn.Linear(40, 3)
        #~ self.out = nn.Linear(20, 3)  -> out

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 20]"]) -> Shaped[Tensor[float32, cpu], "[N, 3]"]:
        return self.out(torch.relu(self.hidden(x)))  #@out
        #~ return self.out(self.hidden)
        #~s return torch.relu(self.hidden(x))


@shape_vars("N")
def accuracy(logits: Shaped[Tensor[float32, cpu], "[N, 3]"], labels: Shaped[Tensor[int64, cpu], "[N]"]) -> float:
    predictions = logits.argmax(dim=1)
    #~ predictions = logits.argmax(dim=0)  -> eq
    reveal_type(predictions)
    return (predictions == labels).float().mean().item()  #@eq


features, labels = torch.randn(60, 20), torch.randint(0, 3, (60,))
data = TensorDataset(features, labels)
train, test = random_split(data, [50, 10])
loader = DataLoader(train, batch_size=10, shuffle=True)
model = Classifier()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
criterion = nn.CrossEntropyLoss()
losses: list[float] = []
for epoch in range(2):
    model.train()
    for x, y in loader:
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
model.eval()
with torch.no_grad():
    logits = model(features)
    #~ logits = model(features.T)
    #~ logits = model(labels)
    reveal_type(logits)
    score = accuracy(logits, labels)
    #~ score = accuracy(labels, logits)
    #~s score = accuracy(logits, labels[:, None])
    #~s score = accuracy(logits, labels.float())
confusion = torch.zeros(3, 3, dtype=torch.int64)
confusion.index_put_((labels, logits.argmax(1)), torch.tensor(1), accumulate=True)
per_class = confusion.diag() / confusion.sum(1)
reveal_type(per_class)
standardized = (features - features.mean(0)) / features.std(0)
#~ standardized = (features - features.mean(1)) / features.std(0)
#~ standardized = (features - features.mean(0)) / features.std(1)
reveal_type(standardized)
grads = [p.grad.norm() for p in model.parameters() if p.grad is not None]
total = torch.stack(grads).norm()
weight = model.hidden.weight
reveal_type(weight)
penalty = (weight @ weight.T - torch.eye(40)).pow(2).sum()
#~ penalty = (weight.T @ weight - torch.eye(40)).pow(2).sum()
#~ penalty = (weight @ weight - torch.eye(40)).pow(2).sum()
reveal_type(penalty)
# sizes: N=60
