"""RADARS on NAS-Bench-201: what pruning by reinforcement learning leaves, and whether the memory budget holds.

`subspace`: three rounds of 40 samples, rewarded by the table's validation accuracy after 12 epochs, leave two options
an edge, 64 cells; their mean true accuracy beside that of random pruning (a learning rate of 0, which draws and prunes
alike but learns nothing) and of random search with as many evaluations.

`budget`: the supernet (C=16, N=1, batch 16, CIFAR-10) exceeds the budget; rewards from the table, then DARTS on what
remains, with real steps. Printed: what the whole supernet's step would need and what it really peaks at, then the
largest peak of tensors that was measured in any phase of the search. Then the process's own peak: each phase again in
a fresh process, how far its resident memory rises above what it held before the supernet was made, after a small step
that loads all libraries; what kernels use inside is part of it. Needs APPNAS_DATA and Linux.

    python benchmarks/radars.py subspace --seeds 10
    python benchmarks/radars.py budget
"""

import argparse
import multiprocessing
from functools import partial
from pathlib import Path

import numpy as np
import torch

from appnas.cost import peak_bytes, saved_bytes, weight_bytes
from appnas.domains.images import Options, cifar10
from appnas.estimate import Table
from appnas.methods import darts, radars
from appnas.space import constant_arch, full_mask, one_hot, only, restrict
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load
from appnas.strategy import Score
from appnas.supernet import Gated
from appnas.support import MIB


def subspace(args):
    archs, columns = load("cifar10")
    true, index = np.array(columns["test200"]), np.array(archs)
    rewards, space = Table(archs, {"valid12": columns["valid12"]}, "valid12"), Bench201()
    for name, lr in (("RADARS", radars.Config().lr), ("random pruning", 0.0)):
        rows = []
        for seed in range(args.seeds):
            strategy = radars.Pruned(space, seed, radars.Config(lr=lr), None, 1)
            for _ in range(3 * strategy.config.episodes):
                draw = strategy.ask()
                strategy.tell(draw, Score(rewards.score(draw).value, {"memory_mib": np.inf}))
            (mask,) = strategy.mask
            inside = np.all([mask[d].numpy()[index[:, d]] for d in range(6)], 0)
            rows.append([true[inside].mean(), true[inside].max(), inside.sum()])
        mean, spread = np.mean(rows, 0), np.std(rows, 0, ddof=1)
        print(
            f"{name:<20}mean {mean[0]:.2f} +- {spread[0]:.2f}, best inside {mean[1]:.2f} +- {spread[1]:.2f},"
            f" {mean[2]:.0f} cells, {args.seeds} seeds"
        )
    valid, rng = np.array(columns["valid12"]), np.random.default_rng(0)
    picked = [true[max(rng.integers(len(true), size=120), key=valid.__getitem__)] for _ in range(500)]
    print(f"random best of 120 by the same rewards {np.mean(picked):.2f} +- {np.std(picked):.2f}")
    print(
        f"whole space {true.mean():.2f}; all nor_conv_3x3 {true[archs.index(constant_arch(space, 'nor_conv_3x3'))]:.2f}"
    )


def step(space, domain, mask, batch):
    """(peak, saved) MiB of one real step under soft gates, forward and backward."""
    supernet = space.supernet(domain.io, mask)
    logits = [torch.zeros(m.shape).masked_fill(~m, -torch.inf).requires_grad_() for m in mask]

    def loss():
        return domain.loss(partial(supernet, gates=tuple(torch.softmax(a, -1) for a in logits)), batch).mean()

    return peak_bytes(lambda: loss().backward()) / MIB, saved_bytes(loss) / MIB


def advance(strategy, evaluator, draw):
    score = evaluator.score(draw)
    evaluator.learn(strategy.tell(draw, score) or draw)


def data():
    return cifar10(Options(limit=640, batch=16))


