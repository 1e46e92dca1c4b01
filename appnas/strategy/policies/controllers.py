"""Policies over architectures: sample them, and give the log-probability and entropy of given ones.

A controller sees only choices, never a space or a reward.
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from appnas.space import Choice, Gates, Mask, decisions

Kind = Literal["independent", "lstm"]


class Controller(Protocol):
    """A distribution over architectures with parameters."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw architectures. Shapes: returns [n, D], int64."""

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw the same architectures, with their log-probabilities. Shapes: returns [n, D] and [n]; no gradient."""

    def evaluate(self, archs: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy. Shapes: archs [n, D]; returns [n] and [n]."""

    def marginals(self) -> Gates:
        """Probability of every option, one matrix [count, K] for each choice."""


def controller(
    kind: Kind, choices: tuple[Choice, ...], generator: torch.Generator, mask: Mask | None, hidden: int
) -> Independent | LSTM:
    """A policy by name; `hidden` is the width of an LSTM."""
    return Independent(choices, generator, mask) if kind == "independent" else LSTM(choices, generator, mask, hidden)


def option_mask(choices: tuple[Choice, ...], mask: Mask | None) -> Tensor:
    """Which options exist and are allowed, padded to the widest decision.

    Shapes:
        returns: [D, K_max], bool.
    """
    options = decisions(choices)
    allowed = torch.zeros(len(options), max(map(len, options)), dtype=torch.bool)
    for row, names in enumerate(options):
        allowed[row, : len(names)] = True
    if mask is not None:
        for row, narrow in enumerate(row for matrix in mask for row in matrix):
            allowed[row, : len(narrow)] &= narrow
    return allowed


def _entropy(logp: Tensor) -> Tensor:
    """Entropy of log-probabilities [..., K] that may be -inf."""
    return -(logp.exp() * logp.clamp_min(torch.finfo(logp.dtype).min)).sum(-1)


def _draw(logp: Tensor, generator: torch.Generator) -> Tensor:
    return torch.multinomial(logp.exp(), 1, generator=generator).squeeze(-1)


