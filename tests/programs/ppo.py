"""Proximal policy optimisation of a Gaussian policy: advantages backwards in time, clipped ratios, entropy, minibatches."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from tests.programs.weights import fill

STEPS = 16


def run(torch, rng):
    nn = torch.nn
    Normal = import_module(f"{torch.__name__}.distributions.normal").Normal

    class Agent(nn.Module):
        def __init__(self):
            super().__init__()
            self.critic = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))
            self.actor = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 2))
            self.log_std = nn.Parameter(torch.zeros(1, 2))

        def judge(self, observations, actions=None):
            mean = self.actor(observations)
            policy = Normal(mean, self.log_std.expand_as(mean).exp())
            if actions is None:
                actions = policy.sample()
            return actions, policy.log_prob(actions).sum(1), policy.entropy().sum(1), self.critic(observations).view(-1)

    agent = fill(torch, Agent())
    optimizer = torch.optim.Adam(agent.parameters(), lr=3e-3, eps=1e-5)
    observations, actions = (torch.from_numpy(rng.randn(STEPS, n).astype("float32")) for n in (3, 2))
    rewards = torch.from_numpy(rng.randn(STEPS).astype("float32"))
    running = torch.from_numpy((rng.rand(STEPS) > 0.2).astype("float32"))
    with torch.no_grad():
        assert agent.judge(observations)[0].shape == actions.shape
        _, before, _, values = agent.judge(observations, actions)
        advantages, last = torch.zeros_like(rewards), 0
        for t in reversed(range(STEPS)):
            following = values[t + 1] if t + 1 < STEPS else torch.tensor(0.0)
            last = rewards[t] + 0.99 * following * running[t] - values[t] + 0.99 * 0.95 * running[t] * last
            advantages[t] = last
        returns = advantages + values
    found, order = [], np.arange(STEPS)
    for _ in range(2):
        rng.shuffle(order)
        for start in range(0, STEPS, 8):
            part = order[start : start + 8]
            _, after, entropy, value = agent.judge(observations[part], actions[part])
            ratio = (after - before[part]).exp()
            advantage = advantages[part]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            policy_loss = torch.max(-advantage * ratio, -advantage * ratio.clamp(0.8, 1.2)).mean()
            loss = policy_loss - 0.01 * entropy.mean() + 0.5 * ((value - returns[part]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
            found.append(loss.item())
    return found, returns
