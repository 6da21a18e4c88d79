"""A tutorial's network, as it stands there: nothing is annotated."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn as nn
import flambeau.nn.functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        #~ self.conv2 = nn.Conv2d(8, 16, 5)  -> conv2
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        #~ self.fc1 = nn.Linear(16 * 6 * 6, 120)  -> fc1
        self.fc2 = nn.Linear(120, 84)
        #~ self.fc2 = nn.Linear(128, 84)  -> fc2
        self.fc3 = nn.Linear(84, 10)

    def forward(self, input):
        c1 = F.relu(self.conv1(input))  #@conv1
        s2 = F.max_pool2d(c1, (2, 2))
        c3 = F.relu(self.conv2(s2))  #@conv2
        s4 = F.max_pool2d(c3, 2)
        s4 = torch.flatten(s4, 1)
        f5 = F.relu(self.fc1(s4))  #@fc1
        f6 = F.relu(self.fc2(f5))  #@fc2
        output = self.fc3(f6)
        reveal_type(output)
        return output


net = Net()
input = torch.randn(1, 1, 32, 32)
#~ input = torch.randn(1, 3, 32, 32)  -> conv1
out = net(input)  #@forward
reveal_type(out)
target = torch.randn(10).view(1, -1)
criterion = nn.MSELoss()
loss = criterion(out, target)
net.zero_grad()
loss.backward()
