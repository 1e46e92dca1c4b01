"""Encoder, predictor and decoder of NAO (Luo et al., NeurIPS 2018, arXiv 1808.07233).

e_t = h_t / |h_t|, h = LSTM(tokens);   z = mean_t e_t / |mean_t e_t|;   f = sigmoid(w . MLP(z))
log P(x | e) = sum_t log softmax(...),  an LSTM from (z, z) that attends to e
loss = lam (f - s)^2 - (1 - lam) log P(x | e)
a better place: e_t + eta df/de_t, put back on the unit sphere, and decoded greedily
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, normalize

from appnas.compute import CPU, moved
from appnas.predict.predictor import Fitted, Target, descend, parts, shuffled, target
from appnas.space import Arch, Space, legal, offsets, one_hot, tokens, vocabulary

Direction = Literal["gradient", "random"]
"""Along the predictor's gradient, or, as a control, as far along a random direction."""


def equivalents(space: Space, arch: Arch) -> list[Arch]:
    """The architecture and those of the space that compute the same, if it has an `equivalents` that says which."""
    own = getattr(space, "equivalents", None)
    return list(dict.fromkeys([arch, *(filter(space.valid, own(arch)) if own else ())]))


class Network(nn.Module):
    """The three parts over token sequences; token 0 starts a sequence.

    Args:
        words: size of the vocabulary.
        hidden, embedding: widths of the LSTMs and of a token.
        mlp: widths of the predictor's hidden layers.
        dropout: in them.
    """

    def __init__(self, words: int, hidden: int, embedding: int, mlp: Sequence[int], dropout: float):
        super().__init__()
        self.embed = nn.Embedding(words, embedding)
        self.encoder = nn.LSTM(embedding, hidden, batch_first=True)
        self.decoder = nn.LSTM(embedding, hidden, batch_first=True)
        self.out = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.Tanh(), nn.Linear(hidden, words))
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise([hidden, *mlp]):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.value = nn.Sequential(*layers, nn.Linear([hidden, *mlp][-1], 1), nn.Sigmoid(), nn.Flatten(0))

    def encode(self, words: Tensor) -> Tensor:
        """Shapes: [B, T] tokens -> [B, T, H] unit vectors."""
        return normalize(self.encoder(self.embed(words))[0], dim=-1)

    def predict(self, e: Tensor) -> Tensor:
        """Shapes: [B, T, H] -> [B] in 0..1."""
        value: Tensor = self.value(normalize(e.mean(1), dim=-1))
        return value

    def start(self, e: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's state before the first token. Shapes: each [1, B, H]."""
        z = normalize(e.mean(1), dim=-1)[None]
        return z, z

    def decode(self, e: Tensor, before: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Scores of the tokens that follow the given ones.

        Shapes:
            e: [B, T, H]. before: [B, S] tokens. returns: [B, S, words], and the state after them.
        """
        h, state = self.decoder(self.embed(before), state)
        attention = (h @ e.transpose(1, 2)).softmax(-1)
        return self.out(torch.cat([h, attention @ e], -1)), state


class AutoEncoder(Fitted):
    """NAO's three networks as a latent predictor.

    Args:
        space: its decisions are the tokens; `equivalents` of an architecture, if the space has them, are fitted too.
        seed: of weights and batches.
        hidden, embedding, mlp, dropout: of the `Network`.
        lam: weight of the predictor's loss against the decoder's.
        kind_of_target: "minmax", the authors', or "rank". It stays within 0..1, as the predictor does.
        epochs, batch, lr, weight_decay, clip: of Adam.
    """

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        hidden: int = 96,
        embedding: int = 32,
        mlp: Sequence[int] = (),
        dropout: float = 0.1,
        lam: float = 0.8,
        kind_of_target: Target = "minmax",
        epochs: int = 1000,
        batch: int = 100,
        lr: float = 1e-3,
        weight_decay: float = 1e-4,
        clip: float = 5.0,
    ):
        self.space, self.seed = space, seed
        self.sizes = (vocabulary(space.choices), hidden, embedding, mlp, dropout)
        self.lam, self.kind_of_target = lam, kind_of_target
        self.epochs, self.batch, self.lr, self.weight_decay, self.clip = epochs, batch, lr, weight_decay, clip
        starts = offsets(space.choices)
        self.starts = torch.tensor(starts)
        self.forbidden = torch.ones(len(starts), vocabulary(space.choices), dtype=torch.bool)
        for row, start, indices in zip(self.forbidden, starts, legal(space), strict=True):
            row[[start + index for index in indices]] = False

    def _words(self, archs: Sequence[Arch]) -> Tensor:
        return torch.tensor([tokens(self.space.choices, arch) for arch in archs])

    def fit(self, archs: Sequence[Arch], values: Sequence[float]) -> None:
        """Fit anew, every architecture's equivalents with its target."""
        goals = target(values, self.kind_of_target)
        pairs = [
            (same, goal) for arch, goal in zip(archs, goals, strict=True) for same in equivalents(self.space, arch)
        ]
        x, s = self._words([arch for arch, _ in pairs]), torch.stack([goal for _, goal in pairs])
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        with torch.random.fork_rng(devices=[]):  # dropout draws from the global generator
            torch.manual_seed(self.seed)
            self.fitted = net = Network(*self.sizes)

            def loss(i: Tensor) -> Tensor:
                e = net.encode(x[i])
                logits, _ = net.decode(e, before[i], net.start(e))
                logits = logits.masked_fill(self.forbidden, float("-inf"))
                nll = -logits.log_softmax(-1).gather(-1, x[i][..., None]).mean()
                return self.lam * mse_loss(net.predict(e), s[i]) + (1 - self.lam) * nll

            batches = shuffled(len(x), self.epochs, self.batch, torch.Generator().manual_seed(self.seed))
            optimiser = torch.optim.Adam(net.parameters(), self.lr, weight_decay=self.weight_decay)
            descend(net, optimiser, batches, loss, self.clip)

    @torch.no_grad()
    def predict(self, archs: Sequence[Arch]) -> Tensor:
        """f, in 0..1. Shapes: returns [n]."""
        values = [self.net.predict(self.net.encode(self._there(part))) for part in parts(self._words(archs))]
        return moved(torch.cat(values), CPU)  # type: ignore[no-any-return]

    @torch.no_grad()
    def embed(self, archs: Sequence[Arch]) -> Tensor:
        """Shapes: returns [n, D, H], unit vectors."""
        places: Tensor = moved(self.net.encode(self._there(self._words(archs))), CPU)
        return places

    def step(self, places: Tensor, eta: float, direction: Direction = "gradient", seed: int = 0) -> Tensor:
        """Places `eta` df/de further, back on the unit sphere. Shapes: [n, D, H] -> [n, D, H]."""
        e = places.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.net.predict(self._there(e)).sum(), e)
        if direction == "random":
            noise = torch.randn(slope.shape, generator=torch.Generator().manual_seed(seed))
            slope = normalize(noise, dim=-1) * slope.norm(dim=-1, keepdim=True)
        return normalize(places + eta * slope, dim=-1)

    @torch.no_grad()
    def decode(self, places: Tensor) -> list[Arch]:
        """The likeliest legal option of every decision in turn; what breaks a rule of the space is discretised.

        Shapes:
            places: [n, D, H].
        """
        places = self._there(places)
        state = self.net.start(places)
        word = torch.zeros(len(places), 1, dtype=torch.long, device=places.device)
        chosen, likely = [], []
        for position, forbidden in enumerate(self._there(self.forbidden)):
            logits, state = self.net.decode(places, word, state)
            logp = logits[:, 0].masked_fill(forbidden, float("-inf")).log_softmax(-1)
            word = logp.argmax(-1, keepdim=True)
            chosen.append(word[:, 0] - self.starts[position])
            likely.append(moved(logp.exp(), CPU))
        archs = [tuple(row) for row in torch.stack(chosen, 1).tolist()]
        return [arch if self.space.valid(arch) else self._mend(arch, [p[i] for p in likely])
                for i, arch in enumerate(archs)]  # fmt: skip

    def _mend(self, arch: Arch, likely: list[Tensor]) -> Arch:
        """The decoded options come first, the likelier ones before the others."""
        choices = self.space.choices
        gates, position = [], 0
        for chosen in one_hot(choices, arch):
            count, width = chosen.shape
            rows = [likely[d][self.starts[d] : self.starts[d] + width] for d in range(position, position + count)]
            gates.append(chosen + torch.stack(rows))
            position += count
        return self.space.discretise(tuple(gates))
