"""appnas.domains.graphs.data: offline graphs, real citation graphs, PyTorch Geometric's sets without a download."""

import numpy as np
import pytest
import torch

from appnas.domains.graphs import data as graph_data
from appnas.domains.graphs.data import DigitOptions, PyGOptions
from appnas.run import catalogue


def test_the_graph_of_digits():
    domain = graph_data.digits()
    whole = domain._whole["train"]
    assert whole.x.shape == (1797, 64) and domain.io.outputs == (10,)
    assert [len(domain._whole[split].y) for split in ("train", "valid", "test")] == [100, 500, 1197]
    assert torch.bincount(whole.y).tolist() == [10] * 10
    a, b = whole.edge_index
    assert {*zip(a.tolist(), b.tolist(), strict=True)} == {*zip(b.tolist(), a.tolist(), strict=True)}
    assert int(torch.bincount(a).min()) >= 8 and not (a == b).any()
    fewer = graph_data.digits(DigitOptions(neighbours=3, labelled=5))
    assert len(fewer._whole["train"].y) == 50 and fewer._whole["train"].edge_index.shape[1] < len(a)


def test_every_digit_a_graph():
    domain = graph_data.pixels()
    x, edges, graph = domain.example(2)
    assert x.shape[1] == 3 and graph.max() == 1 and float(x.max()) <= 1.0
    steps = (x[edges[0], 1:] - x[edges[1], 1:]).abs() * 7
    assert steps.max() < 1.5 and steps.sum(1).min() > 0.5
    assert sum(len(part) for split, part in domain._graphs.items() if split != "all") == 1797


@pytest.mark.parametrize(("name", "shape", "splits"), [("cora", (2708, 1433), 140), ("citeseer", (3327, 3703), 120)])
def test_planetoid(data, name, shape, splits):
    domain = catalogue.domain(name)
    assert domain._whole["train"].x.shape == shape and domain.catalogue_name == name
    assert [len(domain._whole[s].y) for s in ("train", "valid", "test")] == [splits, 500, 1000]


def test_planetoid_without_data(tmp_path, monkeypatch):
    monkeypatch.setenv("APPNAS_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="planetoid"):
        graph_data.planetoid("cora")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", ["cora", "citeseer"])
def test_pyg_reads_the_same_from_the_raw_files(data, tmp_path, name):
    """Through PyTorch Geometric's own reader: the same features, edges, classes and public split."""
    pytest.importorskip("torch_geometric")
    theirs = {"cora": "Cora", "citeseer": "CiteSeer"}[name]
    raw = tmp_path / theirs / "raw"
    raw.mkdir(parents=True)
    for file in (data / "planetoid").glob(f"ind.{name}.*"):
        (raw / file.name).symlink_to(file)
    ours, read = catalogue.domain(name), graph_data.pyg(PyGOptions(name=theirs, root=str(tmp_path)))
    for split in ("train", "valid", "test"):
        assert torch.equal(ours._whole[split].nodes, read._whole[split].nodes)
        assert torch.equal(ours._whole[split].y, read._whole[split].y)
    assert torch.equal(ours._whole["train"].x, read._whole["train"].x)
    edges = [np.unique(d._whole["train"].edge_index.numpy(), axis=1) for d in (ours, read)]
    assert np.array_equal(*edges)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        (PyGOptions(dataset="Planetoids"), ValueError, "no class 'Planetoids'"),
        (PyGOptions(dataset="TUDataset", name="MUTAG"), FileNotFoundError, "MUTAG_A.txt.*nothing is downloaded"),
        (PyGOptions(dataset="PPI", name=""), FileNotFoundError, "nothing is downloaded"),
    ],
)
def test_what_is_not_there_is_not_downloaded(options, error, match, tmp_path, monkeypatch):
    pytest.importorskip("torch_geometric")
    monkeypatch.setenv("APPNAS_DATA", str(tmp_path))
    with pytest.raises(error, match=match):
        graph_data.pyg(options)
