"""Policy gradients: a controller rewarded by what it samples, and the losses as pure functions."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from appnas.space import Arch, Gates, Space, one_hot
from appnas.strategy.archive import Archive
from appnas.strategy.policies.advantage import Advantage
from appnas.strategy.policies.controllers import Controller
from appnas.strategy.protocol import Draw, Score
from appnas.support import Saved


def reinforce(logp: Tensor, reward: Tensor, baseline: float | Tensor, entropy: Tensor, bonus: float = 0.0) -> Tensor:
    """-mean[(R - b) log pi(a)] - bonus * mean H (Williams, 1992).

    Shapes:
        logp, reward, entropy: [n].
    """
    return -((reward - baseline) * logp).mean() - bonus * entropy.mean()


def ppo_clip(
    logp: Tensor, old_logp: Tensor, advantage: Tensor, entropy: Tensor, clip: float = 0.2, bonus: float = 0.0
) -> Tensor:
    """-mean min(r A, clip(r, 1 - c, 1 + c) A) - bonus * mean H (Schulman et al., arXiv 1707.06347, eq. 7).

    Shapes:
        logp, old_logp, advantage, entropy: [n].
    """
    ratio = (logp - old_logp).exp()
    clipped = ratio.clamp(1 - clip, 1 + clip)
    return -(ratio * advantage).minimum(clipped * advantage).mean() - bonus * entropy.mean()


def step_down(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of a policy."""
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


class PolicyGradient(Saved):
    """A controller rewarded by the value of what it samples (Zoph and Le, arXiv 1611.01578).

    Args:
        space: what to search. A sample that breaks its rules is discretised: the options sampled come first,
            the more probable ones before the others (of too many edges into a node the surest stay).
        controller: the policy.
        generator: source of samples.
        lr: of Adam on the controller.
        momentum: of the moving-average baseline.
        entropy: weight of the entropy bonus, against values, or against deviations of them if they are scaled.
        scaled: divide what is above the baseline by its moving deviation.
        batch: scores gathered for one update.
        clip: if above 0, PPO with this clip and `passes` over a batch; else one REINFORCE step.
        passes: of PPO over a batch.
        pick: "seen" gives the best architecture told, "mode" the most probable one.
    """

    saved = ("controller", "optimiser", "advantage", "waiting", "ahead", "generator", "archive")

    def __init__(
        self,
        space: Space,
        controller: Controller,
        generator: torch.Generator,
        lr: float = 1e-3,
        momentum: float = 0.9,
        entropy: float = 0.0,
        batch: int = 1,
        clip: float = 0.0,
        passes: int = 4,
        pick: str = "seen",
        scaled: bool = False,
    ):
        if pick not in ("seen", "mode"):
            raise ValueError(f"pick is 'seen' or 'mode', got {pick!r}")
        self.space, self.controller, self.generator = space, controller, generator
        self.entropy, self.batch, self.clip, self.passes, self.pick = entropy, batch, clip, passes, pick
        self.optimiser = torch.optim.Adam(controller.parameters(), lr=lr, fused=True)  # type: ignore[attr-defined]
        self.advantage = Advantage(momentum, scaled)
        self.waiting: list[tuple[Arch, float, float]] = []
        self.ahead: list[tuple[Arch, float]] = []
        self.archive = Archive()

    def prepare(self, count: int) -> None:
        """Sample what at least the next `count` calls of `ask` give, in one walk: the same as if each sampled its own.

        The policy stays as it is until an update, so all draws up to that are sampled together.
        """
        if count > len(self.ahead):
            missing = max(count, self.batch - len(self.waiting)) - len(self.ahead)
            archs, logp = self.controller.draw(missing, self.generator)
            self.ahead += zip(map(tuple, archs.tolist()), logp.tolist(), strict=True)

    def ask(self) -> Draw:
        """An architecture sampled from the policy."""
        self.prepare(1)
        action, logp = self.ahead.pop(0)
        arch = action
        if not self.space.valid(arch):
            chosen = one_hot(self.space.choices, action)
            arch = self.space.discretise(tuple(c + p for c, p in zip(chosen, self.distribution(), strict=True)))
        return Draw(arch, logp=torch.tensor(logp), action=action)

    def tell(self, draw: Draw, score: Score) -> None:
        """Gather a batch, then update the policy. A value that is not finite says nothing and is passed over."""
        value = float(score.value)
        self.archive.update(draw.arch, value)
        if not math.isfinite(value):
            return
        self.waiting.append((draw.action or draw.arch, value, 0.0 if draw.logp is None else float(draw.logp)))
        if len(self.waiting) >= self.batch:
            self._update()
            self.waiting, self.ahead = [], []

    def _update(self) -> None:
        archs = torch.tensor([arch for arch, _, _ in self.waiting])
        values = torch.tensor([value for _, value, _ in self.waiting])
        old = torch.tensor([logp for _, _, logp in self.waiting])
        advantage = self.advantage.of(values)
        for _ in range(self.passes if self.clip else 1):
            logp, entropy = self.controller.evaluate(archs)
            if self.clip:
                loss = ppo_clip(logp, old, advantage, entropy, self.clip, self.entropy)
            else:
                loss = reinforce(logp, advantage, 0.0, entropy, self.entropy)
            step_down(self.optimiser, loss)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; earlier versions sampled nothing ahead."""
        super().load_state_dict({"ahead": [], **state})

    def best(self) -> Arch:
        """The best seen, or the most probable."""
        return self.archive.get() if self.pick == "seen" else self.space.discretise(self.distribution())

    def distribution(self) -> Gates:
        """Probability of every option under the policy."""
        return self.controller.marginals()
