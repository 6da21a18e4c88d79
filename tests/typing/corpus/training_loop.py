"""A training loop with an optimizer, a scheduler, gradient clipping and evaluation."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn, optim
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 3))
#~ model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(32, 3))  -> step
optimizer = optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
x, y = torch.randn(128, 20), torch.randint(0, 3, (128,))
running = 0.0
for epoch in range(2):
    model.train()
    for start in range(0, 128, 32):
        xb, yb = x[start : start + 32], y[start : start + 32]
        optimizer.zero_grad(set_to_none=True)
        out = model(xb)  #@step
        loss = F.cross_entropy(out, yb)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running += loss.item() * xb.size(0)
    scheduler.step()
model.eval()
with torch.no_grad():
    scores = model(x)
    reveal_type(scores)
    predicted = scores.argmax(1)
    accuracy = (predicted == y).float().mean().item()
    #~ accuracy = (scores == y).float().mean().item()
print(f"{accuracy:.2f}", optimizer.param_groups[0]["lr"])
best = torch.max(scores, 1)
reveal_type(best.indices)
_, guess = torch.max(scores, dim=1)
reveal_type(guess)
correct = (guess == y).sum().item()
state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
model.load_state_dict(state["model"])
for name, parameter in model.named_parameters():
    if parameter.grad is not None:
        print(name, parameter.grad.norm().item())
