"""Rungs against whole trainings at equal epochs: on the NAS-Bench-201 table (12 and 200 epochs), or on real trainings.

The table needs APPNAS_DATA; what is compared is the test accuracy of the cell found, and rows `alone` are controls. On
digits, cells of the same space are trained for up to 27 epochs on 400 images; the one found is trained again, with the
validation data, and tested on 800 others. One core:

    python benchmarks/multi_fidelity.py table --seeds 100
    python benchmarks/multi_fidelity.py digits --seeds 5
"""

import argparse
import statistics
import time

import torch
from sklearn.datasets import load_digits

import appnas
from appnas.domains.images import Images, Options
from appnas.estimate import Table
from appnas.loop import MedianStop
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load

ROWS = {
    "random, whole trainings": ("random", {}),
    "  with the median stop": ("random", {"stop": True}),
    "evolution, whole trainings": ("evolution", {"population": 10, "sample": 3}),
    "successive halving": ("hyperband", {"scheme": "halving"}),
    "Hyperband": ("hyperband", {"scheme": "hyperband"}),
    "ASHA": ("hyperband", {}),
    "ASHA of evolution": ("hyperband", {"inner": "evolution", "population": 10, "sample": 3}),
    "  8 asked at a time": ("hyperband", {"inner": "evolution", "population": 10, "sample": 3, "asks": 8}),
}


class Asks(appnas.loop.Observer):
    """So many draws under way at once, as with workers."""

    def __init__(self, count):
        self.count = count

    def start(self, loop):
        loop.batch = self.count


def search(space, domain, name, settings, seed, budget):
    """A search; its callbacks are among the settings."""
    settings = dict(settings)
    callbacks = [Asks(settings.pop("asks"))] if "asks" in settings else []
    callbacks += [MedianStop(budget)] if settings.pop("stop", False) else []
    return appnas.search(space, domain, name, seed=seed, budget=budget, callbacks=callbacks, **settings)


def told(row, found, epochs, whole, seconds):
    """One line of figures."""
    spread = statistics.stdev(found) if len(found) > 1 else 0.0
    print(f"{row:<30}{statistics.fmean(found):>8.2f} +-{spread:>5.2f}{statistics.fmean(epochs):>10,.0f}"
          f"{statistics.fmean(whole):>8.1f}{seconds:>8.1f}", flush=True)  # fmt: skip


def table(args):
    """NAS-Bench-201, CIFAR-10: validation after 12 and 200 epochs in the search, test after 200 of what was found."""
    archs, columns = load("cifar10")
    known = Table(archs, columns, "valid200", withheld=("test200",), budgets={12: "valid12", 200: "valid200"})
    print(f"{args.seeds} seeds, {args.trainings} x 200 epochs; the best cell has {max(known.hidden['test200']):.2f}")
    print(f"{'':<30}{'test accuracy':>16}{'epochs':>10}{'whole':>8}{'s':>8}")
    for row, (name, settings) in ROWS.items():
        if "stop" in settings:  # a table has no curves
            continue
        found, epochs, whole, start = [], [], [], time.process_time()
        more = {} if name != "hyperband" else {"eta": args.eta}
        for seed in range(args.seeds):
            result = search(
                Bench201(), known, name, {**settings, **more, "evaluations": args.trainings}, seed, 200
            )  # fmt: skip
            found.append(known.test(result.best)["test200"])
            epochs.append(sum(record.metrics.get("budget", 200.0) for record in result.history))
            whole.append(sum((record.budget or 200) == 200 for record in result.history))
        told(row, found, epochs, whole, time.process_time() - start)
    short = Table(archs, columns, "valid12", withheld=("valid200", "test200"))
    for name in ("random", "evolution"):
        found, start, count = [], time.process_time(), args.trainings * 200 // 12
        for seed in range(args.seeds):
            settings = {"population": 10, "sample": 3} if name == "evolution" else {}
            found.append(known.test(search(Bench201(), short, name, {"evaluations": count, **settings}, seed, 12).best))
        told(f"{name}, 12 epochs alone", [x["test200"] for x in found], [12 * count], [0], time.process_time() - start)


def digits(args):
    """Real trainings: 400 images to train and validate on, 800 others to test on."""
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8).astype("float32")
    domain = Images(x[:400], y[:400], x[400:1200], y[400:1200], Options(batch=32, crop=1, flip=False))
    space = Bench201(channels=4, repeats=1)
    print(f"{args.seeds} seeds, {args.trainings} x 27 epochs")
    print(f"{'':<30}{'test accuracy':>16}{'epochs':>10}{'whole':>8}{'s':>8}")
    for row, (name, settings) in ROWS.items():
        found, epochs, whole, start = [], [], [], time.process_time()
        for seed in range(args.seeds):
            result = search(space, domain, name, {**settings, "evaluations": args.trainings}, seed, 27)
            tests = [result.retrain(27, seeds=1).rows[0].mean("accuracy")]
            found.append(statistics.fmean(tests))
            epochs.append(sum(record.metrics["budget"] for record in result.history))
            whole.append(sum((record.budget or 27) == 27 for record in result.history))
        told(row, found, epochs, whole, time.process_time() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["table", "digits"])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--trainings", type=int, default=30, help="whole trainings that a search may cost")
    parser.add_argument("--eta", type=float, default=10.0, help="on the table: one of so many goes on from 12 to 200")
    args = parser.parse_args()
    torch.set_num_threads(1)
    {"table": table, "digits": digits}[args.what](args)


if __name__ == "__main__":
    main()