class Independent(nn.Module):
    """One softmax a decision: log pi(a) = sum_d log softmax(theta_d)[a_d].

    Args:
        choices: the decisions.
        mask: allowed options; None for all.
        scale: standard deviation of the initial logits.
        generator: source of the initial logits.
    """

    allowed: Tensor

    def __init__(
        self, choices: tuple[Choice, ...], generator: torch.Generator, mask: Mask | None = None, scale: float = 1e-3
    ):
        super().__init__()
        self.choices = choices
        self.register_buffer("allowed", option_mask(choices, mask), persistent=False)
        self.logits = nn.Parameter(scale * torch.randn(self.allowed.shape, generator=generator))

    def _logp(self) -> Tensor:
        return torch.log_softmax(self.logits.masked_fill(~self.allowed, float("-inf")), -1)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw architectures. Shapes: returns [n, D]."""
        return torch.multinomial(self._logp().exp(), n, replacement=True, generator=generator).T

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw architectures, with their log-probabilities. Shapes: returns [n, D] and [n]."""
        archs = self.sample(n, generator)
        return archs, self._logp().gather(1, archs.T).sum(0)

    def evaluate(self, archs: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy. Shapes: archs [n, D]; returns [n] and [n]."""
        logp = self._logp()
        chosen = logp.gather(1, archs.T).sum(0)
        return chosen, _entropy(logp).sum().expand(len(archs))

    @torch.no_grad()
    def marginals(self) -> Gates:
        """Probability of every option."""
        return _by_choice(self.choices, self._logp().exp())


class LSTM(nn.Module):
    """An autoregressive policy: every decision is conditioned on the earlier ones (Zoph and Le, arXiv 1611.01578).

    Args:
        choices: the decisions.
        generator: source of the initial weights, uniform in +-0.1 (Pham et al., arXiv 1802.03268, ENAS).
        mask: allowed options; None for all.
        hidden: LSTM width.
        temperature: divides the logits.
        tanh: if above 0, logits become tanh * tanh(logits / temperature) (ENAS: temperature 5, tanh 2.5).
    """

    allowed: Tensor

    def __init__(
        self,
        choices: tuple[Choice, ...],
        generator: torch.Generator,
        mask: Mask | None = None,
        hidden: int = 64,
        temperature: float = 1.0,
        tanh: float = 0.0,
    ):
        super().__init__()
        self.choices, self.temperature, self.tanh = choices, temperature, tanh
        self.register_buffer("allowed", option_mask(choices, mask), persistent=False)
        depth, width = self.allowed.shape
        self.start = nn.Parameter(torch.empty(hidden))
        self.embed = nn.Parameter(torch.empty(depth, width, hidden))
        # skip_init: all weights are drawn below, and the global generator is left alone
        self.cell: nn.LSTMCell = nn.utils.skip_init(nn.LSTMCell, hidden, hidden)  # type: ignore[no-untyped-call]
        self.heads = nn.Parameter(torch.empty(depth, width, hidden))
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.rand(parameter.shape, generator=generator) * 0.2 - 0.1)

    def _walk(
        self, n: int, archs: Tensor | None, generator: torch.Generator | None, known: int = 0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Actions, and the log-probability and entropy of all but the first `known`, which are taken from `archs`."""
        x, state = self.start.expand(n, -1), None
        taken, logps, entropies = [], [], []
        for d in range(len(self.allowed)):
            state = self.cell(x, state)
            if d < known and archs is not None:
                taken.append(archs[:, d])
                x = self.embed[d][archs[:, d]]
                continue
            logits = state[0] @ self.heads[d].T / self.temperature
            logits = self.tanh * torch.tanh(logits) if self.tanh else logits
            logp = torch.log_softmax(logits.masked_fill(~self.allowed[d], float("-inf")), -1)
            action = _draw(logp, generator) if generator else archs[:, d]  # type: ignore[index]
            taken.append(action)
            logps.append(logp.gather(1, action[:, None]).squeeze(1))
            entropies.append(_entropy(logp))
            x = self.embed[d][action]
        return torch.stack(taken, 1), torch.stack(logps, 1).sum(1), torch.stack(entropies, 1).sum(1)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw architectures. Shapes: returns [n, D]."""
        return self.draw(n, generator)[0]

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw architectures, with their log-probabilities, in one walk. Shapes: returns [n, D] and [n]."""
        return self._walk(n, None, generator)[:2]

    @torch.no_grad()
    def complete(self, archs: Tensor, known: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw all decisions but the first `known`, given those.

        Shapes:
            archs: [n, D]. returns: architectures [n, D], log-probability and entropy of what was drawn, each [n].
        """
        return self._walk(len(archs), archs, generator, known)

    def evaluate(self, archs: Tensor, known: int = 0) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy along the given architectures, of all decisions but the first `known`.

        Shapes:
            archs: [n, D]. returns: [n] and [n].
        """
        return self._walk(len(archs), archs, None, known)[1:]

    @torch.no_grad()
    def marginals(self, n: int = 64) -> Gates:
        """Frequency of every option in n fresh samples: an autoregressive policy has no closed form."""
        archs = self.sample(n, torch.Generator().manual_seed(0))
        counts = torch.zeros(self.allowed.shape)
        counts.scatter_add_(1, archs.T, torch.ones(archs.T.shape))
        return _by_choice(self.choices, counts / n)


def _by_choice(choices: tuple[Choice, ...], padded: Tensor) -> Gates:
    """Cut a padded matrix [D, K_max] into one matrix for each choice."""
    gates, start = [], 0
    for choice in choices:
        gates.append(padded[start : start + choice.count, : len(choice.options)].clone())
        start += choice.count
    return tuple(gates)
