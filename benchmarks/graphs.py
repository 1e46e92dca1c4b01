"""Architectures evaluated a minute on a citation graph: with shared weights, from scratch, and with plain PyG layers.

The architectures are of the kinds that torch_geometric has layers for (GCNConv, GATConv, their sums, means and maxima),
so that all three ways train the same networks: the first lines compare outputs and gradients with copied weights. Needs
the data in APPNAS_DATA (or --dataset graphs). One core; times are CPU seconds, the ways interleaved:

    python benchmarks/graphs.py --dataset cora
"""

import argparse
import random
import statistics
import time

import torch
from torch import nn
from torch_geometric.nn import GATConv, GCNConv

from appnas.estimate import ParamStore, Scratch, by_homogeneity
from appnas.run import catalogue
from appnas.space import describe, only, random_arch, restrict
from appnas.spaces import GNN
from appnas.spaces.graphs import ACTIVATION
from appnas.strategy import Draw


class Plain(nn.Module):
    """The same network of torch_geometric's own layers, as its examples write it."""

    def __init__(self, space, arch, io):
        super().__init__()
        named, width = describe(space.choices, arch), io.inputs[0]
        self.layers, self.activations, self.dropout = nn.ModuleList(), named["activation"], space.dropout
        self.outputs = io.outputs[0]
        for i in range(space.layers):
            last = i == space.layers - 1
            outputs = io.outputs[0] if last else int(named["hidden"][i])
            heads, aggregation = int(named["heads"][i]), named["aggregation"][i]
            if named["attention"][i] == "gat":
                layer = GATConv(width, outputs, heads, not last, dropout=space.dropout, aggr=aggregation)
            else:
                layer = GCNConv(width, heads * outputs, aggr=aggregation)
            self.layers.append(layer)
            width = heads * outputs

    def forward(self, x, edge_index):
        for layer, activation in zip(self.layers, self.activations, strict=True):
            x = nn.functional.dropout(x, self.dropout, self.training)
            x = layer(x, edge_index)
            if layer is self.layers[-1]:
                x = x.view(len(x), -1, self.outputs).mean(1)  # of a GCN's heads
            x = ACTIVATION[activation](x)
        return x

    def copy(self, network):
        """Take the weights of ours."""
        with torch.no_grad():
            for theirs, ours in zip(self.layers, network.layers, strict=True):
                theirs.lin.weight.copy_(ours.weight.T)
                theirs.bias.copy_(ours.bias.repeat(len(theirs.bias) // len(ours.bias)))
                if isinstance(theirs, GATConv):
                    theirs.att_dst.copy_(ours.left)
                    theirs.att_src.copy_(ours.right)


class PlainSpace:
    """The space with torch_geometric's layers."""

    def __init__(self, space):
        self.space = space

    def __getattr__(self, name):
        return getattr(self.space, name)

    def build(self, arch, io):
        return Plain(self.space, arch, io)


def equality(space, domain, archs):
    """Largest difference of outputs, and relative difference of the first layer's gradient, over the architectures."""
    outputs, gradients = [], []
    inputs = domain.example(1)
    for arch in archs:
        ours = space.build(arch, domain.io).eval()
        theirs = Plain(space, arch, domain.io).eval()
        theirs.copy(ours)
        a, b = ours(*inputs), theirs(*inputs)
        outputs.append(float((a - b).abs().max().detach()))
        a.pow(2).sum().backward()
        b.pow(2).sum().backward()
        ga, gb = ours.layers[0].weight.grad, theirs.layers[0].lin.weight.grad.T
        gradients.append(float((ga - gb).norm() / gb.norm().clamp_min(1e-12)))
    return max(outputs), max(gradients)


def sample(space, count, seed):
    """Random architectures of GCN and GAT layers, each a change of one class of an earlier one."""
    mask = only(space.choices, (0,) * (6 * space.layers - 1))
    for matrix, choice in zip(mask, space.choices, strict=True):
        matrix[:] = choice.name in ("hidden", "heads", "aggregation", "activation")
        if choice.name == "attention":
            matrix[:] = torch.tensor([name in ("gcn", "gat") for name in choice.options])
        if choice.name == "combine":
            matrix[:, 0] = True
    inner, rng = restrict(space, mask), random.Random(seed)
    archs = [random_arch(inner, rng)]
    while len(archs) < count:
        parent, other = rng.choice(archs), random_arch(inner, rng)
        group = rng.choice(["hidden", "attention", "heads", "aggregation", "activation"])
        kinds = [choice.name for choice in space.choices for _ in range(choice.count)]
        child = tuple(o if kind == group else p for p, o, kind in zip(parent, other, kinds, strict=True))
        if inner.valid(child):
            archs.append(child)
    return archs


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="cora")
    parser.add_argument("--archs", type=int, default=20)
    parser.add_argument("--budget", type=int, default=200, help="epochs from scratch")
    parser.add_argument("--warmup", type=int, default=40, help="epochs after inheriting weights")
    args = parser.parse_args()
    torch.set_num_threads(1)
    space, domain = GNN(), catalogue.domain(args.dataset)
    archs = sample(space, args.archs, 0)
    output, gradient = equality(space, domain, archs[:10])
    print(
        f"{args.dataset}: {args.archs} architectures of GCN and GAT layers, {args.budget} epochs,"
        f" {args.warmup} after inheriting"
    )
    print(f"copied weights: outputs differ by at most {output:.1e}, gradients by {gradient:.1e} (relative)")
    ways = {
        "shared weights": Scratch(
            space, domain, args.budget, store=ParamStore(by_homogeneity(space)), warmup=args.warmup
        ),
        "from scratch": Scratch(space, domain, args.budget),
        "from scratch, plain PyG": Scratch(PlainSpace(space), domain, args.budget),
    }
    seconds, values = {name: [] for name in ways}, {name: [] for name in ways}
    for arch in archs:
        for name, evaluator in ways.items():
            start = time.process_time()
            values[name].append(float(evaluator.score(Draw(arch)).value))
            seconds[name].append(time.process_time() - start)
    base = sum(seconds["from scratch, plain PyG"])
    print(f"{'way':<26}{'a CPU minute':>13}{'against plain PyG':>19}{'validation, mean and best':>28}")
    for name, taken in seconds.items():
        print(f"{name:<26}{60 * len(taken) / sum(taken):>13.1f}{base / sum(taken):>19.2f}"
              f"{statistics.fmean(values[name]):>20.1f}{max(values[name]):>8.1f}")  # fmt: skip
    ratios = [p / o for p, o in zip(seconds["from scratch, plain PyG"], seconds["from scratch"], strict=True)]
    print(f"from scratch, plain PyG over ours, a network: median {statistics.median(ratios):.2f},"
          f" {min(ratios):.2f} to {max(ratios):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
