"""autograd.grad, a gradient penalty, functional transforms, and custom functions."""

from typing import reveal_type

import flambeau as torch
from flambeau import Tensor, nn
from flambeau.func import grad, vmap
w = torch.randn(4, 3, requires_grad=True)
x = torch.randn(8, 4)
loss = (x @ w).pow(2).mean()
(g,) = torch.autograd.grad(loss, w, retain_graph=True)
reveal_type(g)
stepped = w - 0.1 * g
#~ stepped = w - 0.1 * g.T
reveal_type(stepped)
a, b = torch.randn(3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
ga, gb = torch.autograd.grad((a * b).sum(), (a, b), create_graph=True)
reveal_type(gb)
critic = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))
real, fake = torch.randn(5, 6), torch.randn(5, 6)
alpha = torch.rand(5, 1)
#~ alpha = torch.rand(4, 1)  -> mix
mixed = (alpha * real + (1 - alpha) * fake).requires_grad_(True)  #@mix
reveal_type(mixed)
scores = critic(mixed)
gradient = torch.autograd.grad(scores, mixed, grad_outputs=torch.ones_like(scores), create_graph=True)[0]
penalty = ((gradient.norm(2, dim=1) - 1) ** 2).mean()
penalty.backward()
loss.backward()
if w.grad is not None:
    update = w.grad * 2
    reveal_type(update)


class Clip(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value: Tensor) -> Tensor:
        ctx.save_for_backward(value)
        return value.clamp(0, 1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (value,) = ctx.saved_tensors
        return gradient * ((value > 0) & (value < 1))


clipped = Clip.apply(torch.randn(3, requires_grad=True))


def energy(point: Tensor) -> Tensor:
    return (point**2).sum()


force = grad(energy)(torch.randn(3))
forces = vmap(grad(energy))(torch.randn(7, 3))
jacobian = torch.autograd.functional.jacobian(lambda v: v**2, torch.randn(4))
