"""Distributions: a policy's actions and log-probabilities, a mixture, a reparametrised sample."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import Tensor, float32, nn
from flambeau.distributions import Bernoulli, Categorical, Normal, kl_divergence
from flambeau.typing import Shaped, cpu, shape_vars

class Policy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 32), nn.Tanh())
        self.actor = nn.Linear(32, 4)
        #~ self.actor = nn.Linear(16, 4)  -> actor
        self.critic = nn.Linear(32, 1)

    @shape_vars("N")
    def forward(
        self, obs: Shaped[Tensor[float32, cpu], "[N, 6]"]
    ) -> tuple[Shaped[Tensor[float32, cpu], "[N, 4]"], Shaped[Tensor[float32, cpu], "[N]"]]:
        h = self.body(obs)
        return self.actor(h), self.critic(h).squeeze(-1)  #@actor
        #~s return self.actor(h), self.critic(h)


policy = Policy()
logits, value = policy(torch.randn(16, 6))
#~ logits, value = policy(torch.randn(16, 4))
reveal_type(value)
dist = Categorical(logits=logits)
action = dist.sample()
log_prob = dist.log_prob(action)
reveal_type(log_prob)
entropy = dist.entropy().mean()
returns = torch.rand(16)
#~ returns = torch.rand(16, 2)  -> adv
advantage = returns - value.detach()  #@adv
#~ advantage = returns - logits.detach()
reveal_type(advantage)
value_loss = F.mse_loss(value, returns)
loss = -(log_prob * advantage).mean() + 0.5 * value_loss - 0.01 * entropy
loss.backward()
prior = Normal(torch.zeros(3), torch.ones(3))
posterior = Normal(torch.randn(8, 3), torch.rand(8, 3) + 0.1)
z = posterior.rsample()
kl = kl_divergence(posterior, prior)
coin = Bernoulli(probs=torch.tensor(0.3)).sample((5,))
ratio = (log_prob - log_prob.detach()).exp()
clipped = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
gathered = logits.log_softmax(1).gather(1, torch.randint(0, 4, (16, 1))).squeeze(1)
#~ gathered = logits.log_softmax(1).gather(1, torch.randint(0, 4, (16,))).squeeze(1)
#~ gathered = logits.log_softmax(1).gather(2, torch.randint(0, 4, (16, 1))).squeeze(1)
#~ gathered = logits.log_softmax(1).gather(1, torch.rand(16, 1)).squeeze(1)
reveal_type(gathered)
# sizes: N=16
