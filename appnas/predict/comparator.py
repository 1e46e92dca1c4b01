"""The neural architecture comparator: which of two architectures is better (Chen et al., CVPR 2021, arXiv 2103.05471).

    Pr[a >= b] = sigmoid(v1 . f(a) + v2 . f(b)),   f a graph convolution shared by both

This official form is additive and only loosely antisymmetric: it may call both of two architectures the better one. The
antisymmetric form sigmoid(v . (f(a) - f(b))) cannot, and is a total order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from appnas.compute import CPU, home, moved
from appnas.predict.gcn import GCN, Readout, Seen, as_tensor
from appnas.predict.predictor import Fitted, descend, parts
from appnas.space import Arch, Space

Form = Literal["concat", "antisymmetric"]


class Pairs(NamedTuple):
    """Pairs of architectures and which is better.

    Shapes:
        first, second: [P, D], int64. label: [P], 1 where the first is better, else 0.
    """

    first: Tensor
    second: Tensor
    label: Tensor

    def both_orders(self) -> Pairs:
        """Every pair as it is, and turned round."""
        first, second = torch.cat([self.first, self.second]), torch.cat([self.second, self.first])
        return Pairs(first, second, torch.cat([self.label, 1 - self.label]))


class Indexed(NamedTuple):
    """Pairs whose architectures are written down once: few architectures make very many pairs.

    Shapes:
        archs: [U, D], int64. places: [P, 2], of the first and the second. label: [P].
    """

    archs: Tensor
    places: Tensor
    label: Tensor


def indexed(pairs: Pairs) -> Indexed:
    """The same pairs, by the places of their architectures."""
    archs, places = torch.cat(pairs[:2]).unique(dim=0, return_inverse=True)  # type: ignore[no-untyped-call]
    return Indexed(archs, places.view(2, -1).T, pairs.label)


def all_pairs(archs: Sequence[Arch], values: Sequence[float]) -> Pairs:
    """The m (m - 1) / 2 pairs of m labelled architectures, without ties.

    Raises:
        ValueError: no two values differ.
    """
    x, y = as_tensor(archs), torch.tensor(values, dtype=torch.float64)
    i, j = torch.triu_indices(len(x), len(x), 1)
    differ = y[i] != y[j]
    if not differ.any():
        raise ValueError(f"a comparator learns from values that differ, got {len(y)} architectures of value {y[0]:.6g}")
    i, j = i[differ], j[differ]
    return Pairs(x[i], x[j], (y[i] > y[j]).float())


def confident(p_forth: Tensor, p_back: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The pairs that a comparator is surest of, asked in both orders, and its verdicts.

    p = (p(a, b) + 1 - p(b, a)) / 2, confidence max(p, 1 - p), label 1{p > 1/2}.

    Shapes:
        p_forth, p_back: [P]. returns: indices [min(count, P)], the surest first, and labels of them.
    """
    p = (p_forth + 1 - p_back) / 2
    chosen = p.maximum(1 - p).topk(min(count, len(p))).indices
    return chosen, (p[chosen] > 0.5).float()


def borda(wins: Tensor) -> Tensor:
    """Mean probability to be better than the others: s_i = sum_{j != i} Pr[i >= j] / (n - 1). Shapes: [n, n] -> [n]."""
    return (wins.sum(1) - wins.diagonal()) / max(len(wins) - 1, 1)


