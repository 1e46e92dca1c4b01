"""The NAS-Bench-201 topology space: one cell of 4 states and 6 edges (Dong and Yang, arXiv 2001.00326).

15,625 cells, all of them trained by the authors. `load` reads their results where a copy of the table is present.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import networkx as nx
import numpy as np
import torch
from torch import Tensor, nn

from appnas.space import IO, SKIP, ZERO, Arch, Choice, Gates, Mask, only
from appnas.spaces.parts import Free, ReLUConvNorm, Style, norm, operation, swapped
from appnas.supernet import Dag, Recompute, planned, recomputed
from appnas.support import checked

OPS_201 = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
CONVOLUTIONS = {"nor_conv_1x1", "nor_conv_3x3"}
"""Operations with weights of their own: two of a kind are not one."""
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


@dataclass(frozen=True)
@checked(channels=1, repeats=1)
class Bench201(Free):
    """The NAS-Bench-201 space. The published table holds for channels=16, repeats=5."""

    channels: int = 16
    """Channels of the first stage; they double twice."""
    repeats: int = 5
    """Cells in each of the three stages (N)."""
    affine: bool = True
    """Scale and shift in the supernet's batch norms."""
    recompute: Recompute = "auto"
    """What the supernet computes again in backward instead of keeping it, at the same result: nothing, the outputs of
    whole cells (it has no separable convolutions); "auto" is as little as the memory that is free asks for."""
    threshold: float = 0.0
    """The supernet leaves out options whose gates are at most this for the whole batch: 0 is exact; a larger one is
    faster, and such options get no gradient."""
    mask: ClassVar[Mask | None] = None
    edges: ClassVar[tuple[tuple[int, int], ...]] = EDGES
    """(source, target) states of the cell, in the order of the decisions."""

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """One decision an edge, in the order (0,1) (0,2) (1,2) (0,3) (1,3) (2,3)."""
        return (Choice("cell", OPS_201, len(EDGES), "cell"),)

    def valid(self, arch: Arch) -> bool:
        """Every combination is in the space."""
        return len(arch) == len(EDGES) and all(0 <= index < len(OPS_201) for index in arch)

    def graph(self, arch: Arch) -> dict[str, nx.MultiDiGraph]:
        """The cell as a graph: states as nodes, operations on the edges (attribute `op`)."""
        graph = nx.MultiDiGraph(inputs=["in"], outputs=["out"])
        graph.add_nodes_from(["in", "1", "2", "out"])
        names = list(graph)
        for (source, target), index in zip(EDGES, arch, strict=True):
            if OPS_201[index] not in ZERO:
                graph.add_edge(names[source], names[target], op=OPS_201[index])
        return {"cell": graph}

    def equivalents(self, arch: Arch) -> list[Arch]:
        """The same network with the two inner states exchanged, if no operation joins them."""
        other = swapped(EDGES, OPS_201, arch, 1)
        return [] if other is None else [other]

    def canonical(self, arch: Arch) -> Arch:
        """The first of all cells that are the same network: 5,260 of the 15,625 differ.

        Operations that do not lie between input and output, skips and the order of states say nothing of it. (The
        benchmark's authors count 6,466: they tell a sum with a zero from the same sum without, and sums by
        their order, but not one convolution that is used twice from two that are alike.)
        """
        return _first()[tuple(arch)]

    def supernet(self, io: IO, mask: Mask | None = None) -> Network201:
        """All candidates of every edge, with batch norms on batch statistics: forward(x, gates)."""
        return Network201(self, io, Style(affine=self.affine, track=False), mask)

    def build(self, arch: Arch, io: IO) -> Network201:
        """The stand-alone network: forward(x)."""
        return Network201(self, io, Style(), only(self.choices, arch))


def _terms(arch: Arch, name: Callable[[int], str]) -> list[list[str]]:
    """What is added up in every state, in words; `name` tells one convolution, on an edge, from another of its kind."""
    states = [["x"]]
    for node in (1, 2, 3):
        found: list[str] = []
        for edge, (source, target) in enumerate(EDGES):
            op = OPS_201[arch[edge]]
            if target == node and op not in ZERO and states[source]:
                whole = f"{op}{name(edge) if op in CONVOLUTIONS else ''}({'+'.join(states[source])})"
                found += states[source] if op in SKIP else [whole]
        states.append(sorted(found))
    return states


def _network(arch: Arch) -> str:
    """The output in words, the same for the same network: the first of all ways to number alike convolutions."""
    states, alike = _terms(arch, lambda edge: ""), defaultdict(list)
    for edge, (source, _) in enumerate(EDGES):
        if OPS_201[arch[edge]] in CONVOLUTIONS and states[source]:
            alike[arch[edge], *states[source]].append(edge)
    found = []
    for numbers in itertools.product(*(itertools.permutations(range(len(edges))) for edges in alike.values())):
        pairs = zip(itertools.chain(*alike.values()), itertools.chain(*numbers), strict=True)
        found.append("+".join(_terms(arch, {edge: str(k) for edge, k in pairs}.__getitem__)[-1]))
    return min(found)


