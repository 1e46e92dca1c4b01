"""appnas.api.resolving: searches of what people have at hand, and spaces that do not fit it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ring_data

import appnas
from appnas.api.resolving import field, misfit, resolved, usual
from appnas.domains import Graphs, Images
from appnas.domains.labelled import Labelled
from appnas.estimate import Table
from appnas.spaces import GNN, SPACES, Bench201, Cells, GraphMix, Maskable, Recurrent

X, Y = np.random.default_rng(0).random((48, 8, 8, 3)), np.arange(48) % 3
FEW = {"evaluations": 2, "budget": 1}


def test_a_graph_is_enough():
    result = appnas.search("gnn", ring_data(), **FEW, start=2, warmup=1, top=1, repeats=1)
    assert isinstance(result.domain, Graphs) and result.info["method"] == "agnn" and type(result.space) is GNN


def test_arrays_are_enough():
    space = Bench201(channels=2, repeats=1)
    result = appnas.search(space, (X, Y), order="first", epochs=1)
    assert type(result.domain) is Images and result.domain.io.inputs == (3, 8, 8) and result.info["method"] == "darts"
    result = appnas.search(space, ((X[:32], Y[:32]), (X[32:], Y[32:])), "random", **FEW)
    assert result.domain.has_test


def test_names_are_names_and_paths_are_data(tmp_path):
    (tmp_path / "my.txt").write_text("whether 'tis nobler in the mind to suffer\n" * 100)
    space, domain, method = resolved("recurrent", str(tmp_path / "my.txt"), "")
    assert domain.catalogue_name == "text" and method == "darts" and type(space) is Recurrent
    assert resolved("cells", "digits", "random")[1].catalogue_name == "digits"
    with pytest.raises(ValueError, match=r"there is no domain 'digts', .*did you mean 'digits'"):
        resolved("cells", "digts", "")


def test_the_usual_method_is_one_that_can():
    table = Table([(0,), (1,)], {"a": [1, 2]}, "a")
    images, graph = Images(X, Y), Graphs(ring_data())
    for space, domain, method in (
        (Cells(), images, "darts"), (SPACES["mnas"](), images, "evolution"), (GNN(), graph, "agnn"),
        (GraphMix(), graph, "darts"), (Cells(), table, "evolution"),
        (SimpleNamespace(supernet=1, paths_only="it picks widths"), images, "evolution"),
        (SimpleNamespace(), images, "evolution"), (Cells(), SimpleNamespace(), "evolution"),
    ):  # fmt: skip
        assert usual(space, domain) == method


def test_fields_of_spaces_and_domains(chain, regression):
    assert [field(thing) for thing in (Cells(), GNN(), Images(X, Y), chain, regression)] == [
        "images", "graphs", "images", "", "",
    ]  # fmt: skip
    assert {name: field(kind()) for name, kind in SPACES.items()}["guide_dag"] == "eda"
    assert field(Maskable(Cells())) == "" and field(type("Mine", (Cells,), {})()) == "images"


@pytest.mark.parametrize(
    ("space", "data", "said"),
    [
        ("cells", ring_data(), r"^Cells is a space of the field images, Graphs is of graphs: spaces that fit are gnn"),
        ("mnas", ring_data(), "Mnas is a space of the field images, Graphs is of graphs"),
        ("gnn", (X, Y), r"^GNN is a space of the field graphs, Images is of images: .* cells, robust"),
        ("recurrent", (X, Y), "Recurrent is a space of the field text, Images is of images"),
        ("guide_dag", ring_data(), "GuideDag is a space of the field eda, Graphs is of graphs"),
        ("cells", (X[:, :, 0, 0], Y), r"Cells is a space of images .* Labelled have the shape \(8,\): write the mo"),
        ("gnn", (X[:, :, 0, 0], Y), "GNN is a space of graphs, and this Labelled has none: give a torch_geometric"),
    ],
)  # fmt: skip
def test_a_space_of_another_field_is_told_before_the_start(space, data, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        appnas.search(space, data, out=tmp_path / "run")
    with pytest.raises(ValueError, match=said):
        appnas.search(space, data, "random", retrain_epochs=1)
    assert not list(tmp_path.iterdir())


def test_what_fits_raises_its_own_errors():
    assert misfit(Cells(), Images(X, Y)) is None and misfit(SimpleNamespace(), Graphs(ring_data())) is None
    with pytest.raises(ValueError, match=r"sides are divisible by 4, got \(7, 7\)"):
        appnas.search(Bench201(channels=2, repeats=1), (X[:, :7, :7], Y), "random", **FEW)


def test_images_without_content_are_told_before_the_start(tmp_path):
    for x in (np.full((48, 8, 8), 7), np.zeros((48, 8, 8, 3), np.uint8)):
        with pytest.raises(ValueError, match="the first 8 training inputs are alike, each of one colour"):
            appnas.search("cells", (x, Y), out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_labelled_data_for_models_of_ones_own():
    class Net(torch.nn.Sequential):
        def __init__(self, io, width=4):
            act = appnas.pick("act", {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh})
            super().__init__(torch.nn.Linear(*io.inputs, width), act, torch.nn.Linear(width, *io.outputs))

    rows = X[:, :, 0, 0].astype(np.float32)
    domain = Labelled(rows, Y)
    result = appnas.search(appnas.space_of(Net, domain.io), (rows, Y), "random", **FEW)
    assert isinstance(result.domain, Labelled) and result.domain.io == domain.io
