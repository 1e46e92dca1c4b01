"""appnas.domains.reading.sources."""

from pathlib import Path

import numpy as np
import pytest
import torch
from picture_sets import Endless, Noisy, Pictures, tabled
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    default_collate,
)  # fmt: skip

from appnas.domains.images.files import Pictures as Taken
from appnas.domains.reading.flow import Flow
from appnas.domains.reading.rows import Rows
from appnas.domains.reading.sources import Loading, opened, unwrapped
from appnas.support import DataError


class Shapeless(Dataset):
    def __getitem__(self, i):
        return torch.rand(3, 4, 4), 0


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ("some/folder", TypeError, "is a path: a folder is read by folder"),
        (Path("x"), TypeError, "is a path"),
        (np.zeros((4, 3, 8, 8)), TypeError, "a pair of arrays .*, got ndarray; for arrays alone there is Images"),
        (7, TypeError, "the train data are a data set, a data loader, or a pair of arrays .* got int"),
        ((i for i in range(3)), TypeError, "are a generator, which can be read once: give a data set"),
        (Shapeless(), ValueError, r"\(Shapeless\) have items but no length: give the class __len__"),
        ([], ValueError, "the train data set is empty: there is no image in it"),
        (Pictures(0), ValueError, "the train data set is empty"),
        ((np.zeros((3, 8, 8)), np.eye(4)), ValueError, r"train labels: 3 images need labels of shape \(3,\), got 4"),
        (DataLoader(Pictures(), sampler=SubsetRandomSampler([1])), ValueError,
         "must not pick images, got SubsetRandomSampler: .* a torch.utils.data.Subset"),
        (DataLoader(Pictures(), sampler=WeightedRandomSampler([0.1] * 40, 40)), ValueError, "got WeightedRandomSamp"),
        (DataLoader(Pictures(), batch_sampler=BatchSampler(SubsetRandomSampler([1, 2]), 2, False)), ValueError,
         "must not pick images, got SubsetRandomSampler"),
        (DataLoader(Pictures(), sampler=SequentialSampler(range(2))), ValueError, "pick images, got SequentialSampler"),
        (DataLoader(Pictures(), sampler=RandomSampler(Pictures(), num_samples=2)), ValueError, "got RandomSampler"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_what_can(given, error, said):
    with pytest.raises(error, match=said):
        unwrapped(given, "train", Taken())


def collate(items):
    return default_collate(items)


def test_loaders_are_taken_apart():
    data = Pictures()
    assert unwrapped(data, "train", Taken()) == (data, Loading())
    assert unwrapped(DataLoader(data, 7, shuffle=True, num_workers=2), "train", Taken()) == (data, Loading(7, 2, None))
    assert unwrapped(DataLoader(data, 7, collate_fn=collate), "train", Taken()) == (data, Loading(7, 0, collate))
    loader = DataLoader(Endless(), 7)
    assert unwrapped(loader, "train", Taken()) == (loader, Loading())
    pair, _ = unwrapped((np.zeros((3, 8, 8, 3), np.uint8), [0, 1, 0]), "test", Taken())
    assert pair[1][0].shape == (3, 8, 8) and pair[1][1] == 1


def open_(data, side=0, classes=None, length=None, loading=Loading()):  # noqa: B008  (frozen)
    return opened(data, loading, "train", Taken(side), None, classes, length)


def test_map_style_data_are_rows():
    rows, labels, classes = open_(Pictures(), 8)
    assert isinstance(rows, Rows) and rows.shape == (40, 3, 8, 8) and rows.form.picture
    assert labels.tolist() == Pictures().targets and classes == (0, 1, 2, 3) and rows.classes == range(4)
    rows, labels, classes = open_(tabled(), classes=5)
    assert rows.shape == (40, 3, 9, 9) and len(classes) == 5
    rows, labels, classes = open_(Noisy())
    assert labels is None and classes is None and not rows.form.picture
    named = Noisy()
    named.classes = ["a", "b", "c", "d"]
    assert len(open_(named)[2]) == 4


def test_iterable_data_flow():
    for data, length, batch in (
        (Endless(), 30, None),
        (DataLoader(Endless(), 7), 30, 7),
        (DataLoader(Endless(), None), 9, None),
    ):
        flow, labels, classes = open_(data, classes=4, length=length)
        assert isinstance(flow, Flow) and len(flow) == length and flow.batch == batch
        assert flow.shape[1:] == (3, 8, 8) and labels is None and len(classes) == 4

    class Ready(Endless):
        def __iter__(self):
            while True:
                yield torch.rand(5, 3, 8, 8), torch.arange(5) % 4

    flow, _, _ = open_(DataLoader(Ready(), None), classes=4, length=20)
    assert flow.batch == 5 and [len(y) for _, y in flow.read(1)] == [5, 5, 5, 5]
    sized = type("Sized", (Endless,), {"__len__": lambda self: 12})()
    assert len(open_(sized)[0]) == len(open_(DataLoader(sized, 4))[0]) == 12


@pytest.mark.parametrize(
    ("items", "error", "said"),
    [
        ([torch.rand(3, 4, 4)], DataError, r"item 0 of list: items of the data set are pairs .* got Tensor"),
        ([("a.png", 0)], DataError, "item 0 of list: an image is one of Pillow's"),
        ([{"image": torch.rand(3, 4, 4)}], DataError, "item 0 of list: rows need an image and a label column"),
    ],
)
def test_a_first_item_that_is_no_pair(items, error, said):
    with pytest.raises(error, match=said):
        open_(items)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([0.5, 1.0], "train labels: 1 of 2 are no whole numbers"),
        ([0, -1], "train labels: 1 of 2 are -1, beside 0 to 0"),
        (np.ones((2, 2)), "train labels: one-hot rows have one 1 each"),
    ],
)
def test_listed_labels_that_are_no_classes(targets, said):
    data = Pictures(2)
    data.targets = targets
    with pytest.raises(ValueError, match=said):
        open_(data, 8)
