"""appnas.domains.given: a domain out of what people have, or the constructors that make one."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ring_data
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, random_split

from appnas.domains import Graphs, Images, Labelled, Links, domain_of
from appnas.domains.labels import LabelNote
from appnas.domains.text import Text
from appnas.support import DataError

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 8, 8, 3)), np.arange(40) % 4


class Items(Dataset):
    """A data set of given items."""

    def __init__(self, items):
        self.items, self.targets = items, [item[1] for item in items]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def graphs(count=12):
    made = [ring_data() for _ in range(count)]
    for i, graph in enumerate(made):
        graph.y = torch.tensor([i % 2])
    return made


@pytest.mark.parametrize("rows", [X, torch.from_numpy(X).permute(0, 3, 1, 2), (X * 255).astype(np.uint8), list(X)])
@pytest.mark.parametrize("labels", [Y, torch.from_numpy(Y), Y.tolist()])
def test_images_with_classes_are_images(rows, labels):
    domain = domain_of((rows, labels))
    assert type(domain) is Images and domain.io.inputs == (3, 8, 8) and not domain.has_test
    held = domain_of(((rows, labels), (rows[:4], labels[:4])))
    assert type(held) is Images and held.has_test and len(held._held_out[1]) == 4


def test_pictures_and_grey_images():
    pictures = [Image.fromarray((image * 255).astype(np.uint8)) for image in X]
    assert domain_of((pictures, Y.tolist())).io.inputs == (3, 8, 8)
    assert domain_of((X[..., 0], Y), "images").io.inputs == (1, 8, 8)
    with pytest.raises(ValueError, match=r"\(40, 8, 8\) may be grey images \[N, H, W\], Images\(x, y\), or sequences"):
        domain_of((X[..., 0], Y))


@pytest.mark.parametrize(
    ("x", "y", "inputs", "outputs"),
    [
        (X[:, :, 0, 0], Y, (8,), (4,)),
        (X.transpose(0, 3, 1, 2), RNG.random(40), (3, 8, 8), (1,)),
        (X.transpose(0, 3, 1, 2), (X[..., 0] > 0.5).astype(np.int64), (3, 8, 8), (2, 8, 8)),
        (X.transpose(0, 3, 1, 2), RNG.random((40, 2)), (3, 8, 8), (2,)),
    ],
)
def test_everything_else_is_labelled(x, y, inputs, outputs):
    domain = domain_of((x.astype(np.float32), y))
    assert type(domain) is Labelled and domain.io.inputs == inputs
    assert domain.io.outputs[-len(outputs) + 1 :] == outputs[1:] or domain.io.outputs == outputs


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(RNG.random((40, 3)), columns=list("abc"))
    with pytest.warns(LabelNote, match="texts became the classes 0 to 1 in the order 'x', 'y'"):
        domain = domain_of((table, pandas.Series(["x", "y"] * 20)))
    assert type(domain) is Labelled and domain.labels == ("x", "y") and domain.io.inputs == (3,)
    with pytest.raises(TypeError, match=r"got DataFrame without labels: give the pair \(x, y\)"):
        domain_of(table)


@pytest.mark.parametrize("wrap", [Items, lambda items: DataLoader(Items(items), 4)])
def test_data_sets_are_read(wrap):
    items = [(torch.rand(3, 6, 6), int(label)) for label in Y]
    images = wrap(items)
    for given in (images, items, (images, images), (images, images, images)):
        domain = domain_of(given)
        assert type(domain) is Images and domain.io.inputs == (3, 6, 6) and domain.has_test == isinstance(given, tuple)
    rows = wrap([(torch.rand(5), float(i)) for i in range(40)])
    for given in (rows, TensorDataset(torch.rand(40, 5), torch.rand(40))):
        assert type(domain_of(given)) is Labelled


def test_rows_in_a_list_bring_their_labels():
    made = domain_of([{"image": torch.rand(3, 6, 6), "label": int(label), "id": i} for i, label in enumerate(Y)])
    assert type(made) is Images and made.io.outputs == (4,)
    with pytest.raises(ValueError, match="columns"):
        domain_of([{"a": 1, "b": 2, "c": 3}])


def test_mappings_are_splits():
    train, test = ([(torch.rand(3, 6, 6), i % 2) for i in range(count)] for count in (12, 2))
    assert domain_of({"train": Items(train), "test": Items(test)}).has_test
    assert type(domain_of({"train": (X, Y), "test": (X[:4], Y[:4])})) is Images
    with pytest.raises(ValueError, match=r"a mapping has splits, one of them 'train', got \['x', 'y'\]"):
        domain_of({"x": X, "y": Y})
    with pytest.raises(ValueError, match="got 'vaild' too; did you mean 'valid'"):
        domain_of({"train": (X, Y), "vaild": (X[:8], Y[:8]), "test": (X[:4], Y[:4])})


def test_texts_for_spaces_of_text(tmp_path):
    rows = {"text": ["to be or not to be"] * 400}

    class Rows(list):
        def __getitem__(self, key):
            return rows["text"] if key == "text" else super().__getitem__(key)

    parts = {name: Rows({"text": line} for line in rows["text"]) for name in ("train", "validation", "test")}
    assert type(domain_of(parts, "text")) is Text
    (tmp_path / "a.txt").write_text("to be or not to be\n" * 400)
    domain = domain_of(tmp_path / "a.txt", "text")
    assert domain.catalogue_name == "text" and domain.options.batch == 32
    with pytest.raises(TypeError, match="is a file, which a domain is made of for spaces of text alone"):
        domain_of(tmp_path / "a.txt")
    with pytest.raises(ValueError, match="there is no file or folder"):
        domain_of(tmp_path / "b")


def test_a_folder_of_images(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(12):
            Image.fromarray((X[i] * 255).astype(np.uint8)).save(tmp_path / name / f"{i}.png")
    domain = domain_of(str(tmp_path))
    assert domain.catalogue_name == "folder" and domain.labels == ("cat", "dog")


@pytest.mark.filterwarnings("ignore:.* graphs of:UserWarning")  # all alike
def test_graphs_in_every_wrapping():
    data = pytest.importorskip("torch_geometric.data")
    loader = pytest.importorskip("torch_geometric.loader")
    assert type(domain_of(ring_data())) is Graphs and domain_of(graphs()).io.outputs == (2,)
    ours = [data.Data(x=g.x, edge_index=g.edge_index, y=g.y) for g in graphs()]
    splits = Graphless(ours), Graphless(ours[:4]), Graphless(ours[4:8])
    for given in (ours, data.Batch.from_data_list(ours), loader.DataLoader(ours, 3), splits):
        assert domain_of(given).io.inputs == (8,)
    assert domain_of({"train": ours, "validation": ours[:4], "test": ours[4:8]}).has_test
    with pytest.raises(TypeError, match=r"HeteroData, a graph of several kinds of nodes.*data\.to_homogeneous\(\)"):
        domain_of(data.HeteroData())


class Graphless(Dataset):
    """A data set whose items are no pairs."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def test_environments_by_their_id():
    gymnasium = pytest.importorskip("gymnasium")
    pytest.importorskip("stable_baselines3")
    for given in ("CartPole-v1", gymnasium.make("CartPole-v1")):
        assert domain_of(given).io.inputs == (4,)
    with pytest.raises(TypeError, match=r"an environment without an id, .* gymnasium\.register"):
        domain_of(SimpleNamespace(observation_space=1, action_space=2))


