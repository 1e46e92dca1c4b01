"""domains.graphs.cutting: batches of a few nodes with everything that a network asks for."""

from types import SimpleNamespace

import pytest
import torch

from appnas.domains.graphs import Graphs, Options
from appnas.spaces import GraphNet

RNG = torch.Generator().manual_seed(0)
EDGES = torch.randint(400, (2, 4000), generator=RNG)

BARE = SimpleNamespace(
    x=torch.randn(400, 5), edge_index=torch.zeros(2, 0, dtype=torch.long), y=torch.arange(400) % 2,
    edge_attr=torch.zeros(0, 3),
)  # fmt: skip
MORE = {"none": {}, "weights": {"edge_weight": torch.ones(4000)}, "features": {"edge_attr": torch.randn(4000, 3)}}


def test_features_of_edges_that_are_not_there():
    """The estimate of memory has some edges all the same, whose features are 0."""
    (learnt, _, _), _ = Graphs(BARE).cut(50)
    assert learnt[2].shape == (learnt[1].shape[1], 3) and not learnt[2].any()


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("options", [Options(), Options(loader="parts", parts=4)], ids=["full", "parts"])
def test_a_network_takes_what_is_cut(more, options):
    x = torch.randn(400, 5, generator=RNG)
    domain = Graphs(SimpleNamespace(x=x, edge_index=EDGES, y=torch.arange(400) % 2, **MORE[more]), options=options)
    (learnt, times, trains), (read, whole, reads) = domain.cut(50)
    assert trains and not reads
    assert 40 <= len(learnt[0]) <= 60 and times == pytest.approx(
        (100 if options.loader == "parts" else 400) / 50, rel=0.1
    )
    assert len(read[0]) * whole == pytest.approx(400, rel=0.1)
    space = GraphNet()
    network = space.build(space.hand_made["gat"], domain.io)
    assert network(*learnt).shape == (len(learnt[0]), 2) and network(*read).shape[1] == 2