def train(space, domain, mask, arch=None, steps=5):
    """A few real steps: of DARTS on what a mask leaves, or of one architecture's weights."""
    if arch is None:
        inner = restrict(space, mask)
        strategy, evaluator = darts.strategy(inner, SETTINGS, 0), darts.evaluator(inner, domain, SETTINGS, 0)
        for _ in range(steps):
            advance(strategy, evaluator, strategy.ask())
        return
    path = Gated(space.supernet(domain.io, only(space.choices, arch)), one_hot(space.choices, arch))
    optimiser = torch.optim.SGD(path.parameters(), 0.025, momentum=0.9)
    batches = domain.batches("train", torch.Generator().manual_seed(0))
    for _ in range(steps):
        optimiser.zero_grad()
        domain.loss(path, next(batches)).mean().backward()
        optimiser.step()


def resident(name):
    """MiB that the kernel counts for this process: VmRSS now, VmHWM at most since it was reset."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


def risen(mask, arch=None):
    """MiB by which the process rises during the steps; to be called in a fresh one."""
    torch.set_num_threads(1)
    domain = data()
    train(Bench201(channels=2, repeats=1), domain, mask, arch, 1)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = resident("VmRSS")
    train(SPACE, domain, mask, arch)
    return resident("VmHWM") - before


def in_fresh_process(mask, arch=None):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(risen, (mask, arch))


SPACE, SETTINGS = Bench201(repeats=1), darts.Config(order="first", epochs=1)


def budget(args):
    archs, columns = load("cifar10")
    domain, space, settings = data(), SPACE, SETTINGS
    config = radars.Config(memory=args.memory, darts=settings)
    batch = next(domain.batches("train", torch.Generator().manual_seed(0)))
    whole = radars.need(space, domain, config, full_mask(space.choices))
    peak, saved = step(space, domain, full_mask(space.choices), batch)
    print(f"whole supernet: needs {whole:.1f} MiB a step; one step peaks at {peak:.1f}, keeps {saved:.1f} for backward")
    print(f"process: {in_fresh_process(full_mask(space.choices)):.1f} MiB for the whole supernet", flush=True)
    steps = settings.epochs * domain.epoch("train")
    for seed in range(args.seeds):
        strategy = radars.Pruned(space, seed, config, partial(darts.strategy, config=settings, seed=seed), steps)
        evaluator = radars.Bounded(
            Table(archs, {"valid12": columns["valid12"]}, "valid12"),
            partial(radars.need, space, domain, config),
            config.memory,
            lambda mask, seed=seed: darts.evaluator(restrict(space, mask), domain, settings, seed),
        )
        peaks, saves = {"path": 0.0, "supernet": 0.0}, {"path": 0.0, "supernet": 0.0}
        largest = 0.0, ()
        while not strategy.done:
            draw = strategy.ask()
            if strategy.begun:
                peak = peak_bytes(partial(advance, strategy, evaluator, draw))
                peaks["supernet"] = max(peaks["supernet"], peak / MIB)
                continue
            advance(strategy, evaluator, draw)
            path = space.supernet(domain.io, only(space.choices, draw.arch))
            loss = partial(domain.loss, Gated(path, one_hot(space.choices, draw.arch)), batch)
            peak = peak_bytes(lambda loss=loss: loss().mean().backward()) / MIB
            largest = max(largest, (peak, draw.arch))
            peaks["path"] = largest[0]
            saves["path"] = max(saves["path"], saved_bytes(loss) / MIB)
        _, saves["supernet"] = step(space, domain, strategy.mask, batch)
        true = dict(zip(archs, columns["test200"], strict=True))
        weights = weight_bytes(evaluator.two.supernet) / MIB
        print(
            f"seed {seed}, budget {config.memory:.0f} MiB: {strategy.told} samples, options left"
            f" {[int(row.sum()) for row in strategy.mask[0]]}; largest peak of tensors: paths {peaks['path']:.1f},"
            f" supernet {peaks['supernet']:.1f} (and weights {weights:.1f}); kept for backward: {saves['path']:.1f},"
            f" {saves['supernet']:.1f}; process: path {in_fresh_process(strategy.mask, largest[1]):.1f},"
            f" supernet {in_fresh_process(strategy.mask):.1f}; derived cell {true[strategy.best()]:.2f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["subspace", "budget"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--memory", type=float, default=55.0, help="budget, MiB")
    args = parser.parse_args()
    torch.set_num_threads(1)
    {"subspace": subspace, "budget": budget}[args.what](args)


if __name__ == "__main__":
    main()
