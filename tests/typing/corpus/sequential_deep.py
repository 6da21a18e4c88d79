"""VGG and AlexNet as nested Sequentials of many layers."""

from typing import reveal_type

from collections import OrderedDict
import flambeau as torch
from flambeau import nn

features = nn.Sequential(
    nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
    nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2),
    nn.Conv2d(64, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU(inplace=True),
    nn.Conv2d(128, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2),
    #~ nn.Conv2d(64, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2), -> features
    nn.Conv2d(128, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2),
)
classifier = nn.Sequential(
    nn.Flatten(), nn.Linear(256 * 4 * 4, 512), nn.ReLU(True), nn.Dropout(), nn.Linear(512, 512), nn.ReLU(True),
    #~ nn.Flatten(), nn.Linear(256 * 7 * 7, 512), nn.ReLU(True), nn.Dropout(), nn.Linear(512, 512), nn.ReLU(True), -> classify
    nn.Linear(512, 10),
)
x = torch.randn(2, 3, 32, 32)
h = features(x)  #@features
reveal_type(h)
y = classifier(h)  #@classify
reveal_type(y)
whole = nn.Sequential(features, classifier, nn.LogSoftmax(dim=1))
out = whole(x)
#~ out = whole(torch.randn(2, 1, 32, 32))
#~ out = whole(torch.randn(2, 3, 64, 64))
reveal_type(out)
named = nn.Sequential(OrderedDict([("conv", nn.Conv2d(1, 20, 5)), ("relu", nn.ReLU())]))
z = named(torch.randn(1, 1, 28, 28))
alexnet = nn.Sequential(
    nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2),
    nn.Conv2d(64, 192, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2),
    nn.AdaptiveAvgPool2d((6, 6)), nn.Flatten(1), nn.Dropout(), nn.Linear(192 * 6 * 6, 100),
    #~ nn.AdaptiveAvgPool2d((7, 7)), nn.Flatten(1), nn.Dropout(), nn.Linear(192 * 6 * 6, 100), -> alexnet
)
scores = alexnet(torch.randn(1, 3, 127, 127))  #@alexnet
reveal_type(scores)
first = features[0]
