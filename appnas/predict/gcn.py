"""Graph convolutions over an architecture's network, and a regression on them.

The nodes are the operations that the space's `graph` shows, between an input and an output (`appnas.space.op_graph`); a
node's feature is the sum of what its words are embedded as.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from appnas.compute import CPU, home, moved
from appnas.predict.predictor import Fitted, Target, descend, parts, shuffled, target
from appnas.predict.seen import view
from appnas.space import Arch, Space, offsets, vocabulary

Readout = Literal["mean", "nodes"]
"""What an embedding is: the mean of the network's nodes, or this and every decision side by side."""


def propagation(adjacency: Tensor, alive: Tensor, normalised: bool) -> Tensor:
    """What one convolution multiplies the nodes with, nodes that are not alive cut off.

    Plain: A^T + I, a node hears itself and what feeds it. Normalised: D^-1/2 (A + A^T + I) D^-1/2 (Kipf and Welling,
    arXiv 1609.02907).

    Shapes:
        adjacency: [N, N] or [B, N, N]. alive: [B, N], 0 or 1. returns: [B, N, N].
    """
    kept = adjacency * alive[:, :, None] * alive[:, None, :]
    eye = torch.eye(adjacency.shape[-1], device=adjacency.device)
    if not normalised:
        return kept.transpose(1, 2) + eye
    both = kept + kept.transpose(1, 2) + eye
    scale = both.sum(-1).rsqrt()
    return scale[:, :, None] * both * scale[:, None, :]


class Seen(NamedTuple):
    """What a `GCN` knows of architectures before any weight: found once, and indexed for every batch.

    Shapes:
        spread: [B, N, N], `propagation`. counts: [B, N, words], how often a node has a word. weights: [B, 1, N], of the
        mean over what is alive. places: [B, D], indices of all decisions.
    """

    spread: Tensor
    counts: Tensor
    weights: Tensor
    places: Tensor

    def at(self, rows: Tensor) -> Seen:
        """Those rows."""
        return Seen(*(part[rows] for part in self))


class GCN(nn.Module):
    """Residual graph convolutions, H <- H + relu(P (H W + b)), and a read-out.

    "nodes" sets what every decision is embedded as beside the mean: the decisions are places that all architectures
    share, the nodes of their networks are not.

    Args:
        space: whose architectures.
        seed: of the initial weights.
        width, layers: of the convolutions.
        readout: "mean" or "nodes".
        normalised: how P follows from what feeds what, see `propagation`.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        width: int = 128,
        layers: int = 4,
        readout: Readout = "mean",
        normalised: bool = False,
    ):
        super().__init__()
        self.view, self.normalised = view(space), normalised
        self.starts = torch.tensor(offsets(space.choices))
        self.size = width * (1 + len(self.starts)) if readout == "nodes" else width
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embed = nn.EmbeddingBag(self.view.count, width, mode="sum", padding_idx=0)
            self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
            self.places = nn.Embedding(vocabulary(space.choices), width) if readout == "nodes" else None

    def see(self, archs: Tensor) -> Seen:
        """What is known of architectures, where the weights are. Shapes: archs [B, D], int64, on the CPU."""
        adjacency, words, alive = self.view(archs)
        counts = torch.zeros(*alive.shape, self.view.count).scatter_add_(2, words, torch.ones(words.shape))
        counts[..., 0] = 0.0  # no word
        weights = (alive / alive.sum(1, keepdim=True))[:, None]
        found = Seen(propagation(adjacency, alive, self.normalised), counts, weights, archs + self.starts)
        return Seen(*(moved(part, home(self)) for part in found))

    def embedded(self, seen: Seen) -> Tensor:
        """Embeddings of what was seen, where the weights are. Shapes: returns [B, size].

        A node starts as the sum of what its words are embedded as, and the first layer is linear before it spreads: it
        is applied to the words, of which there are few, and summed over them likewise.
        """
        words, layers = self.embed.weight, cast("Sequence[nn.Linear]", self.layers)
        h: Tensor = seen.counts @ words
        for index, layer in enumerate(layers):
            wide = layer(h) if index else seen.counts @ (words @ layer.weight.T) + layer.bias
            h = h + (seen.spread @ wide).relu()
        mean: Tensor = (seen.weights @ h)[:, 0]
        return mean if self.places is None else torch.cat([mean, self.places(seen.places).flatten(1)], 1)

    def forward(self, archs: Tensor) -> Tensor:
        """Embeddings, where the weights are. Shapes: archs [B, D], int64, on the CPU; returns [B, size]."""
        return self.embedded(self.see(archs))


def as_tensor(archs: Sequence[Arch]) -> Tensor:
    """Architectures as one tensor. Shapes: returns [n, D], int64."""
    return torch.tensor([list(arch) for arch in archs])


class GCNRegressor(Fitted):
    """Graph convolutions with a linear head, fitted by squared error.

    How smooth the fit is lies in `width`, `layers`, `readout` and `epochs`: a small one with a mean read-out averages
    the errors of noisy values out, a large one learns them by heart.

    Args:
        space, seed, width, layers, readout, normalised: of the `GCN`.
        kind_of_target: what is fitted.
        epochs, batch, lr, weight_decay: of Adam.
    """

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        width: int = 64,
        layers: int = 3,
        readout: Readout = "mean",
        normalised: bool = True,
        kind_of_target: Target = "standard",
        epochs: int = 100,
        batch: int = 64,
        lr: float = 1e-3,
        weight_decay: float = 1e-4,
    ):
        self.sizes = (space, seed, width, layers, readout, normalised)
        self.seed, self.kind_of_target = seed, kind_of_target
        self.epochs, self.batch, self.lr, self.weight_decay = epochs, batch, lr, weight_decay

    def fit(self, archs: Sequence[Arch], values: Sequence[float]) -> None:
        """Fit anew."""
        goal, x = target(values, self.kind_of_target), as_tensor(archs)
        body = GCN(*self.sizes)
        with torch.random.fork_rng(devices=[]):  # the weights are overwritten
            head = nn.Linear(body.size, 1)
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, float(goal.mean()))
        self.fitted = net = nn.Sequential(body, head, nn.Flatten(0))
        batches = shuffled(len(x), self.epochs, self.batch, torch.Generator().manual_seed(self.seed))
        optimiser = torch.optim.Adam(net.parameters(), self.lr, weight_decay=self.weight_decay, fused=True)
        seen = body.see(x)
        descend(net, optimiser, batches, lambda i: mse_loss(head(body.embedded(seen.at(i))).flatten(), goal[i]))

    @torch.no_grad()
    def predict(self, archs: Sequence[Arch]) -> Tensor:
        """Predicted targets. Shapes: returns [n]."""
        predicted: Tensor = moved(torch.cat([self.net(part) for part in parts(as_tensor(archs))]), CPU)
        return predicted
