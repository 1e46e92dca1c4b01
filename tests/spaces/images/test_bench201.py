import random
from functools import lru_cache
from itertools import permutations, product

import networkx as nx
import numpy as np
import pytest
import torch

from appnas.cost import counts
from appnas.run import catalogue
from appnas.space import IO, Arch, constant_arch, random_arch, size
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import EDGES, OPS_201, latencies, load
from appnas.strategy import Draw
from appnas.testing import SpaceSuite, SupernetSuite

CIFAR = IO((3, 32, 32), (10,))


@pytest.fixture
def io() -> IO:
    return IO((1, 8, 8), (10,))


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201


class TestSupernet(SupernetSuite):
    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201

    def coincides(self, space: Bench201, arch: Arch) -> bool:
        """In training mode both normalise by the batch."""
        return True


def test_weights_of_the_supernet():
    """That of the benchmark's authors with 16 channels, 5 cells a stage, affine batch norms."""
    with torch.device("meta"):
        assert counts.parameters(Bench201().supernet(CIFAR)) == 1_699_546


def test_weights_of_a_network_by_hand():
    """All `none` leaves the stem, the two residual blocks, and the head."""
    network = Bench201().build((0,) * 6, CIFAR)
    stem = 3 * 16 * 9 + 2 * 16
    blocks = sum(9 * c * 2 * c + 9 * 4 * c * c + 2 * (2 * 2 * c) + 2 * c * c for c in (16, 32))
    head = 2 * 64 + 64 * 10 + 10
    assert counts.parameters(network) == stem + blocks + head


def unique(arch) -> str:
    """The benchmark's own string of a cell: zeros and skips are followed, what is added up is sorted."""
    states = ["0"]
    for node in (1, 2, 3):
        terms = []
        for (source, target), index in zip(EDGES, arch, strict=True):
            if target == node:
                op, before = OPS_201[index], states[source]
                dead = op == "none" or before == "#"
                terms.append("#" if dead else before if op == "skip_connect" else f"({before})@{op}")
        states.append("+".join(sorted(terms)))
    return states[3]


SLOPES, SHIFTS = np.random.default_rng(0).uniform([[[0.5]], [[-1.0]]], [[[2.0]], [[1.0]]], (2, 2, 6))


@lru_cache
def ways(one: int, other: int) -> np.ndarray:
    """All ways to give so many convolutions of either kind different ones of six functions."""
    rows = [(*a, *b) for a in permutations(range(6), one) for b in permutations(range(6), other)]
    return np.array(rows, int).reshape(len(rows), one + other)


def outputs(arch) -> tuple[float, float]:
    """The extremes of a cell's output over all ways to give its convolutions one of six functions of their kind."""
    kinds = [[e for e, index in enumerate(arch) if index == kind] for kind in (2, 3)]
    taken = ways(*map(len, kinds))
    column = {e: taken[:, i] for i, e in enumerate([*kinds[0], *kinds[1]])}
    states, alive = [np.full(len(taken), 0.37)], [True]
    for node in (1, 2, 3):
        total, reached = np.zeros(len(taken)), False
        for e, ((source, target), index) in enumerate(zip(EDGES, arch, strict=True)):
            if target == node and index and alive[source]:
                x, reached = states[source], True
                if index == 4:
                    x = np.tanh(0.7 * x + 0.2)
                elif index > 1:
                    x = np.sin(SLOPES[index - 2][column[e]] * x + SHIFTS[index - 2][column[e]])
                total = total + x
        states.append(total)
        alive.append(reached)
    return (round(states[3].min(), 8), round(states[3].max(), 8)) if alive[3] else (np.inf, np.inf)


def test_cells_that_are_the_same_network():
    """One name for cells that compute the same whatever their weights are, another for all others: 5,260 of 15,625."""
    space, cells = Bench201(), list(product(range(5), repeat=6))
    named = {}
    for arch in cells:
        named.setdefault(space.canonical(arch), []).append(outputs(arch))
    assert len(named) == 5260 and all(len(set(values)) == 1 for values in named.values())
    assert len({values[0] for values in named.values()}) == 5260
    assert all(space.canonical(name) == name for name in named)
    assert len({unique(arch) for arch in cells}) == 6466  # the authors' count
    assert space.canonical((0, 0, 4, 3, 2, 1)) == (0, 0, 0, 3, 0, 0)  # nothing reaches the inner states
    twice, two = (3, 0, 1, 0, 1, 1), (3, 3, 0, 0, 1, 1)  # one convolution added to itself, or another one to it
    assert space.canonical(twice) != space.canonical(two) and unique(twice) == unique(two)


