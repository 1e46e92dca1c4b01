"""Search inside a training loop that somebody else owns, such as a reinforcement-learning agent's.

The host trains a `SelfGated` supernet like any network, its logits among the weights. What is here goes around it: a
temperature that is saved with the network, an optimiser that keeps the logits in a group of their own, a strategy and
an evaluator that bring such a host under the search loop, one iteration of the host a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from appnas.agent.groups import Grouped
from appnas.space import Arch, Choice, Gates
from appnas.strategy import Draw, Score
from appnas.supernet import SelfGated, softmax
from appnas.support import Saved
from appnas.task import Host


class Tempered(nn.Module):
    """The relaxation softmax(alpha / tau), with its temperature in `state_dict`.

    Deviates: the code of RL-DARTS multiplies alpha by what it calls a temperature in the forward pass, and divides by
    it in the entropy that it logs. Here it divides, everywhere.
    """

    tau: Tensor

    def __init__(self, tau: float = 1.0):
        super().__init__()
        self.register_buffer("tau", torch.tensor(float(tau)))

    def set(self, tau: float) -> None:
        """Change the temperature: between a host's iterations, never within one.

        Raises:
            ValueError: not above 0.
        """
        if not tau > 0:
            raise ValueError(f"a temperature is above 0, got {tau}")
        self.tau.fill_(tau)

    def forward(self, alpha: Tensor) -> Tensor:
        """Shapes: [..., K] -> the same."""
        return softmax(alpha, self.tau)  # type: ignore[arg-type]


class ArchAdam(Grouped, torch.optim.Adam):
    """Adam with the architecture's logits in a group of their own: see `appnas.agent.groups`.

    Args:
        params: parameters; those marked `is_arch` make the last group, if there are any.
        lr, eps, weight_decay: of Adam. The default epsilon is that of Stable-Baselines3's actor-critics.
        scale: learning rate of the logits, in multiples of lr.
        more: further settings of Adam, for example betas.

    Raises:
        ValueError: a scale below 0, or logits of several supernets: two encoders of one agent, which need not agree.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 5e-4,
        eps: float = 1e-5,
        weight_decay: float = 0.0,
        scale: float = 1.0,
        **more: Any,
    ):
        super().__init__(params, scale=scale, lr=lr, eps=eps, weight_decay=weight_decay, **more)


def arch_entropy(gates: Gates) -> float:
    """Mean entropy of all decisions, nats, at most ln K: not to be mixed up with that of an agent's actions."""
    rows = torch.cat([-torch.special.xlogy(matrix, matrix).sum(-1).flatten() for matrix in gates])
    return float(rows.mean())


def masses(choices: tuple[Choice, ...], gates: Gates) -> dict[str, float]:
    """Mean probability of every option over the decisions that offer it."""
    found: dict[str, list[Tensor]] = {}
    for choice, matrix in zip(choices, gates, strict=True):
        for k, option in enumerate(choice.options):
            found.setdefault(option, []).append(matrix[..., k].flatten())
    return {option: float(torch.cat(parts).mean()) for option, parts in found.items()}


class Resident:
    """The strategy of logits that live in a host's network, and are trained there.

    Args:
        network: in the host.
        temperature: of every step.
    """

    def __init__(self, network: SelfGated, temperature: Callable[[int], float] = lambda step: 1.0):
        self.network, self.temperature, self.step = network, temperature, 0

    def ask(self) -> Draw:
        """The gates of the logits, at this step's temperature."""
        relax = self.network.relax
        if isinstance(relax, Tempered):
            relax.set(self.temperature(self.step))
        return Draw(self.network.arch(), self.distribution())

    def tell(self, draw: Draw, score: Score) -> None:
        """The host has trained the logits already."""
        self.step += 1

    def best(self) -> Arch:
        """What the logits point to."""
        return self.network.arch()

    def distribution(self) -> Gates:
        """Probability of every option."""
        return tuple(gates.clone() for gates in self.network.distribution())

    def state_dict(self) -> dict[str, Any]:
        """Logits, temperature and step; the weights are the host's."""
        named = {name: x.clone() for name, x in self._own().items()}
        return {"network": named, "step": self.step}

    def _own(self) -> dict[str, Tensor]:
        return {name: x for name, x in self.network.state_dict().items() if not name.startswith("supernet.")}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for name, x in self._own().items():
            x.copy_(state["network"][name])
        self.step = state["step"]


class Hosted(Saved):
    """The evaluator of a host: a score is one iteration of its own loop, which trains weights and logits.

    Args:
        host: an agent around a self-gated supernet.
        scales: step -> learning rates of weights and logits, in multiples of the host's.
    """

    saved = ("host", "step")

    def __init__(self, host: Host, scales: Callable[[int], tuple[float, float]]):
        self.host, self.scales, self.step = host, scales, 0

    def score(self, draw: Draw) -> Score:
        """One iteration of the host, and what it says of it."""
        for group, scale in zip(self.host.optimiser.param_groups, self.scales(self.step), strict=True):
            group["lr_scale"] = scale
        said: Mapping[str, float] = self.host.advance()
        self.step += 1
        metrics = {name: value for name, value in said.items() if name != "value"}
        if draw.gates is not None:
            metrics["arch_entropy"] = arch_entropy(draw.gates)
        return Score(torch.tensor(said["value"]), metrics)

    def learn(self, draw: Draw) -> None:
        """The host has learned already."""
