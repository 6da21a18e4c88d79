import flambeau as torch
from flambeau import nn

images = torch.randn(8, 3, 32, 32)
features = nn.Conv2d(3, 16, 5)(images)  # ?
pooled = nn.MaxPool2d(2)(features)  # ?
flat = torch.flatten(pooled, 1)  # ?
scores = nn.Linear(16 * 16 * 16, 10)(flat)
