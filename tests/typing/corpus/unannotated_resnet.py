"""A network without any annotation, as tutorials have it."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn as nn
import flambeau.nn.functional as F

class BasicBlock(nn.Module):
    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class SimpleCNN(nn.Module):
    def __init__(self):
        super(SimpleCNN, self).__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, stride=1, padding=1)
        #~ self.conv2 = nn.Conv2d(16, 64, kernel_size=3, stride=1, padding=1)  -> conv2
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2, padding=0)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        #~ self.fc1 = nn.Linear(64 * 14 * 14, 128)  -> fc1
        #~ self.fc1 = nn.Linear(32 * 7 * 7, 128)  -> fc1
        self.fc2 = nn.Linear(128, 10)
        #~ self.fc2 = nn.Linear(64, 10)  -> fc2

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))  #@conv1
        x = self.pool(F.relu(self.conv2(x)))  #@conv2
        x = x.view(-1, 64 * 7 * 7)  #@view
        #~ x = x.view(-1, 64 * 8 * 8)  -> view, fc1
        x = F.relu(self.fc1(x))  #@fc1
        x = self.fc2(x)  #@fc2
        return x


def train_step(model, images, labels, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    #~ loss = F.cross_entropy(labels, model(images))
    loss.backward()
    optimizer.step()
    return loss.item()


model = SimpleCNN()
optimizer = torch.optim.Adam(model.parameters())
images = torch.randn(16, 1, 28, 28)
#~ images = torch.randn(16, 28, 28, 1)  -> call, conv1
#~ images = torch.randn(16, 3, 28, 28)  -> call, conv1
labels = torch.randint(0, 10, (16,))
output = model(images)  #@call
reveal_type(output)
print(train_step(model, images, labels, optimizer))
block = BasicBlock(16, 32, stride=2)
y = block(torch.randn(2, 16, 8, 8))
predicted = output.argmax(dim=1)
#~ predicted = output.argmax(dim=2)
reveal_type(predicted)
