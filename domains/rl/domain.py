"""Reinforcement learning from images: an agent is the domain's training, its return the metric.

A network maps frames to all that an agent needs: for PPO the logits of the actions and a value, for DQN a value of
every action. Training is Stable-Baselines3's (the extra `rl`), imported when an agent is made. To swap the encoder of
an agent in a script of your own, see `appnas.agent.sb3`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from appnas.compute import CPU, home, moved
from appnas.domains.rl.options import Options
from appnas.space import IO
from appnas.task import Metric, OnEpoch, on

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from appnas.domains.rl.agent import Agent
    from appnas.domains.rl.blind import Floor

Split = Literal["train", "score", "test"]


def salted(seed: int, split: Split) -> int:
    """A seed of its own for every split."""
    return 3 * seed + ("train", "score", "test").index(split)


def need(*packages: str, extra: str = "rl") -> None:
    """Check that the packages of an extra are there.

    Raises:
        ImportError: one is not.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(f"this domain needs the package {package!r}: pip install 'appnas[{extra}]'")


class RL:
    """A task of an agent; subclasses make the environments. "value" is the mean return on training levels.

    Args:
        options: agent and evaluation.

    Raises:
        ImportError: the extra is missing.
        ValueError: observations that are no images or vectors, or actions without end.
    """

    metric = Metric("return")
    """What "value" is."""
    tunable = (
        "lr", "gamma", "gae", "clip", "entropy", "value", "max_grad", "normalise", "rollout", "batch", "epochs",
        "every", "updates", "n_steps", "target", "explore",
    )  # fmt: skip
    """Options that can be chosen with an architecture."""
    catalogue_name: str | None = None
    """Name in the catalogue, by which a run can be resumed."""

    def __init__(self, options: Options):
        need("gymnasium", "stable_baselines3")
        from gymnasium.spaces import Discrete
        from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first

        from appnas.agent.observations import WRAPPER, shape_known

        self.options = options
        env = self.env("train", 1, 0)
        frames, actions = env.observation_space, env.action_space
        env.close()
        shape = frames.shape or ()
        vector = len(shape) == 1 and np.issubdtype(frames.dtype, np.floating)
        if not (vector or is_image_space(frames) or shape_known(frames)):
            raise ValueError(
                f"agents here see images, or vectors of floats; this environment shows {frames}: {WRAPPER} makes images"
                " of frames of other types, and of a dictionary's"
            )
        if not isinstance(actions, Discrete):
            raise ValueError(
                f"agents here choose one of a finite number of actions (Discrete), this environment takes {actions};"
                " for others, give appnas.agent.make_policy_kwargs to Stable-Baselines3's PPO, SAC or TD3"
            )
        known = vector or shape_known(frames) is not None
        self.first = known or is_image_space_channels_first(frames)  # type: ignore[arg-type]  # channels first already
        self.actions = int(actions.n)
        self.io = IO(shape if self.first else (shape[2], *shape[:2]), (self.actions + (options.algorithm == "ppo"),))
        bounds = self.normal()
        self.chance = bounds[0] if bounds else -math.inf

    def make(self, split: Split, count: int, seed: int) -> VecEnv:
        """Environments side by side: to train in, to score in (the training levels), to test in (unseen levels)."""
        raise NotImplementedError

    def env(self, split: Split, count: int, seed: int) -> VecEnv:
        """What `make` makes, black if the options say so."""
        from appnas.domains.rl.blind import VecBlind

        made = self.make(split, count, seed)
        return VecBlind(made) if self.options.blind else made

    def normal(self) -> tuple[float, float] | None:
        """Returns that count as 0 and as 1, if the task has such; the first is what guessing is worth."""
        return None

    @property
    def fingerprint(self) -> str:
        """A digest of the options: a training's checkpoint is of one of them."""
        return hashlib.sha256(f"{type(self).__name__} {asdict(self.options)}".encode()).hexdigest()

    def named(self, name: str) -> RL:
        """The same domain under its name in the catalogue."""
        self.catalogue_name = name
        return self

    def to(self, device: str | torch.device) -> Self:
        """The same domain with its agents trained on a device: see `appnas.task.on`."""
        return on(self, device)

    def host(
        self, model: nn.Module, budget: int, *, seed: int = 0, optimiser: Callable[..., Any] | None = None
    ) -> Agent:
        """An agent around the model, not yet trained: see `appnas.domains.rl.agent.Agent`."""
        from appnas.domains.rl.agent import Agent

        return Agent(self.env("train", self.options.envs, seed), model, self.options, budget, seed, optimiser)

    def fit(
        self,
        model: nn.Module,
        budget: int,
        *,
        final: bool = False,
        seed: int = 0,
        checkpoint: Path | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        """Train for `budget` environment steps, rounded up to whole iterations.

        Args:
            model: trained in place.
            budget: environment steps.
            final: makes no difference: an agent makes its own data, none is held back for validation.
            seed: of weights in the agent, levels, actions.
            checkpoint: file to save to about every minute and at the end, and to go on from if it exists.
            on_epoch: called with the environment steps done, and the last iteration's loss (NaN for those that a
                checkpoint has); True stops there.

        Raises:
            DivergedError: a weight is NaN or infinite.
            ValueError: the checkpoint is of another training.
        """
        from appnas.domains.rl.agent import train

        agent = self.host(model, budget, seed=seed)
        try:
            train(agent, budget, {"seed": seed, "budget": budget, "domain": self.fingerprint}, checkpoint, on_epoch)
        finally:
            agent.close()
        model.eval()

    def score(self, model: nn.Module) -> dict[str, float]:
        """Mean return on training levels as "value" and "return", and normalised where the task says how."""
        metrics = self.evaluate(model, "score")
        return {"value": metrics["return"], **metrics}

    def test(self, model: nn.Module) -> dict[str, float]:
        """Mean return on unseen levels, and normalised where the task says how."""
        return self.evaluate(model, "test")

    def evaluate(self, model: nn.Module, split: Split, episodes: int = 0, seed: int | None = None) -> dict[str, float]:
        """Play whole episodes: PPO samples from its policy, DQN takes its best action, with `epsilon` any.

        Every environment plays the same number of them, so that short episodes do not count more often.

        Args:
            model: left in evaluation mode.
            split: "score" for training levels, "test" for unseen ones.
            episodes: how many, at least; 0 for the options' number.
            seed: of levels and actions; None for the options'.
        """
        episodes = episodes or self.options.episodes
        seed = self.options.seed if seed is None else seed
        count = min(self.options.envs, episodes)
        env = self.env(split, count, seed)
        try:
            returns = self._play(model.eval(), env, math.ceil(episodes / count), seed)
        finally:
            env.close()
        metrics = {"return": float(np.mean(returns)), "return_sd": float(np.std(returns))}
        if bounds := self.normal():
            metrics["normalised"] = (metrics["return"] - bounds[0]) / (bounds[1] - bounds[0])
        return metrics

    @torch.no_grad()
    def _play(self, model: nn.Module, env: VecEnv, each: int, seed: int) -> list[float]:
        """Returns of episodes. Wherever the network is, actions are drawn here: one transfer back a step."""
        rng = torch.Generator().manual_seed(seed)
        frames = env.reset()
        total, finished, returns = np.zeros(env.num_envs), np.zeros(env.num_envs, dtype=int), []
        while finished.min() < each:
            scores = moved(model(self.normalised(frames, home(model)))[:, : self.actions], CPU)
            if self.options.algorithm == "ppo":
                chosen = torch.multinomial(scores.softmax(-1), 1, generator=rng).squeeze(1)
            else:
                chosen = scores.argmax(-1)
                anything = torch.randint(self.actions, chosen.shape, generator=rng)
                chosen = torch.where(torch.rand(chosen.shape, generator=rng) < self.options.epsilon, anything, chosen)
            frames, rewards, dones, _ = env.step(chosen.numpy())
            total += rewards
            for i in np.flatnonzero(dones):
                if finished[i] < each:
                    returns.append(float(total[i]))
                finished[i] += 1
                total[i] = 0.0
        return returns

    def normalised(self, frames: Any, device: torch.device = CPU) -> Tensor:
        """Frames as an agent's network sees them, on a device, where they are sent as bytes.

        Shapes:
            frames: the environment's, of bytes or floats. returns: [B, C, H, W] in 0 to 1, or vectors as they are.
        """
        x: Tensor = moved(torch.as_tensor(np.asarray(frames)), device)
        x = x if self.first else x.permute(0, 3, 1, 2)
        return x.float() / 255 if x.dtype == torch.uint8 else x.float()

    def floor(self, episodes: int = 0) -> Floor:
        """What play without sight is worth on the training levels: see `appnas.domains.rl.blind`."""
        from appnas.domains.rl.blind import floor

        return floor(self, episodes)

    def example(self, count: int) -> tuple[Tensor]:
        """Frames of random play, the same at every call. Shapes: [count, C, H, W]."""
        env = self.env("score", 1, self.options.seed)
        rng = np.random.default_rng(self.options.seed)
        frames: list[Any] = [env.reset()]
        while len(frames) < count:
            frames.append(env.step(rng.integers(self.actions, size=1))[0])
        env.close()
        return (self.normalised(np.concatenate(frames)),)