class Network(nn.Module):
    """A graph convolution and the weights of the last layer.

    Args:
        body: the graph convolution.
        form: "concat" has weights of its own for the second architecture.
        generator: source of the initial weights.
    """

    def __init__(self, body: GCN, form: Form, generator: torch.Generator):
        super().__init__()
        self.body = body
        bound = body.size**-0.5
        self.first = nn.Parameter(bound * (2 * torch.rand(body.size, generator=generator) - 1))
        self.second = (
            nn.Parameter(bound * (2 * torch.rand(body.size, generator=generator) - 1)) if form == "concat" else None
        )

    def logits(self, a: Tensor, b: Tensor) -> Tensor:
        """Of Pr[a >= b]. Shapes: embeddings [B, size]; returns [B]."""
        return (a - b) @ self.first if self.second is None else a @ self.first + b @ self.second

    def parts(self, f: Tensor) -> tuple[Tensor, Tensor]:
        """What an architecture adds to the logits as the first and as the second. Shapes: [B, size] -> [B] and [B]."""
        first = f @ self.first
        return first, -first if self.second is None else f @ self.second

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Of Pr[first >= second]. Shapes: architectures [B, D], on the CPU; returns [B]."""
        return self.logits(*self.body(torch.cat([first, second])).chunk(2))

    def paired(self, seen: Seen, places: Tensor) -> Tensor:
        """The same of pairs of architectures that were seen, each embedded once. Shapes: places [P, 2]; returns [P]."""
        rows, pairs = places.unique(return_inverse=True)  # type: ignore[no-untyped-call]
        first, second = self.parts(self.body.embedded(seen.at(moved(rows, home(self)))))
        one, other = moved(pairs, first.device).unbind(1)
        return first[one] + second[other]


class Comparator(Fitted):
    """The comparator as a predictor.

    Args:
        space, seed, width, layers, readout: of the `GCN`; position-blind with the official mean read-out.
        form: "concat", the official one, or "antisymmetric".
        epochs: an epoch draws as many pairs as there are labelled architectures, out of all pairs.
        batch: pairs a step.
        lr, betas, weight_decay: of Adam.

    Deviates: pairs are drawn from all, in both orders; the official code permutes every batch of
        architectures. The constant of the concatenation's layer is left out: with both orders it would learn to be 0.
    """

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        width: int = 128,
        layers: int = 4,
        readout: Readout = "mean",
        form: Form = "concat",
        epochs: int = 1000,
        batch: int = 256,
        lr: float = 2e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        weight_decay: float = 5e-4,
    ):
        self.sizes = (space, seed, width, layers, readout)
        self.form, self.epochs, self.batch = form, epochs, batch
        self.adam: dict[str, Any] = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        self.generator = torch.Generator().manual_seed(seed)
        self.seed = seed

    def fit(self, archs: Sequence[Arch], values: Sequence[float]) -> None:
        """Fit anew to all pairs of labelled architectures."""
        self.generator.manual_seed(self.seed)
        self.size, self.labelled = len(archs), indexed(all_pairs(archs, values).both_orders())
        self.fitted = Network(GCN(*self.sizes), self.form, self.generator)
        self.optimiser = torch.optim.Adam(self.fitted.parameters(), fused=True, **self.adam)
        self.learn(epochs=self.epochs)

    def learn(self, pseudo: Pairs | None = None, ratio: float = 1.0, epochs: int = 1) -> None:
        """Some epochs on the labelled pairs, with `ratio` pseudo-labelled ones to each of them in every batch."""
        net, count = self.net, min(self.batch, self.size)
        draws = [(self.labelled, count)] + ([(indexed(pseudo.both_orders()), round(ratio * count))] if pseudo else [])
        seen = net.body.see(torch.cat([pairs.archs for pairs, _ in draws]))
        starts = [0, len(self.labelled.archs)]

        def batch() -> tuple[Tensor, Tensor]:
            places, labels = [], []
            for (pairs, n), start in zip(draws, starts, strict=False):
                i = torch.randint(len(pairs.label), (n,), generator=self.generator)
                places.append(pairs.places[i] + start)
                labels.append(pairs.label[i])
            return torch.cat(places), torch.cat(labels)

        def loss(drawn: tuple[Tensor, Tensor]) -> Tensor:
            return binary_cross_entropy_with_logits(net.paired(seen, drawn[0]), self._there(drawn[1]))

        steps = epochs * -(-self.size // self.batch)
        descend(net, self.optimiser, (batch() for _ in range(steps)), loss)

    @torch.no_grad()
    def compare(self, first: Sequence[Arch], second: Sequence[Arch]) -> Tensor:
        """Pr[first >= second], pair by pair. Shapes: returns [n]."""
        probabilities = self.net(as_tensor(first), as_tensor(second))
        return moved(probabilities.sigmoid(), CPU)  # type: ignore[no-any-return]

    @torch.no_grad()
    def wins(self, archs: Sequence[Arch]) -> Tensor:
        """Pr[i >= j] of all pairs, for `borda`. Shapes: returns [n, n]."""
        first, second = self.net.parts(self.net.body(as_tensor(archs)))
        logits: Tensor = first[:, None] + second
        return moved(logits.sigmoid(), CPU)  # type: ignore[no-any-return]

    @torch.no_grad()
    def predict(self, archs: Sequence[Arch]) -> Tensor:
        """The total order behind the comparisons, (logit(a, b) - logit(b, a)) / 2 = s(a) - s(b): s. Shapes: [n]."""
        scores = []
        for part in parts(as_tensor(archs)):
            first, second = self.net.parts(self.net.body(part))
            scores.append((first - second) / 2)
        return moved(torch.cat(scores), CPU)  # type: ignore[no-any-return]
