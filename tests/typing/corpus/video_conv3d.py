"""A clip classifier of 3-d convolutions."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class C3D(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 8, kernel_size=(3, 5, 5), padding=(1, 2, 2), stride=(1, 2, 2))
        #~ self.conv1 = nn.Conv3d(3, 8, kernel_size=(5, 5), padding=(1, 2, 2), stride=(1, 2, 2))  -> conv1
        self.pool = nn.MaxPool3d((1, 2, 2))
        self.conv2 = nn.Conv3d(8, 16, 3, padding=1)
        #~ self.conv2 = nn.Conv3d(4, 16, 3, padding=1)  -> conv2
        self.pool2 = nn.MaxPool3d(2)
        self.fc = nn.Linear(16 * 4 * 7 * 7, 20)
        #~ self.fc = nn.Linear(16 * 8 * 7 * 7, 20)  -> fc
        #~ self.fc = nn.Linear(16 * 4 * 8 * 8, 20)  -> fc

    @shape_vars("N")
    def forward(self, clip: Shaped[Tensor[float32, cpu], "[N, 3, 8, 56, 56]"]) -> Shaped[Tensor[float32, cpu], "[N, 20]"]:
        h = self.pool(torch.relu(self.conv1(clip)))  #@conv1
        reveal_type(h)
        h = self.pool2(torch.relu(self.conv2(h)))  #@conv2
        reveal_type(h)
        return self.fc(h.flatten(1))  #@fc
        #~ return self.fc(h.flatten(0))
        #~ return self.fc(h.flatten(1, 2))


frames = [torch.randn(3, 56, 56) for _ in range(8)]
clip = torch.randn(2, 8, 3, 56, 56).permute(0, 2, 1, 3, 4)
#~ clip = torch.randn(2, 8, 3, 56, 56)  -> call
#~ clip = torch.randn(2, 8, 3, 56, 56).permute(0, 2, 1, 3)  -> call
out = C3D()(clip)  #@call
reveal_type(out)
flow = clip[:, :, 1:] - clip[:, :, :-1]
#~ flow = clip[:, :, 1:] - clip
#~ flow = clip[:, :, 1:] - clip[:, :, :-2]
reveal_type(flow)
mean = clip.mean(dim=(2, 3, 4), keepdim=True)
#~ mean = clip.mean(dim=(2, 3, 4))  -> norm
#~ mean = clip.mean(dim=(2, 3, 5), keepdim=True)  -> norm
normal = (clip - mean) / clip.std(dim=(2, 3, 4), keepdim=True)  #@norm
reveal_type(normal)
pooled = nn.AdaptiveAvgPool3d((1, 1, 1))(clip).view(2, -1)
reveal_type(pooled)
# sizes: N=2
