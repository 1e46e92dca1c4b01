"""angle_metric: paths counted by hand, the table against weights joined path by path, and who has no angles."""

import itertools
import math
import random

import pytest
import torch
from torch import nn

from appnas import pick, space_of
from appnas.one_shot import Angles
from appnas.one_shot.angle_metric import operations, paths
from appnas.space import IO, describe, random_arch
from appnas.spaces import MLP, Bench201, Encoder, Maskable

IMAGE = torch.zeros(2, 3, 8, 8)
IO8 = IO((3, 8, 8), (10,))


def through(space, arch):
    live = torch.tensor(
        [[float(name not in ("none", "zero")) for row in describe(space.choices, arch).values() for name in row]]
    )
    counts, connected = paths(space).through(live.double())
    return counts[0].tolist(), bool(connected[0])


def test_paths_of_nasbench201(bench201):
    """0-3, 0-1-3, 0-2-3 and 0-1-2-3 for edges (0,1) (0,2) (1,2) (0,3) (1,3) (2,3)."""
    assert through(bench201, (3,) * 6) == ([2, 1, 1, 1, 1, 2], True)
    assert through(bench201, (3, 0, 3, 0, 0, 3)) == ([1, 0, 1, 0, 0, 1], True)
    assert through(bench201, (3, 3, 3, 3, 0, 0)) == ([0, 0, 0, 1, 0, 0], True)
    assert through(bench201, (3, 3, 3, 0, 0, 0)) == ([0] * 6, False)


def test_paths_of_darts(cells):
    """Thirty ways lead from a cell's inputs to its nodes if all edges are there: 2 + 4 + 8 + 16."""
    found = paths(cells)
    counts, connected = found.through(torch.ones(1, 28, dtype=torch.float64))
    assert connected.all() and found.outputs == ["normal c_{k}", "reduce c_{k}"]
    into_last = counts[0, 9:14].tolist()
    assert sum(into_last) == 16 and counts[0, 0] == 8


def test_a_space_without_pictures_counts_once(chain):
    live = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    counts, connected = paths(chain).through(live)
    assert counts.tolist() == [[1.0, 0.0]] and connected.all()


def joined(space, weights, arch, skip, shared=True):
    """V of NAS-Bench-201, one path after the other."""
    edges = {(0, 1): 0, (0, 2): 1, (1, 2): 2, (0, 3): 3, (1, 3): 4, (2, 3): 5}
    parts = [w.flatten() for name, w in weights.items() if ".edges." not in name] if shared else []
    names = describe(space.choices, arch)["cell"]
    for route in ((0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)):
        steps = [edges[pair] for pair in itertools.pairwise(route)]
        if any(names[e] == "none" for e in steps):
            continue
        for e, stage in itertools.product(steps, range(3)):
            c = space.channels * 2**stage
            if names[e] == "avg_pool_3x3":
                parts.append(torch.full((c * 9,), 1 / 9))
            if names[e] == "skip_connect" and skip == "identity":
                parts.append(torch.eye(c).flatten())
            parts += [
                w.flatten() for n, w in weights.items() if n.startswith(f"stages.{stage}.0.edges.{e}.{names[e]}.")
            ]
    return torch.cat(parts).double()


@pytest.mark.parametrize(("skip", "shared"), [("empty", True), ("identity", True), ("identity", False)])
def test_the_table_is_the_angle_of_joined_weights(bench201, skip, shared):
    torch.manual_seed(0)
    net = bench201.supernet(IO8)
    now = {name: w.detach() for name, w in net.named_parameters()}
    start = {name: w.detach() + 0.2 * torch.randn_like(w) for name, w in now.items()}
    archs = [(3, 1, 2, 4, 3, 2), (3,) * 6, (2, 0, 4, 1, 0, 3), (0, 4, 0, 3, 1, 1)]
    found = Angles(bench201, net, start, (IMAGE,), skip, shared)(archs)
    for arch, angle in zip(archs, found.tolist(), strict=True):
        v, w = (joined(bench201, dict(weights), arch, skip, shared) for weights in (start, now))
        assert angle == pytest.approx(math.acos(float(v @ w / (v.norm() * w.norm()))), rel=1e-6)


def test_cut_networks_and_those_without_weights_have_turned_by_nothing(bench201):
    net = bench201.supernet(IO8)
    start = {name: -w.detach() for name, w in net.named_parameters()}
    angles = Angles(bench201, net, start, (IMAGE,), shared=False)([(0,) * 6, (1,) * 6, (3,) * 6])
    assert angles.tolist() == pytest.approx([0, 0, math.pi])
    assert Angles(bench201, net, start, (IMAGE,))([(0,) * 6]).tolist() == [0]


def test_operations_are_found_whatever_the_space(cells):
    assert {len(found) for found in operations(cells, cells.supernet(IO8), (IMAGE,)).values()} == {1, 2}
    deep = Bench201(channels=2, repeats=2, recompute="cells")
    (first, *others) = operations(deep, deep.supernet(IO8), (IMAGE,))[5, 4]
    assert first == ("stages.0.0.edges.5.avg_pool_3x3", 2) and len(others) == 5
    small = Encoder(nodes=2, channels=(2, 2), cells=1, hidden=8)
    start = dict(small.supernet(IO8).named_parameters())
    arch = random_arch(small, random.Random(0))
    assert float(Angles(small, small.supernet(IO8), start, (IMAGE,))([arch])) > 0


@pytest.mark.parametrize("space", [MLP(width=4), Maskable(Bench201(channels=2, repeats=1))], ids=["units", "masks"])
def test_options_that_are_slices_of_tensors_have_no_angle(space):
    with pytest.raises(TypeError, match=type(space).__name__):
        operations(space, space.supernet(IO8), (IMAGE,))


class Inside(nn.Module):
    """A choice that exists only inside an option of another one."""

    def __init__(self, io: IO):
        super().__init__()
        options = {"plain": lambda: nn.Linear(3, 3, bias=False), "two": lambda: nn.Linear(3, 3)}
        deep = lambda: nn.Sequential(nn.Linear(3, 3), pick("inner", options))  # noqa: E731
        self.op = pick("op", {"skip": nn.Identity, "deep": deep, "linear": lambda: nn.Linear(3, 3)})
        self.last = nn.Linear(3, io.outputs[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.op(x))


def test_options_inside_options_count_where_they_are():
    """The angle of the weights that the network of an architecture has, each once."""
    space, io = space_of(Inside, IO((3,), (2,))), IO((3,), (2,))
    torch.manual_seed(0)
    before, after = space.supernet(io), space.supernet(io)
    angles = Angles(space, after, dict(before.named_parameters()), (torch.zeros(2, 3),))
    for arch in space.every():
        inner = "net.op.deep.1." + ("plain", "two")[arch[1]]
        names = ["net.last", *([], ["net.op.deep.0", inner], ["net.op.linear"])[arch[0]]]
        v, w = (
            torch.cat([p.flatten() for name, p in net.named_parameters() if name.rpartition(".")[0] in names]).double()
            for net in (before, after)
        )
        expected = torch.arccos((v @ w / (v.norm() * w.norm())).clamp(-1, 1))
        assert float(angles([arch])) == pytest.approx(float(expected.detach()), rel=1e-6)
