"""What a long run costs: searches of more and more evaluations on a table, resumed and reported; opening large tables.

Every part is a process of its own. search: with a run's directory, its progress and its journals, CPU seconds for 1,000
evaluations and in all, beyond the imports. resume: reading a finished run and finding that nothing is left. report:
`appnas report`. Peaks are resident memory. The table is made up, in NAS-Bench-201's space; so are the ones opened.

    python benchmarks/scale.py --evaluations 10000 100000            # and 1000000 with --million
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np

from appnas.estimate import Table
from appnas.loop import Progress, Repeats, search_loop
from appnas.run import Run, catalogue, create, describe_space, finish
from appnas.spaces import Bench201
from appnas.strategy import Evolution, Random
from appnas.support.plain import plain

STRATEGIES = {"random": Random, "evolution": Evolution}


def table():
    """All cells, with a value and two costs."""
    archs, rng = [*product(range(5), repeat=6)], np.random.default_rng(0)
    values = 60 + 3 * (np.array(archs) == 3).sum(1) + rng.normal(0, 2, len(archs))
    costs = {"params": 1e5 * (1 + (np.array(archs) == 3).sum(1)), "latency": rng.random(len(archs))}
    return Table(archs, {"accuracy": values, **costs}, "accuracy")


def search(path, name, count):
    """A search in a directory, or the rest of it; CPU seconds."""
    space, known = Bench201(), table()
    start = time.process_time()
    strategy = STRATEGIES[name](space, random.Random(0))
    callbacks = [Run(path, events=False, space=space), Progress(), Repeats()]
    result = search_loop(strategy, known, count, callbacks=callbacks)
    if not (path / "result.json").exists():
        finish(path, result)
    return time.process_time() - start


def config(name):
    """What a search by this method tells of itself."""
    described = {"method": name, "config": plain(catalogue.method(name).config()), "space": describe_space(Bench201())}
    domain = {"domain": {"name": "bench201:cifar10", "options": {}}, "seed": 0, "seeds": 1}
    return {**described, **domain, "rank_epochs": 0, "control": False}


def part(*args):
    """Run one part in a process of its own; CPU seconds as it says, and its peak in MiB."""
    told = subprocess.run(
        [sys.executable, __file__, "--part", *map(str, args)],
        check=True, stdout=subprocess.PIPE, env={**os.environ, "APPNAS_PROGRESS": "0"}, text=True,
    ).stdout  # fmt: skip
    return map(float, told.split())


def report(path):
    """CPU seconds of the command, as seen from outside."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "appnas.cli", "report", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(name, count):
    """One line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = create(Path(folder) / "run", config(name))
        seconds, peak = part("search", path, name, count)
        journal = sum(file.stat().st_size for file in path.glob("*.jsonl"))
        resumed, memory = part("search", path, name, count)
        reported = report(path)
        page = (path / "report.html").stat().st_size
    return (
        f"| {name} | {count:,} | {1000 * seconds / count:.3f} | {seconds:.1f} | {peak:,.0f} | {journal / count:.0f} |"
        f" {resumed:.2f} | {memory:,.0f} | {reported:.1f} | {page / 1e6:.2f} |"
    )


def opened(rows, columns, kind):
    """CPU seconds to open a table of so many rows, its columns lists or arrays."""
    sizes = np.random.default_rng(0).integers(0, 3, (rows, columns)).astype(float)
    archs = [tuple(map(int, np.unravel_index(i, (8,) * 7))) for i in range(rows)]
    given = {f"c{i}": sizes[:, i] if kind == "arrays" else sizes[:, i].tolist() for i in range(columns)}
    archs = np.array(archs) if kind == "arrays" else archs
    start = time.process_time()
    Table(archs, given, "c0")
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--million", action="store_true", help="a million evaluations, too")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument("--rows", type=int, default=400_000, help="of the table that is opened")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        kind, *rest = args.part
        spent = opened(int(rest[0]), 4, rest[1]) if kind == "open" else search(Path(rest[0]), rest[1], int(rest[2]))
        print(json.dumps(spent), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    print("| search | evaluations | CPU s a 1,000 | CPU s | peak MiB | journal, B an evaluation |", end="")
    print(" resume, CPU s | peak MiB | report, CPU s | page, MB |\n|" + " --- |" * 10)
    for name in args.strategies:
        for count in [*args.evaluations, *[1_000_000] * args.million]:
            print(row(name, count), flush=True)
    for kind in ("lists", "arrays"):
        seconds, peak = part("open", args.rows, kind)
        print(
            f"a table of {args.rows:,} rows and 4 columns, {kind}: opened in {seconds:.2f} CPU s, peak {peak:,.0f} MiB"
        )


if __name__ == "__main__":
    main()