@lru_cache(maxsize=1)
def _first() -> dict[Arch, Arch]:
    """For every cell the first that is the same network."""
    first: dict[str, Arch] = {}
    cells = itertools.product(range(len(OPS_201)), repeat=len(EDGES))
    return {arch: first.setdefault(_network(arch), arch) for arch in cells}


class BasicBlock(nn.Module):
    """The residual block of stride 2 between stages."""

    def __init__(self, c_in: int, c_out: int, style: Style):
        super().__init__()
        self.first = ReLUConvNorm(c_in, c_out, 3, 2, style)
        self.second = ReLUConvNorm(c_out, c_out, 3, 1, style)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2, 0), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, 2 C, H / 2, W / 2]."""
        return self.shortcut(x) + self.second(self.first(x))  # type: ignore[no-any-return]


class Network201(nn.Module):
    """Stem, three stages of cells with residual blocks between them, batch norm, ReLU, pooling, linear."""

    def __init__(self, space: Bench201, io: IO, style: Style, mask: Mask | None):
        super().__init__()
        if any(side % 4 for side in io.inputs[1:]):
            raise ValueError(
                f"NAS-Bench-201 halves images twice, so their sides are divisible by 4, got {tuple(io.inputs[1:])}:"
                " crop, pad or resize them, Options(side=...) with Images.of, or take Cells, which has images of any"
                " size"
            )
        c = space.channels
        self.stem = nn.Sequential(nn.Conv2d(io.inputs[0], c, 3, 1, 1, bias=False), norm(c, style))
        _, self.whole = planned(space.recompute).first(3 * space.repeats)
        self.stages = nn.ModuleList()
        self.blocks = nn.ModuleList()
        for stage in range(3):
            width = c * 2**stage
            if stage:
                self.blocks.append(BasicBlock(width // 2, width, style))
            self.stages.append(nn.ModuleList(_cell(width, style, mask, space.threshold) for _ in range(space.repeats)))
        self.last = nn.Sequential(norm(4 * c, style), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(4 * c, io.outputs[0])

    def forward(self, x: Tensor, gates: Gates | None = None) -> Tensor:
        """Class scores.

        Shapes:
            x: [B, C, H, W]. gates: ([6, 5],) or ([B, 6, 5],). returns: [B, classes].
        """
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        stages: Any = self.stages
        for stage, cells in enumerate(stages):
            if stage:
                x = self.blocks[stage - 1](x)
            for i, cell in enumerate(cells, stage * len(cells)):
                inputs = [x], None if gates is None else gates[0]
                x = (recomputed(cell, *inputs) if i < self.whole and gates is not None else cell(*inputs))[-1]
        return self.classifier(self.last(x))  # type: ignore[no-any-return]


def _cell(channels: int, style: Style, mask: Mask | None, threshold: float) -> Dag:
    def make(edge: int, option: str) -> nn.Module:
        return operation(option, channels, 1, style)

    return Dag(EDGES, 1, OPS_201, make, None if mask is None else mask[0], threshold=threshold)


Dataset = Literal["cifar10", "cifar100", "imagenet16"]


def load(dataset: Dataset = "cifar10", path: Path | None = None) -> tuple[list[Arch], dict[str, np.ndarray]]:
    """The benchmark's results, for `appnas.estimate.Table`.

    Args:
        dataset: which of the three.
        path: folder with nb201.npz; by default nasbench201 in the folder that APPNAS_DATA names.

    Returns:
        The 15,625 architectures, and columns: valid12 and valid200 (validation accuracy after 12 and 200 epochs,
        %), test200 (test accuracy, %), seconds12 (training time of 12 epochs, s), params, macs.

    Raises:
        FileNotFoundError: no table there.
    """
    file = _file("nb201.npz", path)
    with np.load(file) as data:
        archs = _archs(data)
        columns = {name: data[f"{dataset}_{name}"] for name in ("valid12", "valid200", "test200", "params", "macs")}
        columns["seconds12"] = data[f"{dataset}_train_seconds200"] * 12 / 200
    return archs, columns


def latencies(path: Path | None = None) -> tuple[list[Arch], dict[str, np.ndarray]]:
    """Latencies of all cells on 27 devices, gathered by HELP's authors (Lee et al., arXiv 2106.08630).

    Args:
        path: folder with nb201.npz and nb201_latency.npz; by default as `load` has it.

    Returns:
        The architectures, in the order of `load`, and for each device, named with the batch size where several were
        measured ("1080ti_32"), ms of one pass.

    Raises:
        FileNotFoundError: no table there.
    """
    with np.load(_file("nb201.npz", path)) as data:
        archs = _archs(data)
    with np.load(_file("nb201_latency.npz", path)) as data:
        return archs, {name: data[name] for name in data.files}


def _file(name: str, path: Path | None) -> Path:
    file = (path or Path(os.environ.get("APPNAS_DATA", "data")) / "nasbench201") / name
    if not file.exists():
        raise FileNotFoundError(
            f"no NAS-Bench-201 table at {file}: set APPNAS_DATA to the folder that holds nasbench201"
        )
    return file


def _archs(data: Mapping[str, np.ndarray]) -> list[Arch]:
    """The architectures of a table, in our order of the operations."""
    order = [list(data["op_names"]).index(name) for name in OPS_201]
    return [tuple(row) for row in np.argsort(order)[data["ops"]].tolist()]