def test_choices():
    space = Bench201()
    assert size(space) == 15_625
    assert space.choices[0].options == ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    assert len(EDGES) == 6


@pytest.mark.parametrize("size", [{"channels": 0}, {"repeats": 0}])
def test_sizes_below_one_are_refused(size):
    with pytest.raises(ValueError, match="at least 1"):
        Bench201(**size)


def test_none_can_be_found():
    space = Bench201()
    matrix = torch.zeros(6, 5)
    matrix[:, 3] = 1.0
    matrix[2, 0] = 2.0
    assert space.discretise((matrix,)) == (3, 3, 0, 3, 3, 3)


def test_graph():
    graph = Bench201().graph((3, 0, 1, 2, 0, 4))["cell"]
    assert nx.is_directed_acyclic_graph(graph)
    assert set(graph.edges(data="op")) == {
        ("in", "1", "nor_conv_3x3"),
        ("1", "2", "skip_connect"),
        ("in", "out", "nor_conv_1x1"),
        ("2", "out", "avg_pool_3x3"),
    }


def test_an_all_none_cell_is_a_dead_end(bench201: Bench201, io: IO):
    """The output does not depend on the input: every map after the first cell is zero."""
    network = bench201.build((0,) * 6, io).eval()
    with torch.no_grad():
        a, b = network(torch.randn(2, 1, 8, 8)), network(torch.randn(2, 1, 8, 8))
    assert torch.equal(a, b)


def test_a_missing_table_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="APPNAS_DATA"):
        load(path=tmp_path)


def test_table(data):
    """Published figures: the optimum's, all skip_connect's and all nor_conv_3x3's test accuracy after 200 epochs."""
    space = Bench201()
    for dataset, best, skip, conv in (
        ("cifar10", 94.37, 54.30, 93.76),
        ("cifar100", 73.51, 15.61, 71.11),
        ("imagenet16", 47.31, 16.32, 41.44),
    ):
        archs, columns = load(dataset, data / "nasbench201")
        assert len(set(archs)) == 15_625 == len(columns["test200"])
        assert all(space.valid(arch) for arch in archs)
        test = dict(zip(archs, columns["test200"], strict=True))
        assert max(test.values()) == pytest.approx(best, abs=0.006)
        assert test[constant_arch(space, "skip_connect")] == pytest.approx(skip, abs=0.006)
        assert test[constant_arch(space, "nor_conv_3x3")] == pytest.approx(conv, abs=0.006)


def test_networks_are_those_of_the_table(data):
    """Parameters and multiply-adds of our networks equal the table's."""
    archs, columns = load("cifar10", data / "nasbench201")
    row = {arch: i for i, arch in enumerate(archs)}
    space, rng = Bench201(), random.Random(0)
    for _ in range(4):
        arch = random_arch(space, rng)
        network = space.build(arch, CIFAR).eval()
        assert counts.parameters(network) == columns["params"][row[arch]]
        assert counts.macs(network, (torch.randn(1, 3, 32, 32),)) == columns["macs"][row[arch]]
    assert OPS_201[3] == "nor_conv_3x3"


def test_latencies_of_devices(data):
    """27 of them, a number for every cell; more convolutions take longer everywhere but on big graphics cards."""
    space, (archs, devices) = Bench201(), latencies(data / "nasbench201")
    assert len(devices) == 27 and archs == load("cifar10", data / "nasbench201")[0]
    row = {arch: i for i, arch in enumerate(archs)}
    skip, conv = (row[constant_arch(space, name)] for name in ("skip_connect", "nor_conv_3x3"))
    for name in ("raspi4", "pixel3", "fpga", "eyeriss", "gold_6226"):
        assert devices[name][skip] < devices[name][conv], name
    for column in devices.values():
        assert len(column) == 15_625 and (column > 0).all()


def test_a_table_with_the_latencies_of_a_device(data):
    domain = catalogue.domain("bench201:cifar10", catalogue.Bench201Options(str(data / "nasbench201"), "raspi4"))
    score = domain.score(Draw((3,) * 6))
    archs, devices = latencies(data / "nasbench201")
    assert score.metrics["latency_ms"] == pytest.approx(float(devices["raspi4"][archs.index((3,) * 6)]))
    with pytest.raises(ValueError, match="did you mean 'raspi4'"):
        catalogue.domain("bench201:cifar10", catalogue.Bench201Options(str(data / "nasbench201"), "rasp4"))
