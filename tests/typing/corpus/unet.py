"""A U-Net of double convolutions: skips are joined along channels."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.enc1 = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())
        self.enc2 = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU())
        self.middle = nn.Sequential(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU())
        self.up2 = nn.ConvTranspose2d(64, 32, kernel_size=2, stride=2)
        #~ self.up2 = nn.ConvTranspose2d(64, 32, kernel_size=3, stride=2)  -> cat2
        self.dec2 = nn.Sequential(nn.Conv2d(64, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        #~ self.dec2 = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())  -> dec2
        self.up1 = nn.ConvTranspose2d(32, 16, 2, 2)
        self.dec1 = nn.Sequential(nn.Conv2d(32, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.head = nn.Conv2d(16, 1, 1)

    @shape_vars("")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[2, 3, 64, 96]"]) -> Shaped[Tensor[float32, cpu], "[2, 1, 64, 96]"]:
        skip1 = self.enc1(x)
        skip2 = self.enc2(self.pool(skip1))
        bottom = self.middle(self.pool(skip2))
        reveal_type(bottom)
        up = self.up2(bottom)
        joined = torch.cat([up, skip2], dim=1)  #@cat2
        #~ joined = torch.cat([up, skip1], dim=1)
        reveal_type(joined)
        d2 = self.dec2(joined)  #@dec2
        d1 = self.dec1(torch.cat((self.up1(d2), skip1), 1))
        #~ d1 = self.dec1(torch.cat((self.up1(d2), skip1), 2))
        reveal_type(d1)
        return self.head(d1)
        #~s return d1


mask = UNet()(torch.randn(2, 3, 64, 96)).sigmoid()
reveal_type(mask)
loss = nn.BCELoss()(mask, torch.zeros(2, 1, 64, 96))
#~ loss = nn.BCELoss()(mask, torch.zeros(2, 64, 96))
reveal_type(loss)
