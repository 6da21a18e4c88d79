"""A small VGG for 32x32 images, its head sized by hand."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, int64, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Net(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3), nn.ReLU(),
            #~ nn.Conv2d(64, 64, 3), nn.ReLU(),  -> features
            nn.AvgPool2d(3, stride=2, padding=1),
        )
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        #~ self.fc1 = nn.Linear(64 * 8 * 8, 128)  -> fc1
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, 10)
        #~ self.fc2 = nn.Linear(256, 10)  -> fc2

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 3, 32, 32]"]) -> Shaped[Tensor[float32, cpu], "[N, 10]"]:
        h = self.features(x)  #@features
        reveal_type(h)
        h = h.flatten(1)
        #~ h = h.flatten(2)  -> fc1
        h = F.relu(self.fc1(h))  #@fc1
        #~ h = F.relu(self.fc2(h))
        h = self.drop(h)
        return self.fc2(h)  #@fc2
        #~s return h


net = Net()
images = torch.rand(16, 3, 32, 32)
#~ images = torch.rand(16, 32, 32, 3)  -> call
logits = net(images)  #@call
#~ logits = net(images[0])
reveal_type(logits)
labels = torch.randint(0, 10, (16,))
#~ labels = torch.randint(0, 10, (16, 1))  -> loss
#~ labels = torch.rand(16)  -> loss
loss = F.cross_entropy(logits, labels)  #@loss
#~ loss = F.cross_entropy(logits.argmax(1), labels)
accuracy = (logits.argmax(dim=1) == labels).float().mean()
#~ accuracy = (logits.argmax(dim=2) == labels).float().mean()
reveal_type(accuracy)
# sizes: N=16
