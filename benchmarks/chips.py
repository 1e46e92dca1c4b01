"""What the rows of routability.py are made of: data, splits, switches, and the networks that no search found."""

import os
import platform
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from appnas.domains.eda import ISPD, SHIPPED, SMALL, Options, Routability, Routings, load
from appnas.domains.eda.circuitnet import ispd2015
from appnas.domains.eda.flow import OVERFLOW, PAPER
from appnas.spaces import GuideDag
from appnas.spaces.eda import NETS

CHANNELS = {"paper": PAPER, "router": (*PAPER, *OVERFLOW), "default": Options().channels}
STRIDES = {"hotspots": (1, 1), "violated_nets": (1, 1), "congestion": (1, 2)}
"""Of the space's stages. Of hotspots and congestion chosen by validation; counts keep all gcells, as their head sums
them."""
PARTS = 3
"""Of the designs, each the test once, with --rotate."""
EDGES = {"no edge": (), "one edge": (31,)}
"""Guide-DAGs that nobody searched. The one edge leads from the input to the dilated convolution of the first stage's
second guide-DAG."""


class Linear(nn.Module):
    """A weighted sum of the channels as a map."""

    def __init__(self, io):
        super().__init__()
        self.weigh = nn.Conv2d(io.inputs[0], 1, 1)

    def forward(self, x):
        return self.weigh(x)[:, 0]


def space_of(args, task):
    return GuideDag(width=16, strides=tuple(args.strides or STRIDES[task]), kernels=(3, 5, 7, 9))


def network(args, name, task, io):
    """A network that no search found, by name."""
    if name not in EDGES:
        return {"linear": Linear, **NETS}[name](io)
    space = space_of(args, task)
    count = sum(choice.count for choice in space.choices)
    return space.build(tuple(int(edge in EDGES[name]) for edge in range(count)), io)


def first(data, each):
    """The first `each` placements of every design."""
    seen = {design: 0 for design in data.designs}
    rows = []
    for i, design in enumerate(data.designs):
        seen[design] += 1
        rows += [i] if seen[design] <= each else []
    return data if len(rows) == len(data.designs) else chosen(data, rows)


def chosen(data, rows):
    """Some of the placements, with all that is known of them."""
    of = {name: tuple(getattr(data, name)[i] for i in rows) for name in ("designs", "names")}
    of["labels"] = {name: maps[rows] for name, maps in data.labels.items()}
    of["counts"] = None if data.counts is None else data.counts[rows]
    of["routings"] = data.routings and Routings(data.routings.counts[rows], data.routings.hot[rows])
    of["netlists"] = data.netlists and [data.netlists[i] for i in rows]
    return replace(data, x=data.x[rows], **of)


@cache
def placements(task, each, side):
    """The data of a task."""
    if task != "congestion":
        return first(load(SHIPPED), each)
    path = Path(os.environ.get("APPNAS_DATA", "data")) / "circuitnet_ispd2015" / "congestion_128.npz"
    return first(ispd2015(path, side), each)


def left_out(args, task):
    """Designs, or with --rotate parts of them, that are left out in turn; an empty name for the shipped split."""
    if task == "congestion":
        return sorted(set(placements(task, args.each, args.side).designs))
    return [f"{part + 1}/{PARTS}" for part in range(PARTS)] if args.rotate else [""]


def part_of(args, task, name):
    """Test and validation designs of a part."""
    designs = sorted(set(placements(task, args.each, args.side).designs))
    random.Random(0).shuffle(designs)
    part = int(name[0]) - 1
    return tuple(designs[part::PARTS]), tuple(designs[(part + 1) % PARTS :: PARTS][: len(SMALL.valid)])


def domain_of(args, task, design):
    """With the design left out for the test, the next one for validation; or as shipped."""
    data = placements(task, args.each, args.side)
    if task == "congestion":
        designs = left_out(args, task)
        valid = designs[(designs.index(design) + 1) % len(designs)]
        return Routability(data, replace(ISPD, test=(design,), valid=(valid,)))
    options = replace(SMALL, task=task, channels=CHANNELS[args.channels], head=args.head)
    if design:
        test, valid = part_of(args, task, design)
        options = replace(options, test=test, valid=valid)
    return Routability(data, options)


def single(domain):
    """The domain with labels of one routing to learn from, where the data's are means over several orders of the nets.

    Raises:
        ValueError: the data hold one routing, or the task is congestion.
    """
    routings = domain.data.routings
    if routings is None or domain.options.task == "congestion":
        raise ValueError("--labels one is of counts or hotspots, and of data with several routings a placement")
    labels = {**domain.data.labels, "hotspot": routings.hot[:, 0].astype(np.float32)}
    of = {name: domain.split[name] for name in ("test", "valid")}
    data = replace(domain.data, counts=routings.counts[:, 0], labels=labels)
    return Routability(data, replace(domain.options, **of))


def tested(domain, learner, model):
    """Test metrics of a model of `learner`'s, by the labels of `domain`."""
    rows, _ = domain.of_split("test")
    return domain.measured(learner.predict(model, rows), "test")


def machine():
    """Processor and torch: trainings differ between processors by as much as between seeds."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, torch {torch.__version__}"


def rounded(metrics):
    return {name: float(np.round(value, 5)) for name, value in metrics.items()}
