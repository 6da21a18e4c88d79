"""A policy gradient and a replay buffer: gather, masks and returns."""

from typing import reveal_type

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.distributions import Categorical
policy = nn.Sequential(nn.Linear(4, 128), nn.ReLU(), nn.Linear(128, 2), nn.Softmax(dim=-1))
states = torch.randn(16, 4)
probabilities = policy(states)
#~ probabilities = policy(states.T)
reveal_type(probabilities)
distribution = Categorical(probabilities)
actions = distribution.sample()
log_prob = distribution.log_prob(actions)
returns = torch.randn(16)
loss = -(log_prob * returns).sum()
q_net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
target_net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
target_net.load_state_dict(q_net.state_dict())
chosen = torch.randint(0, 2, (16, 1))
rewards, dones = torch.randn(16), torch.zeros(16)
q = q_net(states).gather(1, chosen)
#~ q = q_net(states).gather(1, chosen.squeeze(1))
reveal_type(q)
with torch.no_grad():
    best = target_net(states).max(1)[0]
    reveal_type(best)
    expected = rewards + 0.99 * best * (1 - dones)
    #~ expected = rewards + 0.99 * target_net(states) * (1 - dones)
    reveal_type(expected)
huber = F.smooth_l1_loss(q, expected.unsqueeze(1))
reveal_type(huber)
advantage = (returns - returns.mean()) / (returns.std() + 1e-8)
reveal_type(advantage)
