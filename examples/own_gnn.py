"""A PyTorch Geometric model of your own, searched: its convolutions, their order with a norm, how layers are joined.

    python examples/own_gnn.py    # a minute on one core, no download; with --quick seconds

All options can be mixed, so DARTS takes the model. For a graph of your own: Graphs(torch_geometric.data.Data(...)).
"""

import sys

import torch
from torch import nn
from torch_geometric.nn import GATConv, GCNConv, GraphConv, LayerNorm, SAGEConv

from appnas import pick, search, space_of
from appnas.run import domain as domain_of

QUICK = "--quick" in sys.argv


class Net(nn.Module):
    def __init__(self, io, width=32, layers=2):
        super().__init__()
        self.first = nn.Linear(io.inputs[0], width)
        self.convs = nn.ModuleList(self.conv(width) for _ in range(layers))
        self.acts = nn.ModuleList(pick("act", {"relu": nn.ReLU, "elu": nn.ELU, "tanh": nn.Tanh}) for _ in range(layers))
        self.norms = nn.ModuleList(self.norm(width) for _ in range(layers))
        self.last = nn.Linear(width, io.outputs[0])

    def conv(self, width):
        kinds = {"gcn": GCNConv, "gat": GATConv, "sage": SAGEConv, "graph": GraphConv}  # every layer decides by itself
        return pick("conv", {name: lambda kind=kind: kind(width, width) for name, kind in kinds.items()}, each=True)

    def norm(self, width):
        return pick("norm", {"layer": lambda: LayerNorm(width), "nothing": nn.Identity}, each=True)

    def forward(self, x, edge_index):
        states = [torch.relu(self.first(x))]
        for conv, norm, act in zip(self.convs, self.norms, self.acts, strict=True):
            states.append(act(norm(conv(states[-1], edge_index))))
        joined = {
            "last": lambda: lambda xs: xs[-1],
            "sum": lambda: sum,
            "max": lambda: lambda xs: torch.stack(xs).amax(0),
        }
        return self.last(pick("join", joined)(states))


def main(seed=0):
    torch.set_num_threads(1)
    domain = domain_of("graphs")
    space = space_of(Net, domain.io, inputs=domain.example(2))
    how = {"order": "first", "epochs": 2 if QUICK else 60, "alpha_lr": 0.05, "seed": seed}
    result = search(space, domain, "darts", progress=True, **how)
    print(space.values(result.best))
    return result.retrain(2 if QUICK else 100, beside=["random"])


if __name__ == "__main__":
    print(main())
