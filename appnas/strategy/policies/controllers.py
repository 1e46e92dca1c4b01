"""Policies over architectures: sample them, and give the log-probability and entropy of given ones.

A controller sees only choices, never a space or a reward.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        """What n draws of one would be, at once, with their log-probabilities. Shapes: [n, D] and [n]; no gradient."""

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


def _pick(logp: Tensor, noise: Tensor) -> Tensor:
    """What `torch.multinomial` draws with this exponential noise. Shapes: [..., K] and [..., K] -> [...]."""
    return (logp.exp() / noise).argmax(-1)


def _noise(generator: torch.Generator, times: int, *shape: int) -> list[Tensor]:
    """Exponential noise for so many draws, one after another: the generator gives it by the call, not by the number."""
    return [torch.empty(shape).exponential_(1, generator=generator) for _ in range(times)]


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
        logp = self._logp()
        archs = _pick(logp, torch.stack(_noise(generator, n, *logp.shape)))
        return archs, logp.gather(1, archs.T).sum(0)

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

    def _logp(self, h: Tensor, heads: Tensor, allowed: Tensor) -> Tensor:
        """Log-probabilities of one decision's options, or of all decisions'. Shapes: [n, (D,) H] -> [n, (D,) K]."""
        logits = torch.einsum("n...h,...kh->n...k", h, heads) / self.temperature
        logits = self.tanh * torch.tanh(logits) if self.tanh else logits
        return torch.log_softmax(logits.masked_fill(~allowed, float("-inf")), -1)

    @property
    def _weights(self) -> list[Tensor]:
        cell = self.cell
        return [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]

    @torch.no_grad()
    def _walk(self, noise: Sequence[Tensor], archs: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Take one decision after another, the last of them by the noise, those before as `archs` has them.

        Shapes:
            noise: [n, K] for every decision that is drawn. archs: [n, D].
            returns: [n, D], and log-probabilities [n, drawn, K].
        """
        known, n = len(self.allowed) - len(noise), len(noise[0] if noise else archs)  # type: ignore[arg-type]
        x, weights = self.start.expand(n, -1), self._weights
        h = c = torch.zeros(n, len(self.start))
        taken, logps = [], [torch.zeros(n, 0, self.allowed.shape[1])]
        for d, (heads, allowed, embedded) in enumerate(zip(self.heads, self.allowed, self.embed, strict=True)):
            h, c = torch.lstm_cell(x, (h, c), *weights)
            if d < known and archs is not None:
                taken.append(archs[:, d])
            else:
                logp = self._logp(h, heads, allowed)
                logps.append(logp[:, None])
                taken.append(_pick(logp, noise[d - known]))
            x = embedded[taken[-1]]
        return torch.stack(taken, 1), torch.cat(logps, 1)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw architectures. Shapes: returns [n, D]."""
        depth, width = self.allowed.shape
        return self._walk(_noise(generator, depth, n, width))[0]

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw architectures, with their log-probabilities, in one walk. Shapes: returns [n, D] and [n]."""
        depth, width = self.allowed.shape
        noise = torch.cat(_noise(generator, n * depth, 1, width)).view(n, depth, width)
        archs, logp = self._walk(noise.unbind(1))
        return archs, _chosen(logp, archs)

    @torch.no_grad()
    def complete(self, archs: Tensor, known: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw all decisions but the first `known`, given those.

        Shapes:
            archs: [n, D]. returns: architectures [n, D], log-probability and entropy of what was drawn, each [n].
        """
        depth, width = self.allowed.shape
        archs, logp = self._walk(_noise(generator, depth - known, len(archs), width), archs)
        return archs, _chosen(logp, archs[:, known:]), _entropy(logp).sum(1)

    def evaluate(self, archs: Tensor, known: int = 0) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy along the given architectures, of all decisions but the first `known`.

        All is known, so the whole sequence goes through the LSTM in one call.

        Shapes:
            archs: [n, D]. returns: [n] and [n].
        """
        n, depth = archs.shape
        before = self.embed[torch.arange(depth - 1), archs[:, :-1]]
        x = torch.cat([self.start.expand(n, 1, -1), before], 1)
        nothing = x.new_zeros(1, n, len(self.start))
        h = torch.lstm(x, [nothing, nothing], self._weights, True, 1, 0.0, True, False, True)[0][:, known:]
        logp = self._logp(h, self.heads[known:], self.allowed[known:])
        return _chosen(logp, archs[:, known:]), _entropy(logp).sum(1)

    @torch.no_grad()
    def marginals(self, n: int = 64) -> Gates:
        """Frequency of every option in n fresh samples: an autoregressive policy has no closed form."""
        archs = self.sample(n, torch.Generator().manual_seed(0))
        counts = torch.zeros(self.allowed.shape)
        counts.scatter_add_(1, archs.T, torch.ones(archs.T.shape))
        return _by_choice(self.choices, counts / n)


def _chosen(logp: Tensor, archs: Tensor) -> Tensor:
    """Log-probability of architectures. Shapes: [n, D, K] and [n, D] -> [n]."""
    return logp.gather(2, archs[..., None]).sum((1, 2))


def _by_choice(choices: tuple[Choice, ...], padded: Tensor) -> Gates:
    """Cut a padded matrix [D, K_max] into one matrix for each choice."""
    gates, start = [], 0
    for choice in choices:
        gates.append(padded[start : start + choice.count, : len(choice.options)].clone())
        start += choice.count
    return tuple(gates)
