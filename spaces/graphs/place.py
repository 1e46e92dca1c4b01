"""Where an operation of the space `graphnet` stands in its network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where an operation stands in its network.

    Attributes:
        inputs, outputs: features of a node, before and after.
        number: of the layer, from 1.
        heads: of attention, where they divide the outputs; a last layer averages its heads.
        last: whether the outputs are the scores of the classes.
        dropout: of attention.
        steps: of the propagation of appnp.
        teleport: what a node keeps of its own in every step of appnp, and of the initial state in gcnii.
        decay: how fast the linear map of gcnii becomes the identity with depth (lambda in the paper).
        edges: features of an edge.
    """

    inputs: int
    outputs: int
    number: int = 1
    heads: int = 8
    last: bool = False
    dropout: float = 0.0
    steps: int = 10
    teleport: float = 0.1
    decay: float = 0.5
    edges: int = 0

    @property
    def concat(self) -> bool:
        """Whether heads are joined; else they are averaged."""
        return not self.last and self.outputs % self.heads == 0

    @property
    def split(self) -> int:
        """Outputs of a head."""
        return self.outputs // self.heads if self.concat else self.outputs
