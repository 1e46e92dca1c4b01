"""Rows of layers and masks as drawings: the order of the layers, and which parts are kept."""

import random

import pytest

from appnas.report import figures, layers
from appnas.space import random_arch
from appnas.spaces import GNN, MLP, SPACES, AlexNet, Bench201, CondenseNet, GuideDag, Maskable, Mnas


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_layer_is_an_operation_and_named_values():
    made = layers.layer(("mbconv", "expand 6", "kernel 5", "pool"))
    assert made == layers.Layer("mbconv", {"expand": "6", "kernel": "5", "": "pool"})
    assert str(made) == "mbconv expand 6 kernel 5 pool"
    assert layers.layer("max_pool") == layers.Layer("max_pool", {})
    assert layers.layer(("hidden 8", "attention gat", "heads 2")).op == "gat"
    assert layers.layer(("head mean", "readout sum")) == layers.Layer("head", {"head": "mean", "readout": "sum"})


def test_neighbours_that_are_alike_are_one_box_and_others_keep_their_order():
    a, b = layers.layer(("conv", "width 8")), layers.layer(("conv", "width 16"))
    assert [(each.more["width"], each.count) for each in layers.grouped([a, a, b, a])] == [
        ("8", 2),
        ("16", 1),
        ("8", 1),
    ]
    drawn = texts(layers.stack.__wrapped__([a, a, b, a]))
    assert drawn.count("conv") == 3 and "\N{MULTIPLICATION SIGN} 2" in drawn
    assert [text for text in drawn if text in ("8", "16")] == ["8", "16", "8"]
    assert drawn.index("in") < drawn.index("conv")


def test_the_bars_of_sizes_are_in_proportion():
    drawn = layers.stack.__wrapped__([layers.layer(("conv", f"width {n}")) for n in (10, 40)])
    first, second = [patch.get_width() for patch in drawn.axes[0].patches if abs(patch.get_height() - 0.14) < 1e-6]
    assert second == pytest.approx(4 * first)


def test_a_mask_is_drawn_part_by_part():
    drawn = layers.mask.__wrapped__({"layer0": [True, False, True], "layer1": [False] * 40})
    assert texts(drawn) == ["layer0  2/3", "layer1  0/40"]
    first, second = drawn.axes[0].collections
    colours = [tuple(round(float(c), 3) for c in face) for face in first.get_facecolors()]
    assert colours[0] == colours[2] != colours[1] and len(second.get_paths()) == 40


@pytest.mark.parametrize("name", SPACES)
def test_every_space_of_the_catalogue_is_drawn(name):
    space = SPACES[name]()
    arch = random_arch(space, random.Random(0))
    plots = figures.architecture(space, arch)
    assert plots and len({plot.name for plot in plots}) == len(plots)
    assert all(plot.image.png.startswith(b"\x89PNG") and len(plot.alt) > 15 for plot in plots)


@pytest.mark.parametrize("space", [GNN(), AlexNet(), CondenseNet(), Mnas()])
def test_the_order_of_layers_is_told_to_those_who_do_not_see(space):
    arch = random_arch(space, random.Random(1))
    (plot,) = figures.architecture(space, arch)
    rows = [layers.layer(op) for _, op in space.graph(arch)["network"].nodes(data="op") if op]
    assert plot.alt.endswith("; ".join(f"{i}: {each}" for i, each in enumerate(rows, 1)))


def test_masks_say_how_much_they_keep():
    space = MLP(width=8, depth=2)
    on = (1, 0) * 4 + (1,) * 8
    *_, plot = figures.architecture(space, on)
    assert plot.alt.endswith("layer0: 4 of 8; layer1: 8 of 8") and "75" in plot.caption
    masked = Maskable(Bench201())
    assert figures.architecture(masked, random_arch(masked, random.Random(0)))[-1].name == "mask"


def test_one_operation_has_one_colour_in_all_pictures_of_a_network(monkeypatch):
    space, seen = GuideDag(width=8, strides=(1, 2)), []
    monkeypatch.setattr(figures.diagram, "cell", lambda graph, ops, idle: seen.append(ops) or "drawn")
    figures.architecture(space, random_arch(space, random.Random(0)))
    assert len(seen) == 4 and len({tuple(ops) for ops in seen}) == 1 and "atrous" in seen[0] and "edge" not in seen[0]
