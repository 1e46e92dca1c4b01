"""Settings of tasks on graphs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from appnas.support import checked
from appnas.task import Recipe

RECIPE = Recipe("adam", lr=0.01, lr_min=0.01, weight_decay=5e-4, clip=0.0)
"""Adam at a constant rate, GCN's; at GAT's and GraphNAS's of 0.005, 200 epochs end before networks have converged."""


@dataclass(frozen=True)
@checked(split=0, batch=1, parts=1, read=0, every=1, patience=0, epochs=1, smoothing=0, embedding=1)
class Options:
    """Splits, batches and training on graphs."""

    split: int = 0
    """Which split, for data whose masks hold several."""
    train: float = 0.6
    """Share of training examples where the data has no masks."""
    valid: float = 0.2
    """Share of validation examples where the data has no masks; the rest is held out."""
    normalise: bool = False
    """Divide the features of a node by the sum of their absolute values, as is usual for bags of words. Their scale is
    lost: a single feature becomes 1 or -1."""
    undirected: bool = False
    """Add the missing opposite of every edge."""
    edge_attr: bool = True
    """Use features of edges: edge_attr [E, D], or [E] beside edge_weight. The space graphnet has a place for them."""
    features: Literal["given", "degree", "constant", "embedding"] = "given"
    """What nodes without x get: their degrees, the same for all, or a vector each that is learnt (of one graph)."""
    embedding: int = 64
    """Width of vectors that are learnt."""
    standardise: bool = True
    """Predict numbers at zero mean and unit deviation, where the loss is torch's for differences: networks then give
    standardised numbers. Metrics are in the unit of y."""
    smoothing: float = 0.0
    """Label smoothing in training, of cross entropy."""
    batch: int = 32
    """Graphs a batch, for several graphs; nodes a batch, for sampled neighbours."""
    loader: Literal["full", "parts", "neighbours"] = "full"
    """One graph at once, in random parts, or by sampled neighbours (needs the package pyg-lib or torch-sparse)."""
    parts: int = 4
    """Number of parts of a graph, for loader "parts"."""
    read: int = 0
    """How many of them an epoch reads, others every time; 0 for all. Few make short epochs, after which methods that
    train candidates for different lengths (hyperband) can stop."""
    fanout: tuple[int, ...] = (10, 10)
    """Neighbours sampled of every node, one number a layer, for loader "neighbours"."""
    keep: Literal["best", "last"] = "best"
    """Weights of the epoch with the least validation loss, the protocol of the citation graphs: then validation data
    never train, not even after the search. Or those of the last epoch, after the search trained on both."""
    every: int = 1
    """Epochs between two measurements of the validation loss, for keep "best"; the last epoch's is measured, too."""
    patience: int = 0
    """Epochs without a smaller validation loss that end a training, for keep "best"; 0 for none."""
    recipe: Recipe = field(default_factory=lambda: RECIPE)
    """How stand-alone networks are trained."""
    epochs: int = 300
    """Length of the training of a search's result, unless told; that of AGNN's candidates from scratch."""
    seed: int = 0
    """Of a random split."""

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size below 1, or shares that leave a split nothing; more parts to read than there are, or a
                patience where no validation loss is looked at.
        """
        if not (0 < self.train and 0 < self.valid and self.train + self.valid < 1):
            raise ValueError(f"train and valid are shares with a rest for testing, got {self.train} and {self.valid}")
        if not self.fanout or min(self.fanout) < 1:
            raise ValueError(f"fanout has a number of at least 1 for every layer, got {self.fanout}")
        if self.read > self.parts:
            raise ValueError(f"an epoch reads at most all parts, got read={self.read} of parts={self.parts}")
        if self.patience and self.keep != "best":
            raise ValueError(f"patience waits for a better validation loss: it needs keep='best', got {self.keep!r}")


@dataclass(frozen=True)
@checked(dim=1, negatives=0)
class LinkOptions(Options):
    """Options of tasks on edges."""

    train: float = 0.85
    """Share of the edges to train on, where the data has no splits."""
    valid: float = 0.05
    """Share of the edges that validate; the rest is held out."""
    dim: int = 32
    """Numbers that a network gives for every node and output; twice as many for directed graphs."""
    negatives: float = 1.0
    """Pairs of nodes without an edge, for every edge: drawn anew for every batch of a training, once for the others."""
    directed: bool | None = None
    """Whether an edge has a direction; by default whether the graph lists some without their opposites."""
