"""Where DARTS collapses in a minute: a deep supernet and few images, in RobustDARTS's spaces; ZARTS beside it.

s2 (skip or separable convolution on every edge): CIFAR-10 at 16 x 16, 128 + 128 images, 8 cells of 2 nodes, 4 channels,
40 epochs. DARTS (first order) and ZARTS (M = 2, 4 candidates, radius 0.2) with the same warm-up of 8 epochs in which
only weights learn. Shown: the share of skips in the gates, the skips of 4 operations a cell, the validation loss at
its least and at the end. Controls: DARTS without warm-up, DARTS stopped in the epoch of the least validation loss,
ZARTS judged by the weights of now (M = 0), random cells.
s4 (noise or separable convolution): MNIST at 14 x 14, 256 + 256 images, 20 epochs; DARTS beside random cells.

What the cells are worth is measured where operations matter: 512 MNIST images, 5 cells of 4 channels, 15 epochs from
scratch, test accuracy, beside random cells, separable convolutions, skips (noise) everywhere. A row of `--out` for each
search and for each training. Needs APPNAS_DATA. About 10 CPU minutes a seed:

    python benchmarks/collapse.py --seeds 5 --out collapse.jsonl
    python benchmarks/collapse.py --seeds 1 --quick          # a search of 2 epochs and a training of 1: does it run?
"""

import argparse
import random
import statistics
import time
from dataclasses import dataclass, replace
from functools import partial

import torch
from rows import collect, spread

from appnas.domains.images import Options, cifar10, mnist
from appnas.loop import Observer, search_loop
from appnas.methods import darts, zarts
from appnas.one_shot import Adapted
from appnas.space import constant_arch, describe, random_arch
from appnas.spaces import Robust
from appnas.strategy import ZeroOrder, without_zero
from appnas.task import Recipe, cosine

IDLE = {"s2": "skip_connect", "s4": "noise"}


@dataclass(frozen=True)
class Setting:
    """What is searched, how long, and how long cells are trained."""

    kind: str
    epochs: int
    warmup: int
    limit: int
    again: int = 15
    few: int = 512

    @property
    def space(self):
        return Robust(
            kind=self.kind, nodes=2, channels=4, cells=8, width=4, depth=5, auxiliary=False, drop_path=0.0
        )  # fmt: skip

    def data(self, limit=0):
        """The images: half of them for the weights, half for alpha."""
        options = Options(
            limit=limit or self.limit, batch=32, final_batch=32, shrink=2, crop=0, flip=False, final_cutout=0.0,
            recipe=Recipe(lr=0.05),
        )  # fmt: skip
        return (cifar10 if self.kind == "s2" and not limit else mnist)(options)


SETTINGS = {"s2": Setting("s2", 40, 8, 256), "s4": Setting("s4", 20, 4, 512)}


class Waits:
    """A strategy that is told nothing for so many steps, while the weights learn on what it asks for."""

    def __init__(self, inner, steps):
        self.inner, self.left = inner, steps

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def tell(self, draw, score):
        if self.left > 0:
            self.left -= 1
            return None
        return self.inner.tell(draw, score)


class Trace(Observer):
    """After every epoch: mean validation loss, share of idle operations in both cells, the cell that is derived."""

    def __init__(self, strategy, steps, option):
        self.strategy, self.steps, self.option = strategy, steps, option
        self.losses, self.rows = [], []

    def step(self, loop, record):
        self.losses.append(record.metrics["valid_loss"])
        if len(self.losses) % self.steps == 0:
            gates = self.strategy.distribution()
            shares = [float(matrix[:, self.option].mean()) for matrix in gates[:2]]
            loss = statistics.fmean(self.losses[-self.steps :])
            self.rows.append({"loss": loss, "shares": shares, "arch": self.strategy.best()})


def gradient(setting, seed, warmup=True):
    """DARTS, first order; the strategy, the evaluator, their steps, and the draws of an epoch."""
    space, data = setting.space, setting.data()
    config = darts.Config(epochs=setting.epochs, order="first", alpha_lr=0.02)
    steps = data.epoch("train")
    strategy = Waits(darts.strategy(space, config, seed), setting.warmup * steps if warmup else 0)
    return strategy, darts.evaluator(space, data, config, seed), setting.epochs * steps, steps


class Now(Adapted):
    """Candidates judged with the weights of now."""

    def adapted(self, gates):
        return {name: w.detach() for name, w in self.supernet.named_parameters()}