def test_domains_and_tables_are_as_they_are(digits):
    table = SimpleNamespace(score=lambda draw: 0)
    assert domain_of(digits) is digits and domain_of(table) is table


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (X, "got ndarray without labels"), (None, "got NoneType"), (3, "got int"), (object(), "got object"),
        ((X, Y, X, Y), "got tuple of ndarray, ndarray, ndarray"), ([1, 2, 3], "got list"),
    ],
)  # fmt: skip
def test_anything_else_is_told_the_constructors(data, said):
    with pytest.raises(TypeError, match=said) as caught:
        domain_of(data)
    text = str(caught.value)
    ways = "Images(x, y", "Images.of(", "Graphs(data)", "Labelled(x"
    assert "\n" not in text and all(way in text for way in ways)


def test_items_that_are_no_pairs():
    with pytest.raises(TypeError, match=r"items of a data set are pairs \(input, target\), got Tensor without labels"):
        domain_of(Graphless(list(torch.rand(4, 3))))


class Flowing(IterableDataset):
    def __iter__(self):
        yield from ((torch.rand(3, 8, 8), 1) for _ in range(4))


class Broken(Dataset):
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        raise ZeroDivisionError("no such file")


def test_data_sets_that_lack_something_are_told_what():
    with pytest.raises(ValueError, match=r"Images.of: the data \(Flowing\) lack: lengths=.* valid=.* classes=n"):
        domain_of(Flowing())
    with pytest.raises(ValueError, match=r"the data set \(Broken\) is empty"):
        domain_of(Broken(0))
    with pytest.raises(DataError, match="the first item of Broken: reading it raises ZeroDivisionError: no such file"):
        domain_of(Broken(2))
    with pytest.raises(TypeError, match=r"got the class Broken: give an instance, Broken\(...\)"):
        domain_of(Broken)


def test_lists_of_data_sets_and_mappings_of_lists():
    rows = [{"image": row, "label": int(label)} for row, label in zip(X, Y, strict=True)]
    domain = domain_of({"train": rows, "test": rows[:8]})
    assert type(domain) is Images and domain.has_test and len(domain.labels) == 4
    halves = random_split(TensorDataset(torch.rand(40, 5), torch.rand(40)), [30, 10])  # which is a list
    domain = domain_of(halves)
    assert type(domain) is Labelled and len(domain._splits["all"][0]) == 30 and len(domain._held_out[0]) == 10
    with pytest.raises(ValueError, match=r"splits of arrays are pairs \(x, y\), 'train' is ndarray without labels"):
        domain_of({"train": X, "test": Y})


@pytest.mark.filterwarnings("ignore:.* graphs of:UserWarning")  # all alike
def test_lists_of_graphs_and_what_is_no_graph():
    pytest.importorskip("torch_geometric")
    from torch_geometric.data import Data, HeteroData

    some = graphs(12)
    domain = domain_of((some[:6], some[6:9], some[9:]))
    assert [len(domain._graphs[name]) for name in ("train", "valid", "test")] == [6, 3, 3]
    with pytest.raises(ValueError, match="its edge_index is NoneType"):
        domain_of(Data(x=torch.rand(3, 2), y=torch.tensor([0, 1, 0])))
    ring = torch.stack([torch.arange(9), (torch.arange(9) + 1) % 9])
    assert domain_of(Data(x=torch.rand(9, 2), edge_index=ring, y=torch.rand(9, 1))).metric.name == "r2"
    links = [Data(x=torch.rand(9, 2), edge_index=ring, edge_label_index=ring, edge_label=torch.ones(9)) for _ in "abc"]
    assert type(domain_of(tuple(links))) is type(domain_of(links)) is Links
    mixed = HeteroData()
    mixed["a"].x = torch.rand(3, 2)
    for given in (mixed, [mixed, mixed]):
        with pytest.raises(TypeError, match=r"HeteroData, .* data.to_homogeneous\(\) is one"):
            domain_of(given)
