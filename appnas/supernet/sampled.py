"""A supernet that owns its logits and runs a sample of its options: for hosts that own their loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from appnas.compute import CPU, moved
from appnas.space import Gates, Space
from appnas.supernet.relaxations import gumbel_noise, sampled_paths
from appnas.supernet.supernet import SelfGated, relaxed


class SelfSampled(SelfGated):
    """A `SelfGated` supernet under sampled gates (`appnas.supernet.sampled_paths`): the rest of it costs nothing.

    A sample is Gumbel noise and the options that win with it, which stay the same while the logits move. Both are kept,
    with the state of their generator, in buffers: copied, saved and loaded with the module, so that a resumed training
    has the same sample, and draws the same next ones. `distribution` and `arch` are those of the logits, without noise.

    How long a sample holds is said by `held`. True, for on-policy agents: from one rollout to the next, the gradient
    steps between included, so that PPO's ratio begins at 1. A rollout begins where the module is put into evaluation
    after it was in training (Stable-Baselines3 does that). False, for off-policy agents: every pass draws anew, those
    of a target network too, as with noisy networks; if `rests`, none in evaluation, which goes by the last sample of
    the training and leaves the next ones as they are, whoever evaluates. So evaluation is by a sample as well: to act
    by what was found, build it.

    Args:
        space, supernet: as for `SelfGated`.
        relax: logits with noise -> soft gates, at a temperature.
        generator: of the noise; its state is copied.
        paths: draws whose mean the gates are; at most so many options of a decision run.
        held: see above; an attribute, for whoever knows the host, as `rests` is, by default False.

    Raises:
        ValueError: no path.
    """

    random: Tensor
    due: Tensor
    rests = False

    def __init__(
        self,
        space: Space,
        supernet: nn.Module,
        relax: Callable[[Tensor], Tensor],
        generator: torch.Generator,
        paths: int = 1,
        held: bool = True,
    ):
        if paths < 1:
            raise ValueError(f"at least one path is sampled, got paths={paths}")
        super().__init__(space, supernet, relax)
        self.held = held
        self.register_buffer("random", generator.get_state())
        self.register_buffer("due", torch.tensor(True))
        for i, logits in enumerate(self.alpha):
            self.register_buffer(f"noise_{i}", torch.zeros(paths, *logits.shape))
            self.register_buffer(f"paths_{i}", torch.zeros(paths, len(logits), 1, dtype=torch.long))
        self.draw()

    @torch.no_grad()
    def draw(self) -> None:
        """Take another sample."""
        generator = torch.Generator()
        generator.set_state(moved(self.random, CPU))
        for (noise, paths), logits in zip(self._sample(), self._logits(), strict=True):
            noise.copy_(gumbel_noise(torch.empty(noise.shape, dtype=noise.dtype), generator))
            paths.copy_((logits + noise).argmax(-1, keepdim=True))
        self.random.copy_(generator.get_state())

    def train(self, mode: bool = True) -> SelfSampled:
        """Training or evaluation; a held sample ends where evaluation begins after training."""
        super().train(mode)
        if mode:
            self.due.fill_(True)
        elif self.due:
            self.due.fill_(False)
            if self.held:
                self.draw()
        return self

    def gates(self) -> Gates:
        """The gates of the sample; excluded options are exactly 0."""
        both = zip(self._logits(), self._sample(), strict=True)
        return tuple(sampled_paths(self.relax(logits + noise), paths) for logits, (noise, paths) in both)

    def _logits(self) -> Gates:
        """The logits, -inf where the mask excludes an option."""
        return relaxed(tuple(self.alpha), lambda alpha: alpha, self.space.mask)

    def _sample(self) -> list[tuple[Tensor, Tensor]]:
        """Noise and winners of every choice. Shapes: [paths, count, K] and [paths, count, 1]."""
        return [(getattr(self, f"noise_{i}"), getattr(self, f"paths_{i}")) for i in range(len(self.alpha))]

    def distribution(self) -> Gates:
        """Probability of every option, on the CPU, without a gradient."""
        gates = relaxed(tuple(self.alpha), self.relax, self.space.mask)
        return tuple(moved(matrix.detach(), CPU) for matrix in gates)

    def forward(self, *inputs: Tensor) -> Any:
        """The supernet's output under a sample."""
        if not self.held and (self.training or not self.rests):
            self.draw()
        return super().forward(*inputs)