def zero_order(setting, seed, kind=Adapted):
    """ZARTS as `zarts.search` puts it together."""
    space, data = setting.space, setting.data()
    config = zarts.Config(epochs=setting.epochs, warmup=setting.warmup, inner=2, candidates=4, radius=0.2)
    steps = data.epoch("train")
    warm, rounds = (n * steps // config.inner for n in (setting.warmup, setting.epochs - setting.warmup))
    strategy = ZeroOrder(
        space, torch.Generator().manual_seed(seed), config.made(), partial(cosine, epochs=rounds, lr=1.0), warm,
        derive=partial(without_zero, space),
    )  # fmt: skip
    evaluator = kind(space, data, config.inner, strategy.length, warm, seed=seed, **config.sgd(config.epochs, steps))
    return strategy, evaluator, warm + rounds * strategy.length, max(1, steps // config.inner * strategy.length)


SEARCHES = {
    "DARTS": gradient,
    "ZARTS": zero_order,
    "control: DARTS without warm-up": partial(gradient, warmup=False),
    "control: ZARTS, weights of now (M = 0)": partial(zero_order, kind=Now),
}
STOPPED = "control: DARTS, stopped at the least validation loss"
FIXED = {
    "control: random cell": lambda space, seed: random_arch(space, random.Random(seed)),
    "control: sep_conv_3x3 everywhere": lambda space, seed: constant_arch(space, "sep_conv_3x3"),
    "control: idle everywhere": lambda space, seed: constant_arch(space, IDLE[space.kind]),
}


def searched(setting, name, seed):
    """A search and its trace."""
    start = time.process_time()
    torch.manual_seed(seed)  # of the noise in S4
    strategy, evaluator, steps, epoch = SEARCHES[name](setting, seed)
    option = setting.space.choices[0].options.index(IDLE[setting.kind])
    trace = Trace(strategy, epoch, option)
    search_loop(strategy, evaluator, steps, callbacks=[trace])
    least = min(range(len(trace.rows)), key=lambda i: trace.rows[i]["loss"])
    return {
        "arch": trace.rows[-1]["arch"], "stopped": trace.rows[least]["arch"], "least": trace.rows[least]["loss"],
        "place": least / len(trace.rows), "loss": trace.rows[-1]["loss"], "shares": trace.rows[-1]["shares"],
        "trace": [[row["loss"], *row["shares"]] for row in trace.rows], "seconds": time.process_time() - start,
    }  # fmt: skip


def idle(setting, arch):
    """Idle operations of 4 in the normal and in the reduction cell."""
    lines = list(describe(setting.space.choices, tuple(arch)).values())[:2]
    return [sum(op == IDLE[setting.kind] for op in ops) for ops in lines]


def trained(setting, arch, seed):
    """Test accuracy from scratch."""
    start = time.process_time()
    torch.manual_seed(seed)
    data = setting.data(setting.few)
    model = setting.space.build(tuple(arch), data.io)
    data.fit(model, setting.again, final=True, seed=seed)
    return {"accuracy": data.test(model)["accuracy"], "seconds": time.process_time() - start}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--searches", nargs="+", choices=list(SEARCHES), default=list(SEARCHES))
    parser.add_argument("--train", action=argparse.BooleanOptionalAction, default=True, help="cells from scratch too")
    parser.add_argument("--quick", action="store_true", help="hardly any epochs")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for kind in args.kinds:
        setting = SETTINGS[kind]
        if args.quick:
            setting = replace(setting, epochs=2, warmup=1, limit=128, again=1, few=64)
        table(setting, args)


def table(setting, args):
    names = [n for n in args.searches if setting.kind == "s2" or "ZARTS" not in n]
    print(f"\n{setting.kind}, {args.seeds} seeds, {setting.epochs} epochs: share of {IDLE[setting.kind]} in the gates,"
          " and its number of 4 derived operations, in the normal / the reduction cell; validation loss; test accuracy"
          " from scratch, %")  # fmt: skip
    archs = {}
    for name in names:
        keys = [("search", setting.kind, name, setting.epochs, seed) for seed in range(args.seeds)]
        rows = collect(args.out, keys, lambda _, kind, name, epochs, seed: searched(setting, name, seed))
        archs[name] = [row["arch"] for row in rows]
        if name == "DARTS":
            archs[STOPPED] = [row["stopped"] for row in rows]
        shares = " / ".join(spread([row["shares"][i] for row in rows], 2) for i in (0, 1))
        rise = [row["loss"] - row["least"] for row in rows]
        print(f"{name:<54}{shares:>34}; loss at its least {spread([row['least'] for row in rows], 2)}"
              f" ({100 * statistics.fmean(row['place'] for row in rows):.0f} % of the way), then +{spread(rise, 2)};"
              f" {statistics.fmean(row['seconds'] for row in rows):.0f} CPU s", flush=True)  # fmt: skip
    archs |= {name: [make(setting.space, seed) for seed in range(args.seeds)] for name, make in FIXED.items()}
    for name, found in archs.items():
        counts = [idle(setting, arch) for arch in found]
        line = " / ".join(spread([c[i] for c in counts], 1) for i in (0, 1))
        if args.train:
            known = dict(enumerate(found))
            keys = [("train", setting.kind, name, setting.again, seed) for seed in known]
            rows = collect(args.out, keys, lambda *key, known=known: trained(setting, known[key[-1]], key[-1]))
            line += f"; accuracy {spread([row['accuracy'] for row in rows], 1)}"
        print(f"{name:<54}{line}", flush=True)


if __name__ == "__main__":
    main()
