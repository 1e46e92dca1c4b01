"""The networks of the space `graphnet`: stand-alone ones and mixtures are the same module under different masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from torch import Tensor, nn
from torch.nn import functional

from appnas.space import Gates
from appnas.spaces.graphs.edges import Edges
from appnas.spaces.graphs.graph_parts import NORMS, After, Both, Ego, Head, Initial, Perceptron, Pool, operation_of
from appnas.spaces.graphs.inputs import Features, OnGraphs, Readout, dropped, features, sorted_out, turned
from appnas.spaces.graphs.kernels.sparse import kept
from appnas.spaces.graphs.place import Place
from appnas.spaces.parts import dropout
from appnas.supernet import Mixed, live_options


@dataclass(frozen=True)
class Plan:
    """What a network is made of.

    Attributes:
        rows: for each choice its options, and for each of its decisions which of them are there.
        gated: the choices that gates have a matrix for, in their order.
        operations: how each is made.
        place: of any layer; sizes and number are filled in.
        width: of every state.
        dropout: of what every layer takes.
        direction: along the edges, against them, or both.
        edges: features of an edge as a network gets them; `place.edges` are those without the types of edges.
        relations: types of edges; 0 where they have none.
    """

    rows: Mapping[str, tuple[Sequence[str], list[list[bool]]]]
    gated: tuple[str, ...]
    operations: dict[str, Callable[[Place], nn.Module]]
    place: Place
    width: int
    dropout: float
    direction: str
    edges: int = 0
    relations: int = 0

    def mixed(self, name: str, make: Callable[[str], nn.Module], row: int = 0) -> Mixed | Settled:
        """A decision over what is there."""
        options, rows = self.rows[name]
        if name not in self.gated:
            return Settled({option: make(option) for option in options if option != "none"})
        return Mixed(options, make, rows[row])

    def there(self, name: str, row: int = 0) -> list[str]:
        """The options of a decision that are there."""
        options, rows = self.rows[name]
        return [option for option, on in zip(options, rows[row], strict=True) if on]


class Settled(nn.ModuleDict):
    """What is no decision: its one option, or nothing."""

    def forward(self, given: object) -> Tensor | None:
        """What the option makes of it."""
        for option in self.values():
            return option(given)  # type: ignore[no-any-return]
        return None


class GraphLayer(nn.Module):
    """ReLU(norm(operation + residual)); a last layer is the operation and the residual alone."""

    def __init__(self, plan: Plan, block: int, place: Place, first: bool):
        super().__init__()
        self.block, self.direction = block, plan.direction

        def operation(name: str) -> nn.Module:
            made = partial(operation_of, plan.operations[name], place, plan.relations)
            return Both(made(), made()) if plan.direction == "both" else made()

        def residual(name: str) -> nn.Module:
            return Ego(place) if name == "ego" or first else Initial(place, plan.width)

        self.operation = plan.mixed("operation", operation, block)
        self.residual = plan.mixed("residual", residual, block)
        self.norm = None if place.last else plan.mixed("norm", lambda name: NORMS[name](place.outputs), block)

    def forward(
        self,
        x: Tensor | Features,
        edges: Sequence[Edges],
        initial: Tensor | None,
        mixed: Callable[..., Any],
        graph: Tensor | None,
    ) -> Tensor:
        """Shapes: [N, I] -> [N, O]."""
        both = self.direction == "both"
        y: Tensor = mixed("operation", self.block, self.operation, (x, edges if both else edges[0], initial))
        more = mixed("residual", self.block, self.residual, (x, edges[0], initial))
        y = y if more is None else y + more
        return y if self.norm is None else functional.relu(mixed("norm", self.block, self.norm, (y, graph)))


class GraphNetwork(OnGraphs):
    """Linear layers on every node, blocks of graph layers, a head."""

    def __init__(self, plan: Plan, inputs: int, outputs: int):
        super().__init__()
        self.gated, self.dropout, self.direction = plan.gated, plan.dropout, plan.direction
        self.edges, self.relations = plan.edges, plan.relations
        width, blocks = plan.width, len(plan.rows["operation"][1])
        direct = plan.there("head") == ["direct"]
        self.bare = plan.there("pre") == ["0"]
        self.pre = plan.mixed(
            "pre", lambda n: nn.Identity() if n == "0" else Perceptron(inputs, width, width, int(n), plan.dropout, True)
        )
        self.blocks, self.repeats = nn.ModuleList(), nn.ModuleList()
        most = max(map(int, plan.rows["repeats"][0]))
        for block in range(blocks):
            layers: list[nn.Module] = []
            times = max(map(int, plan.there("repeats", block)))
            for i in range(times):
                first, last = self.bare and block == i == 0, direct and block == blocks - 1 and i == times - 1
                place = replace(
                    plan.place, inputs=inputs if first else width, outputs=outputs if last else width,
                    number=block * most + i + 1, last=last,
                )  # fmt: skip
                layers.append(GraphLayer(plan, block, place, first))
            self.blocks.append(nn.ModuleList(layers))
            self.repeats.append(plan.mixed("repeats", lambda n: After(int(n)), block))
        self.readout = plan.mixed("readout", lambda kind: Pool(cast(Readout, kind)))
        self.head = plan.mixed(
            "head", lambda kind: After(blocks) if direct else Head(kind, blocks, width, outputs, plan.dropout)
        )

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        graph: Tensor | None = None,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        gates: Gates | None = None,
    ) -> Tensor:
        """Outputs of every node, or of every graph. The arguments after edge_index are those of `sorted_out`.

        Shapes:
            x: [N, F]. edge_index: [2, E]. graph: [N]. edge_weight: [E]. edge_attr: [E, D]. gates: a matrix for every
            choice. returns: [N, outputs] or [graphs, outputs].

        Raises:
            ValueError: see `sorted_out`.
        """
        graph, weight, attr = sorted_out(edge_index, self.edges, (graph, edge_weight, edge_attr), batch)
        x = features(x, next(self.parameters()))
        along = [] if self.direction == "out" else [edge_index]
        against = [] if self.direction == "in" else [kept(turned, edge_index)]
        edges = [self._edges(index, weight, attr, x) for index in (*along, *against)]
        live = None if gates is None else [live_options(matrix) for matrix in gates]

        def mixed(name: str, row: int, decision: Mixed | Settled, given: object) -> Tensor | None:
            if gates is None or live is None or name not in self.gated:
                return decision(given)  # type: ignore[no-any-return]
            i = self.gated.index(name)
            return decision(given, gates[i][..., row, :], live[i][row])  # type: ignore[no-any-return]

        state: Any = mixed("pre", 0, self.pre, dropped(x, self.dropout, self.training))
        initial = None if self.bare else state
        after = []
        for block, (layers, repeats) in enumerate(zip(self.blocks, self.repeats, strict=True)):
            assert isinstance(layers, nn.ModuleList) and isinstance(repeats, Mixed | Settled)
            needed = None if live is None or isinstance(repeats, Settled) else self._needed(repeats, block, live)
            states: list[Tensor] = []
            for layer in layers[:needed]:
                bare = self.bare and block == 0 and not states
                given = state if bare else dropout(state, self.dropout, self.training)
                state = layer(given, edges, initial, mixed, graph)
                initial = state if initial is None else initial
                states.append(state)
            state = mixed("repeats", block, repeats, tuple(states))
            after.append(state)
        if graph is not None:
            after = [mixed("readout", 0, self.readout, (state, graph)) for state in after]
        y = mixed("head", 0, self.head, tuple(after))
        assert y is not None
        return y

    def _edges(self, index: Tensor, weight: Tensor | None, attr: Tensor | None, x: Tensor) -> Edges:
        if attr is not None and self.relations:
            return Edges.of_relations(index, weight, x.shape[0], x.dtype, attr, self.relations)
        return Edges.of(index, weight, x.shape[0], x.dtype, attr)

    def _needed(self, repeats: Mixed, block: int, live: list[list[list[bool]]]) -> int:
        """How many layers of a block some gate needs."""
        row = live[self.gated.index("repeats")][block]
        return max(int(times) for times, k in repeats.index.items() if row[k])
