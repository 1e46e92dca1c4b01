"""Seconds of an epoch and peak memory of the operations of `graphnet`, beside torch_geometric's layers.

Networks of two layers, 64 wide, with 64 dense features and ten classes, on random graphs. An epoch is what a training
does in one: forward, backward, a step of Adam, and a validation pass over the whole graph in evaluation mode. The two
networks take turns, and ratios are of medians; peaks are those of a process of its own for each. One thread:

    python benchmarks/graph_speed.py --sizes 5000 50000 --repeats 15
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch_geometric import nn as pyg

from appnas.cost.timing import machine
from appnas.space import IO
from appnas.spaces import GraphNet

FEATURES, WIDTH, CLASSES, DEGREE, HEADS = 64, 64, 10, 10, 8
OPERATIONS = ("gcn", "gat", "sage", "appnp", "gatv2", "transformer", "gcnii", "gin")


class Plain(nn.Module):
    """The same network as torch_geometric's users write it."""

    def __init__(self, operation):
        super().__init__()
        self.operation, self.before, self.after = operation, None, None
        if operation == "appnp":
            self.before = nn.Linear(FEATURES, WIDTH)
            self.layers = nn.ModuleList([nn.Linear(WIDTH, CLASSES), pyg.APPNP(10, 0.1)])
        elif operation == "gcnii":
            self.before, self.after = nn.Linear(FEATURES, WIDTH), nn.Linear(WIDTH, CLASSES)
            self.layers = nn.ModuleList(pyg.GCN2Conv(WIDTH, 0.1, 0.5, i) for i in (1, 2))
        else:
            self.layers = nn.ModuleList([self.layer(FEATURES, WIDTH, False), self.layer(WIDTH, CLASSES, True)])

    def layer(self, inputs, outputs, last):
        attention = {"gat": pyg.GATConv, "gatv2": pyg.GATv2Conv, "transformer": pyg.TransformerConv}
        if self.operation in attention:
            make, each = attention[self.operation], outputs if last else outputs // HEADS
            return make(inputs, each, HEADS, concat=not last, dropout=0.5)
        if self.operation == "gin":
            two = nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(), nn.Linear(outputs, outputs))
            return pyg.GINConv(two, train_eps=True)
        return {"gcn": pyg.GCNConv, "sage": pyg.SAGEConv}[self.operation](inputs, outputs)

    def forward(self, x, edge_index):
        def dropped(x):
            return functional.dropout(x, 0.5, self.training)

        if self.operation == "appnp":
            return self.layers[1](self.layers[0](dropped(torch.relu(self.before(dropped(x))))), edge_index)
        if self.operation == "gcnii":
            x = first = torch.relu(self.before(dropped(x)))
            for layer in self.layers:
                x = torch.relu(layer(dropped(x), first, edge_index))
            return self.after(dropped(x))
        x = torch.relu(self.layers[0](dropped(x), edge_index))
        return self.layers[1](dropped(x), edge_index)


def ours(operation):
    """The same as a point of the space."""
    space = GraphNet(hidden=(WIDTH,), dropout=(0.5,), heads=HEADS, repeats=(2,) if operation == "gcnii" else (1,),
                     layers=1 if operation == "gcnii" else 2)  # fmt: skip
    return space.build(space.hand_made[operation], IO((FEATURES,), (CLASSES,)))


def graph(nodes):
    """Features, edges and classes drawn at random."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(nodes, FEATURES, generator=rng)
    edges = torch.randint(0, nodes, (2, DEGREE * nodes), generator=rng)
    return x, edges, torch.randint(0, CLASSES, (nodes,), generator=rng)


class Training:
    """A network in the middle of its training; a call is an epoch."""

    def __init__(self, who, operation, data):
        torch.manual_seed(0)
        self.model = ours(operation) if who == "appnas" else Plain(operation)
        self.optimiser, self.data = torch.optim.Adam(self.model.parameters(), lr=0.01), data

    def __call__(self):
        x, edges, y = self.data
        self.model.train()
        self.optimiser.zero_grad()
        functional.cross_entropy(self.model(x, edges), y).backward()
        self.optimiser.step()
        self.model.eval()
        with torch.no_grad():
            functional.cross_entropy(self.model(x, edges), y)


def times(operation, nodes, repeats):
    """Seconds of an epoch of either, after one that is not counted: CPU time of the process, which has one thread."""
    data = graph(nodes)
    both = {who: Training(who, operation, data) for who in ("appnas", "PyG")}
    taken = {who: [] for who in both}
    for i in range(repeats + 1):
        for who, epoch in both.items():
            start = time.process_time()
            epoch()
            if i:
                taken[who].append(time.process_time() - start)
    return {who: statistics.median(each) for who, each in taken.items()}


def peak(who, operation, nodes):
    """GiB that a process needs for three epochs."""
    command = [sys.executable, __file__, "--alone", who, operation, str(nodes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def alone(who, operation, nodes):
    epoch = Training(who, operation, graph(int(nodes)))
    for _ in range(3):
        epoch()
    status = Path("/proc/self/status").read_text()  # ru_maxrss would be that of the process which started this one
    print(json.dumps(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 2**20))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5000, 50000], help="nodes, with ten edges each")
    parser.add_argument("--operations", nargs="+", default=OPERATIONS, choices=OPERATIONS)
    parser.add_argument("--repeats", type=int, default=15, help="epochs that are timed")
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.alone:
        return alone(*args.alone)
    print(machine())
    print("| operation | nodes / edges | appnas, s | PyG, s | PyG / appnas | peak appnas, GiB | peak PyG, GiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for nodes in args.sizes:
        for operation in args.operations:
            took = times(operation, nodes, args.repeats)
            peaks = {who: peak(who, operation, nodes) for who in took}
            print(
                f"| {operation} | {nodes:,} / {DEGREE * nodes:,} | {took['appnas']:.4f} | {took['PyG']:.4f} |"
                f" {took['PyG'] / took['appnas']:.2f} | {peaks['appnas']:.2f} | {peaks['PyG']:.2f} |", flush=True
            )  # fmt: skip


if __name__ == "__main__":
    main()
