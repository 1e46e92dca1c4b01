"""What benchmarks on the NAS-Bench-201 table share: rows kept in a file of JSON lines, so that none is run twice."""

import json
import statistics
from pathlib import Path

from appnas.estimate import Table
from appnas.space import describe
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load


def collect(out, keys, run):
    """The row of every key, as `run(*key)` gives it; those in the file `out` (None for no file) are read from there."""
    file = Path(out) if out else None
    known = {}
    if file and file.exists():
        known = {tuple(row["key"]): row for row in map(json.loads, file.read_text().splitlines())}
    for key in keys:
        if key not in known:
            known[key] = {"key": list(key), **run(*key)}
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("a") as stream:
                    stream.write(json.dumps(known[key]) + "\n")
    return [known[key] for key in keys]


def kept(out, keys):
    """Those of the keys whose rows are in the file `out`."""
    there = {tuple(json.loads(line)["key"]) for line in Path(out).read_text().splitlines()}
    return [key for key in keys if key in there]


def spread(values, digits=3):
    """Mean and one standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.{digits}f} +-{deviation:.{digits}f}"


def setting(label):
    """The cells, the table's columns, and the table with the label as its value."""
    archs, columns = load("cifar10")
    return archs, columns, Table(archs, {"value": columns[label]}, "value")


def regret(archs, columns, arch):
    """Percent below the table's best test accuracy."""
    return float(columns["test200"].max() - columns["test200"][archs.index(arch)])


def weights(arch):
    """Relative number of parameters: 1 for a 1x1 and 9 for a 3x3 convolution."""
    (ops,) = describe(Bench201().choices, arch).values()
    return sum({"nor_conv_1x1": 1, "nor_conv_3x3": 9}.get(op, 0) for op in ops)
