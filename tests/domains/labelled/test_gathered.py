"""appnas.domains.labelled.gathered, by Labelled.of: data sets, loaders, iterables."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from appnas.domains import Labelled
from appnas.domains.labelled import Options
from appnas.domains.labelled.gathered import more, paired
from appnas.domains.labelled.targets import Task
from appnas.support import DataError
from appnas.testing import DomainSuite

SMALL = Options(batch=8, final_batch=8)


def test_columns_of_a_table_are_known_by_their_names():
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame(np.arange(40.0).reshape(10, 4) % 7, columns=list("abcd"))
    y = np.arange(10) % 2
    turned = Labelled(x, y, x[list("dcba")], y)._held_out[0]
    assert torch.equal(turned, Labelled(x, y, x, y)._held_out[0])
    with pytest.raises(ValueError, match=r"missing are \['a'\], too many \['e'\]"):
        Labelled(x, y, x.rename(columns={"a": "e"}), y)


class Masks(Dataset):
    """Pixels that are bright, read one by one; targets are not listed."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        x = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(i))
        return x, (x.sum(0) > 1).long()


class Flowing(IterableDataset):
    """Rows of a table, with a number each."""

    def __iter__(self):
        for i in range(40):
            x = torch.randn(4, generator=torch.Generator().manual_seed(i))
            yield {"features": x.numpy(), "target": float(10 * x[0])}


def masks(**more):
    return Labelled.of(Masks(48), test=Masks(8), options=SMALL, classes=2, **more)


def flow():
    lengths = {"train": 40, "valid": 40}
    return Labelled.of(Flowing(), Flowing(), Flowing(), SMALL, lengths=lengths)


def listed():
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    data = TensorDataset(x, x[:, :3].argmax(1))
    return Labelled.of(DataLoader(data, 8), test=data, options=SMALL)


@pytest.mark.parametrize("make", [masks, flow, listed])
class TestSuite(DomainSuite):
    budget = 4

    @pytest.fixture
    def domain(self, make):
        return make()

    def test_batches(self, domain):
        if domain._splits["train"][1] is None and domain.io.inputs == (4,):
            pytest.skip("iterable data have one order")
        super().test_batches(domain)

    def test_fit(self, domain):
        if domain.io.inputs == (4,) and domain.io.outputs == (1,):
            pytest.skip("iterable data have one order")
        super().test_fit(domain)


def test_what_is_read_is_what_is_in_memory():
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    y = 5 + x.sum(1)
    pairs = list(zip(x, y.tolist(), strict=True))
    options = replace(SMALL, standardise=False)
    read, held = Labelled.of(pairs, options=options, valid=[3, 5]), Labelled(x, y, valid=[3, 5], options=options)
    assert read.io == held.io and read.metric == held.metric
    model = nn.Linear(4, 1)
    assert read.score(model)["rmse"] == pytest.approx(held.score(model)["rmse"], rel=0.1)  # scaled by all, and a part
    rng = torch.Generator
    batch = next(iter(read.batches("valid", rng().manual_seed(0))))
    assert sorted(batch[1].flatten().tolist()) == sorted(y[[3, 5]].tolist())


def test_a_mapping_of_splits():
    rows = [{"features": np.full(3, float(i)), "target": i / 7} for i in range(20)]
    domain = Labelled.of({"train": rows, "test": rows[:4], "validation": rows[:6]}, options=SMALL)
    assert domain.has_test and len(domain._splits["valid"][0]) == 6
    unknown = [{"features": row["features"], "target": None} for row in rows]
    assert not Labelled.of({"train": rows, "test": unknown}, options=SMALL).has_test


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: Labelled.of(Masks(9)), ValueError, "the data lack: classes=n"),
        (lambda: Labelled.of(Flowing(), lengths={"train": 9}), ValueError, "lack: valid=..., as they cannot be split"),
        (lambda: Labelled.of([]), ValueError, "the train data set is empty: there is no example in it"),
        (lambda: Labelled.of(np.zeros((3, 4))), TypeError, r"for arrays alone there is Labelled\(x, y\)"),
        (lambda: Labelled.of([(torch.zeros(2 + i % 2), 0.5 * i) for i in range(9)]), DataError, "item 1 of list"),
        (lambda: Labelled.of((np.zeros((3, 4)), [0.5, 1])), ValueError, "3 inputs need as many targets, got 2"),
        (lambda: masks(valid=1.5), ValueError, "between 0 and 1, got 1.5"),
        (lambda: masks(weights="balanced"), ValueError, "balanced weights need labels that are listed"),
    ],
)
def test_what_cannot_be_read_is_said(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_folds_and_random_labels_of_what_is_read():
    domain = listed()
    parts = [domain.fold(k, 4)._splits["valid"][0].index.tolist() for k in range(4)]
    assert sorted(place for part in parts for place in part) == list(range(64))
    random_ = domain.random_labels(1)
    assert not torch.equal(random_._splits["train"][1], domain._splits["train"][1])
    with pytest.raises(ValueError, match="folds need examples that can be picked"):
        flow().fold(0, 2)


def test_further_data_have_the_shape_of_the_first():
    task = Task("numbers", (1,))
    x, y = more(np.zeros((2, 3)), [0.5, 1], "test", task, torch.zeros(5, 3))
    assert x.shape == (2, 3) and y.shape == (2, 1)
    with pytest.raises(
        ValueError, match=r"test inputs are \[4\] of torch.float32 for each example, training inputs \[3\]"
    ):
        more(np.zeros((2, 4)), [0.5, 1], "test", task, torch.zeros(5, 3))
    with pytest.raises(ValueError, match="test data: 2 inputs need as many targets, got 3"):
        paired(torch.zeros(2, 3), torch.zeros(3), "test")
