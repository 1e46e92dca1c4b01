"""A language model around a recurrent cell: tied embedding, variational dropouts (Merity et al., arXiv 1708.02182)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from appnas.compute import derived
from appnas.space import IO, Gates
from appnas.spaces.text.highway import SCALE, Highway, weight


def kept(shape: Sequence[int], drop: float, like: Tensor) -> Tensor:
    """A dropout mask: 0 with probability `drop`, else 1 / (1 - drop)."""
    return torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(1 - drop).div_(1 - drop)


class LanguageModel(nn.Module):
    """Embedding, cell, decoder with the embedding's weights.

    In training mode five dropouts, every mask drawn once a sequence (all named in the space's fields): whole words,
    the embedding, the cell's input, its states, its output.

    Args:
        io: inputs (length,), outputs (length, tokens).
        width: units of the embedding and of the cell.
        cell: the recurrent cell.
        drops: probabilities of the dropouts: word, embedding, input, state, output.
        rows: the gates of the space -> those of every node, see `Highway`.
        scale: largest number of the embedding at the start.

    Raises:
        ValueError: other inputs or outputs.
    """

    def __init__(
        self,
        io: IO,
        width: int,
        cell: Highway,
        drops: tuple[float, float, float, float, float],
        rows: Callable[[Gates], Sequence[Tensor]],
        scale: float = SCALE,
    ):
        super().__init__()
        if len(io.inputs) != 1 or len(io.outputs) != 2:
            raise ValueError(
                "recurrent cells read sequences of tokens: inputs (length,) and outputs (length, tokens), got"
                f" {io.inputs} and {io.outputs}"
            )
        self.embedding = weight(io.outputs[1], width, scale)
        self.cell = cell
        self.bias = nn.Parameter(torch.zeros(io.outputs[1]))
        self.drops, self.rows = drops, rows

    def step(self, token: Tensor, state: Tensor) -> Any:
        """One moment. Shapes: [B, 1], [B, D] -> [B, 1, V], [B, D], [B, 1, D]."""
        return self(token, state)

    def forward(self, tokens: Tensor, hidden: Tensor | None = None, gates: Gates | None = None) -> Any:
        """Scores of the next token at every position; with a hidden state also the one after them, and all outputs.

        Shapes:
            tokens: [B, T], integers. hidden: [B, D], or [B, 0] for the start of a text. gates: the space's.
            returns: [B, T, V]; with a hidden state ([B, T, V], [B, D], [B, T, D]).
        """
        batch, width = tokens.shape[0], self.embedding.shape[1]  # len() would fix the batch size in an export
        word, embedded, entering, state, output = self.drops if self.training else (0.0,) * 5
        table = self.embedding * kept((len(self.embedding), 1), word, self.embedding) if word else self.embedding
        x = functional.embedding(tokens.t(), table)
        for drop in (embedded, entering):
            if drop:
                x = x * kept((batch, width), drop, x)
        mask = kept((batch, width), state, x) if state else None
        start = x.new_zeros(batch, width) if hidden is None or hidden.shape[1] == 0 else hidden
        outputs = self.cell(x, start, None if gates is None else derived(self.rows, gates), mask)
        y = outputs * kept((batch, width), output, x) if output else outputs
        scores = functional.linear(y, self.embedding, self.bias).transpose(0, 1)
        return scores if hidden is None else (scores, outputs[-1], outputs.transpose(0, 1))

    def one_moment(self, tokens: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The inputs of the first call of `step` in `by_moment`."""
        start = self.embedding.new_zeros(tokens.shape[0], self.embedding.shape[1])
        return tokens[:, :1], start if hidden is None or hidden.shape[1] == 0 else hidden

    def by_moment(self, tokens, hidden=None):  # type: ignore[no-untyped-def]
        """As the network's `forward` by one `step` after another; dropout masks are drawn for every step, then."""
        state, scores, outputs = hidden, [], []
        if hidden is None or hidden.shape[1] == 0:
            state = self.embedding.new_zeros(tokens.shape[0], self.embedding.shape[1])
        for token in tokens.split(1, 1):
            score, state, output = self.step(token, state)
            scores.append(score)
            outputs.append(output)
        y = torch.cat(scores, 1)
        return y if hidden is None else (y, state, torch.cat(outputs, 1))
