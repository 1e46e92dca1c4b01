"""A search on a large graph: hyperband in `GraphNet` on random parts of it, with what it takes in time and memory.

A contextual block model: nodes of ten classes, each with a Gaussian cloud of 64 features that overlap; half of all
edges lead into a node's own class. Candidates are trained on parts (`Options(loader="parts")`), for a few epochs most
of them, and validation reads the whole graph every few epochs (`Options(every=...)`). What is found is trained again
beside a GCN and an MLP, alike, and tested on the whole graph. By default 200,000 nodes and two million edges:

    python benchmarks/large_graph.py
"""

import argparse
import resource
import time
from collections import Counter
from types import SimpleNamespace

import torch

import appnas
from appnas.cost.timing import machine
from appnas.domains.graphs import Graphs, Options
from appnas.retrain import train_one
from appnas.spaces import GraphNet

CLASSES = 10


def block_model(nodes, edges, features=64, own=0.5, signal=1.8, seed=0):
    """A graph of so many nodes and directed edges, both ways of every pair, a share `own` of them within a class."""
    rng = torch.Generator().manual_seed(seed)
    nodes -= nodes % CLASSES
    y = torch.arange(nodes) % CLASSES
    centres = torch.randn(CLASSES, features, generator=rng)
    centres = signal * centres / centres.norm(dim=1, keepdim=True)
    x = centres[y] + torch.randn(nodes, features, generator=rng)
    source = torch.randint(nodes, (edges // 2,), generator=rng)
    away = torch.randint(1, CLASSES, source.shape, generator=rng)
    away[torch.rand(source.shape, generator=rng) < own] = 0
    target = torch.randint(nodes // CLASSES, source.shape, generator=rng) * CLASSES + (y[source] + away) % CLASSES
    return SimpleNamespace(x=x, edge_index=torch.stack([torch.cat([source, target]), torch.cat([target, source])]), y=y)


def peak():
    """The most memory that this process has had, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=200_000)
    parser.add_argument("--edges", type=int, default=2_000_000)
    parser.add_argument("--loader", default="parts", choices=["full", "parts", "neighbours"])
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--every", type=int, default=9, help="epochs between two validations")
    parser.add_argument("--scheme", default="asha", choices=["asha", "hyperband", "halving"])
    parser.add_argument("--inner", default="evolution", help="what proposes; but for random it begins with GCN, ...")
    parser.add_argument("--evaluations", type=int, default=8, help="what the search may cost, in whole trainings")
    parser.add_argument("--budget", type=int, default=27, help="epochs of a whole training of the search")
    parser.add_argument("--least", type=int, default=3, help="epochs of the shortest one")
    parser.add_argument("--epochs", type=int, default=54, help="of the last trainings")
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--repeats", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(machine(), flush=True)
    begin, work = time.time(), time.process_time()
    data = block_model(args.nodes, args.edges, seed=args.seed)
    options = Options(loader=args.loader, parts=args.parts, every=args.every, batch=1024)
    domain = Graphs(data, options=options)
    space = GraphNet(hidden=tuple(args.widths), repeats=tuple(args.repeats))
    print(f"{len(data.x):,} nodes, {data.edge_index.shape[1]:,} edges; made in {time.time() - begin:.0f} s,"
          f" process with data {peak():.2f} GiB", flush=True)  # fmt: skip

    start, used = time.time(), time.process_time()
    settings = {name: getattr(args, name) for name in ("evaluations", "budget", "least", "scheme", "inner")}
    settings |= {"population": min(8, args.evaluations), "sample": min(3, args.evaluations)}
    result = appnas.search(space, domain, "hyperband", seed=args.seed, **settings)
    epochs = sum(record.metrics.get("budget", 0.0) for record in result.history)
    failures = Counter(str(record.failure)[:200] for record in result.history if record.failure)
    print(f"search: {len({record.arch for record in result.history})} architectures, {epochs:.0f} epochs,"
          f" {time.time() - start:.0f} s, {time.process_time() - used:.0f} CPU s, peak {peak():.2f} GiB,"
          f" {sum(failures.values())} failed")  # fmt: skip
    for said, count in failures.items():
        print(f"  {count} x {said}")
    print("found:", space.named(result.best), flush=True)

    print(f"{'':<8}{'test, %':>9}{'valid, %':>10}{'CPU s':>8}{'peak, GiB so far':>18}")
    for name, arch in {"found": result.best, **{n: space.hand_made[n] for n in ("gcn", "mlp")}}.items():
        start = time.process_time()
        network = train_one(space, domain, arch, args.epochs, args.seed)
        test, valid = (ask(network)["accuracy"] for ask in (domain.test, domain.score))
        print(f"{name:<8}{test:>9.2f}{valid:>10.2f}{time.process_time() - start:>8.0f}{peak():>18.2f}", flush=True)
    spent = (time.time() - begin) / 60, (time.process_time() - work) / 60
    print(f"everything: {spent[0]:.1f} minutes, {spent[1]:.1f} CPU minutes, peak {peak():.2f} GiB")


if __name__ == "__main__":
    main()
