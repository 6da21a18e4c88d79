"""A recurrent cell written out, over time steps."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, float32, nn
from flambeau.typing import Shaped, cpu, shape_vars

class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w_x = nn.Parameter(torch.randn(12, 24) * 0.1)
        #~ self.w_x = nn.Parameter(torch.randn(24, 12) * 0.1)  -> step
        self.w_h = nn.Parameter(torch.randn(24, 24) * 0.1)
        self.bias = nn.Parameter(torch.zeros(24))
        #~ self.bias = nn.Parameter(torch.zeros(12))  -> step

    @shape_vars("N")
    def forward(
        self, x: Shaped[Tensor[float32, cpu], "[N, 12]"], h: Shaped[Tensor[float32, cpu], "[N, 24]"]
    ) -> Shaped[Tensor[float32, cpu], "[N, 24]"]:
        return torch.tanh(x @ self.w_x + h @ self.w_h + self.bias)  #@step
        #~ return torch.tanh(x @ self.w_x + h @ self.w_x + self.bias)
        #~ return torch.tanh(self.w_x @ x + h @ self.w_h + self.bias)


@shape_vars("N, T")
def run(cell: Cell, xs: Shaped[Tensor[float32, cpu], "[N, T, 12]"]) -> Shaped[Tensor[float32, cpu], "[N, T, 24]"]:
    h = torch.zeros(xs.size(0), 24)
    #~ h = torch.zeros(xs.size(1), 24)  -> cell
    states = []
    for t in range(xs.size(1)):
        h = cell(xs[:, t], h)  #@cell
        #~ h = cell(xs[t], h)
        #~ h = cell(h, xs[:, t])
        states.append(h)
    return torch.stack(states, dim=1)


cell = Cell()
ys = run(cell, torch.randn(4, 7, 12))
#~ ys = run(cell, torch.randn(4, 12))
#~ ys = run(cell, torch.randn(4, 7, 11))
reveal_type(ys)
last = ys[:, -1]
reveal_type(last)
decoder = nn.Linear(24, 5)
answer = decoder(last).log_softmax(1)
reveal_type(answer)
loss = nn.functional.nll_loss(answer, torch.tensor([0, 1, 2, 3]))
#~ loss = nn.functional.nll_loss(answer, torch.tensor([0, 1, 2]))
#~ loss = nn.functional.nll_loss(answer, torch.tensor([0., 1., 2., 3.]))
# sizes: N=4, T=7
