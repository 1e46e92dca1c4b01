"""appnas.domains.eda.flow.fly_lines: wide nets in little memory, near the exact maps; trees; ideal nets."""

import tracemalloc

import numpy as np
import pytest
from test_grammar import de, lef

from appnas.domains.eda.flow import features, fly_lines, read_def, read_lef, without
from appnas.domains.eda.flow.fly_lines import pairs, spanning_tree
from appnas.domains.eda.flow.grids import Grid


def wide(folder, pins, more=()):
    """A design of one net of many inverters."""
    cells = [f"- i{j} INV + PLACED ( {1000 * (j % 97)} {1000 * (j * 7 % 97)} ) N ;" for j in range(pins)]
    net = "- clk " + " ".join(f"( i{j} A )" for j in range(pins)) + " + USE CLOCK ;"
    (folder / "a.lef").write_text(lef())
    (folder / "a.def").write_text(de(cells=cells, nets=(net, *more)))
    return read_def(folder / "a.def", read_lef([folder / "a.lef"]))


def test_memory_does_not_grow_with_the_square(tmp_path):
    design = wide(tmp_path, 2000)
    tracemalloc.start()
    maps = features(design, 32, 32)
    assert tracemalloc.get_traced_memory()[1] < 100e6  # all pairs at once: 10 GB
    tracemalloc.stop()
    assert all(np.isfinite(m).all() for m in maps.values()) and maps["pair_large"].mean() > 1


def test_pairs_of_wide_nets_stand_for_all(monkeypatch):
    """Of 400 pins: the same length in all to 3 %, the same map to 6 %."""
    points, grid = np.random.default_rng(0).random((1, 400, 2)) ** 2, Grid((0, 0, 1, 1), 8, 8)
    few = fly_lines.fly_lines(grid, points)["pair"]
    monkeypatch.setattr(fly_lines, "EVERY", 400)
    every = fly_lines.fly_lines(grid, points)["pair"]
    assert few.sum() == pytest.approx(every.sum(), rel=0.03)
    assert np.abs(few - every).sum() < 0.06 * every.sum()
    assert np.corrcoef(few.ravel(), every.ravel())[0, 1] > 0.998


@pytest.mark.parametrize("k", [2, 3, 64, 65, 66, 1000])
def test_pairs_weigh_half_the_pins(k):
    first, second, weight = pairs(k)
    assert len(first) * weight == pytest.approx(k / 2) and (first != second).all()
    assert len(np.unique(np.sort(np.stack([first, second]), 0), axis=1).T) == len(first)
    assert np.ptp(np.bincount(first, minlength=k) + np.bincount(second, minlength=k)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_trees_of_wide_nets_are_as_short(monkeypatch, seed):
    """Points on a lattice, so that many distances are equal and some points, too."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, (40, 12, 500)[seed], (2, 150, 2)).astype(float)

    def length(edges, net):
        a, b = (points[net, ends[net]] for ends in edges)
        return np.abs(a - b).sum()

    prim = spanning_tree(points)
    monkeypatch.setattr(fly_lines, "PRIM", 20)
    kruskal = spanning_tree(points)
    for net in range(2):
        assert length(kruskal, net) == length(prim, net)
        above = np.arange(150)
        for a, b in zip(kruskal[0][net], kruskal[1][net], strict=True):
            assert above[a] != above[b]
            above[above == above[b]] = above[a]
        assert len(set(above)) == 1


def test_ideal_nets_are_passed_by(tmp_path):
    design = wide(tmp_path, 120, ("- a ( i0 Y ) ( i5 A ) + USE SIGNAL ;",))
    for said in (["100"], ["clock"], ["SCAN", "119"]):
        maps = features(without(design, said), 4, 4)
        assert not maps["tree_large"].any() and maps["tree_small"].any() and maps["pin"].sum() == 122
    assert without(design, []) is design and features(without(design, ["120"]), 4, 4)["tree_large"].any()
    with pytest.raises(ValueError, match=r"those of a USE .* got 'CLK'"):
        without(design, ["CLK"])
