"""Functions and modules with flambeau.compile, no_grad, inference_mode and autocast."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

@torch.compile
@shape_vars("N")
def score(x: Shaped[Tensor[float32, cpu], "[N, 8]"]) -> Shaped[Tensor[float32, cpu], "[N]"]:
    return x.tanh().sum(dim=1)
    #~s return x.tanh().sum(dim=1, keepdim=True)


@torch.no_grad()
@shape_vars("")
def evaluate(x: Shaped[Tensor[float32, cpu], "[4, 8]"]) -> Shaped[Tensor[float32, cpu], "[4, 2]"]:
    return nn.Linear(8, 2)(x)
    #~ return nn.Linear(2, 8)(x)


s = score(torch.randn(5, 8))
#~s s = score(torch.randn(5, 9))
reveal_type(s)
e = evaluate(torch.randn(4, 8))
#~s e = evaluate(torch.randn(5, 8))
reveal_type(e)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 3)

    @shape_vars("N")
    def forward(self, x: Shaped[Tensor[float32, cpu], "[N, 8]"]) -> Shaped[Tensor[float32, cpu], "[N, 3]"]:
        return self.fc(x)


net = Net()
fast = torch.compile(net)
plain = net(torch.randn(6, 8))
reveal_type(plain)
out = fast(torch.randn(6, 8))
#~ out = fast(torch.randn(6, 7))
reveal_type(out)
with torch.inference_mode():
    quiet = net(torch.randn(2, 8))
    #~ quiet = net(torch.randn(2, 8, 1))
    reveal_type(quiet)
moved = net.to("cpu").eval()
again = moved(torch.randn(3, 8))
#~ again = moved(torch.randn(8, 3))
reveal_type(again)


@torch.compile(dynamic=True)
@shape_vars("")
def double(x: Shaped[Tensor[float32, cpu], "[3]"]) -> Shaped[Tensor[float32, cpu], "[3]"]:
    return x * 2


d = double(torch.randn(3))
reveal_type(d)
# sizes: N=5
