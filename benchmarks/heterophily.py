"""One recipe for graphs of every kind: contextual block models from strong heterophily to strong homophily.

Nodes of five classes, each with a Gaussian cloud of features that overlap (an MLP is right about two times of three);
an edge leads into a node's own class with a given probability, else into any other. 48 % of the nodes train, 32 %
validate. AGNN in `GraphNet()`, with the same settings for every graph, whose six best, up to three of them hand-made,
are trained on five splits of those nodes; beside it hand-made networks, and random search with the same last stage, all
trained alike. What is found by validation is trained again with other seeds, and tested. A row of `--out` for each
graph and network. About a CPU minute a search by AGNN, five and more a random one, whose networks are deeper:

    python benchmarks/heterophily.py --seeds 5 --out heterophily.jsonl
"""

import argparse
import statistics
import time
from types import SimpleNamespace

import torch
from rows import collect, spread

import appnas
from appnas.domains.graphs import Graphs, Options
from appnas.retrain import train_one
from appnas.spaces import GraphNet

LEVELS = (0.05, 0.2, 0.6, 0.95)
"""Share of neighbours in a node's own class."""
CLASSES = 5
HAND_MADE = ("mlp", "gcn", "sage", "gat", "appnp", "gcnii")


def block_model(own, seed, nodes=800, degree=6, features=16, signal=1.1):
    """A graph whose nodes have a share `own` of their neighbours in their class."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(nodes) % CLASSES
    centres = torch.randn(CLASSES, features, generator=rng)
    centres = signal * centres / centres.norm(dim=1, keepdim=True)
    x = centres[y] + torch.randn(nodes, features, generator=rng) * 0.7
    source = torch.randint(nodes, (nodes * degree // 2,), generator=rng)
    away = torch.randint(1, CLASSES, source.shape, generator=rng)
    away[torch.rand(source.shape, generator=rng) < own] = 0
    of = (y[source] + away) % CLASSES  # the class of the other end, one of its nodes
    target = torch.randint(nodes // CLASSES, source.shape, generator=rng) * CLASSES + of
    edges = torch.stack([torch.cat([source, target]), torch.cat([target, source])])
    return SimpleNamespace(x=x, edge_index=edges, y=y)


def domain_of(own, seed):
    return Graphs(block_model(own, seed), options=Options(train=0.48, valid=0.32, seed=seed))


def row(args, own, seed, name):
    """What one network, or search, is worth on one graph."""
    start, space, domain = time.process_time(), GraphNet(), domain_of(own, seed)
    if name in space.hand_made:
        arch = space.hand_made[name]
    else:
        last = {"top": 6, "repeats": 5, "folds": 5, "longer": args.epochs}
        settings = {"evaluations": args.evaluations, "budget": args.budget, **last}
        arch = appnas.search(space, domain, name, seed=seed, **settings).best
    networks = [train_one(space, domain, arch, args.epochs, again) for again in range(args.again)]
    return {
        "valid": statistics.fmean(domain.score(network)["accuracy"] for network in networks),
        "test": statistics.fmean(domain.test(network)["accuracy"] for network in networks),
        "found": space.named(arch),
        "seconds": time.process_time() - start,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="graphs of each level")
    parser.add_argument("--levels", type=float, nargs="+", default=LEVELS)
    parser.add_argument("--evaluations", type=int, default=50, help="of a search")
    parser.add_argument("--budget", type=int, default=60, help="epochs of a candidate")
    parser.add_argument("--epochs", type=int, default=150, help="of the last trainings")
    parser.add_argument("--again", type=int, default=3, help="last trainings of each")
    parser.add_argument("--no-random", action="store_true", help="without random search, which takes longest")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = ["agnn", *HAND_MADE, *([] if args.no_random else ["random"])]
    print(f"test accuracy, %, {args.seeds} graphs of each level; share of neighbours in the node's class")
    print(f"{'':<10}" + "".join(f"{own:>16}" for own in args.levels) + f"{'CPU s':>8}")
    sizes = [args.evaluations, args.budget, args.epochs, args.again]
    found = {}
    for name in names:
        for own in args.levels:
            keys = [(*sizes, own, seed, name) for seed in range(args.seeds)]
            found[name, own] = collect(args.out, keys, lambda *key: row(args, *key[-3:]))
        seconds = statistics.fmean(r["seconds"] for own in args.levels for r in found[name, own])
        cells = (spread([r["test"] for r in found[name, own]], 1) for own in args.levels)
        print(f"{name:<10}" + "".join(f"{cell:>16}" for cell in cells) + f"{seconds:>8.0f}", flush=True)
    ahead = []
    for own in args.levels:
        means = {name: statistics.fmean(r["test"] for r in found[name, own]) for name in HAND_MADE}
        best = max(means, key=means.__getitem__)
        pairs = zip(found["agnn", own], found[best, own], strict=True)
        ahead.append(f"{best} {spread([a['test'] - b['test'] for a, b in pairs], 1)}")
    print(f"{'best hand-made; AGNN ahead by':<30}" + "  ".join(ahead))


if __name__ == "__main__":
    main()
