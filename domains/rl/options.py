"""Settings of an agent and of its evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from appnas.support import checked


@dataclass(frozen=True)
@checked(
    lr=0, gamma=0, gae=0, clip=0, entropy=0, value=0, max_grad=0, warmup=0, explore=0, epsilon=0, envs=1, rollout=1,
    batch=1, epochs=1, replay=1, every=1, updates=1, n_steps=1, target=1, episodes=1,
)  # fmt: skip
class Options:
    """An agent and its evaluation. Defaults: PPO on Procgen, by its authors' code, as in arXiv 1912.01588."""

    algorithm: Literal["ppo", "dqn"] = "ppo"
    """PPO (arXiv 1707.06347) or DQN (not Rainbow), of Stable-Baselines3."""
    envs: int = 64
    """Environments side by side."""
    rollout: int = 256
    """Steps of every environment in one iteration."""
    batch: int = 2048
    """Transitions a gradient step."""
    epochs: int = 3
    """PPO: passes over a rollout."""
    lr: float = 5e-4
    """Adam's learning rate, constant."""
    gamma: float = 0.999
    """Discount."""
    gae: float = 0.95
    """PPO: lambda of the advantages."""
    clip: float = 0.2
    """PPO: largest change of the probability ratio and of the value."""
    entropy: float = 0.01
    """PPO: weight of the bonus on the entropy of the actions."""
    value: float = 0.5
    """PPO: weight of the value's loss."""
    max_grad: float = 0.5
    """Largest gradient norm; weights and logits together."""
    normalise: bool = True
    """Divide training rewards by the running deviation of the return."""
    replay: int = 50_000
    """DQN: transitions remembered."""
    warmup: int = 2_000
    """DQN: random steps before learning starts."""
    every: int = 4
    """DQN: steps of every environment between two times of learning."""
    updates: int = 1
    """DQN: gradient steps each time."""
    n_steps: int = 1
    """DQN: rewards that are summed before the target network's value counts (n-step returns)."""
    target: int = 2_000
    """DQN: environment steps between two copies into the target network."""
    explore: float = 0.3
    """DQN: share of the budget over which random actions fall from all to `epsilon`."""
    epsilon: float = 0.05
    """DQN: share of random actions after that, and in evaluations, as its authors evaluate (Nature 518, 529): an agent
    that always takes its best action can stand before an obstacle until the episode ends."""
    episodes: int = 32
    """Episodes of an evaluation, at least one for each of its environments."""
    blind: bool = False
    """Black frames, in training and evaluation: what is learned by the blind twin of a network is what sight is worth
    nothing for."""
    seed: int = 0
    """Of the evaluations; a training's seed is its own."""

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.explore > 1 or self.epsilon > 1:
            raise ValueError(f"explore and epsilon are shares, from 0 to 1, got {self.explore} and {self.epsilon}")
        if self.algorithm == "ppo" and self.envs * self.rollout < 2:
            raise ValueError("PPO needs at least 2 transitions in an iteration (envs x rollout) to normalise them")
