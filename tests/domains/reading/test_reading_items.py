"""appnas.domains.reading.items."""

import random

import numpy as np
import pytest
import torch
from picture_sets import Noisy, Pictures, tabled
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from appnas.domains.reading.items import Chance, blamed, columns, label_of, listed, numbered, pair, where
from appnas.support import DataError


def test_pairs_and_rows():
    assert pair((1, 2)) == pair([1, 2]) == pair({"label": 2, "img": 1, "id": 3}) == (1, 2)
    assert columns({"fine_label": 1, "image": 0, "coarse_label": 2}) == ("image", "fine_label")
    for item, said in [((1, 2, 3), "a tuple of 3"), (torch.zeros(3), "Tensor"), (7, "int")]:
        with pytest.raises(ValueError, match=rf"pairs \(image, label\), or rows .* got {said}"):
            pair(item)
    with pytest.raises(ValueError, match=r"rows need an image and a label column, got \['image', 'text'\]"):
        pair({"image": 1, "text": 2})


@pytest.mark.parametrize(
    "label", [3, np.int64(3), torch.tensor(3), torch.tensor([3]), np.array([3], np.uint8), 3.0, torch.eye(4)[3]]
)
def test_labels_are_integers_of_any_type(label):
    assert label_of(label, range(4)) == 3


def test_labels_by_the_names_of_their_classes():
    names = ("cat", "dog", "7")
    assert [label_of(label, names) for label in ("dog", b"cat", np.str_("7"), np.array(["dog"]))] == [1, 0, 2, 1]
    assert label_of(torch.tensor(9), (5, 9)) == 1 and numbered((0, 1, 2)) == range(3) and numbered(names) is names
    with pytest.raises(ValueError, match="labels are of 3 classes, 'cat', 'dog', '7', got 'cow'"):
        label_of("cow", names)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (torch.eye(5)[1], r"got a label of the shape \(5,\): of one-hot rows or probabilities give .* argmax"),
        (np.array([0.1, 0.9]), r"got a label of the shape \(2,\)"),
        ("cat", "labels are integers from 0, got 'cat': number the classes"),
        (1.5, r"labels are integers from 0, got 1.5 \(float\)"),
        (torch.tensor(1.5), r"labels are integers from 0, got 1.5 \(float\)"),
        (None, r"labels are integers from 0, got None \(NoneType\)"),
        (-1, "labels must be 0 to 3, got -1"),
        (4, "labels must be 0 to 3, got 4"),
    ],
)
def test_labels_in_another_format_say_what_is_right(label, said):
    with pytest.raises(ValueError, match=said):
        label_of(label, range(4))


def test_labels_are_listed_where_libraries_have_them():
    data = Pictures(6, 3)
    assert list(listed(data)) == [0, 1, 2, 0, 1, 2]
    assert listed(Subset(data, [5, 0])).tolist() == [2, 0]
    assert listed(ConcatDataset([data, Subset(data, [1])])).tolist() == [0, 1, 2, 0, 1, 2, 1]
    assert listed(TensorDataset(torch.zeros(2, 1, 4, 4), torch.tensor([1, 0]))).tolist() == [1, 0]
    table = tabled(6, 3)
    assert listed(table).tolist() == [0, 1, 2, 0, 1, 2] and table.read == 0
    data.target_transform = lambda label: 2 - label
    assert list(listed(data)) == [2, 1, 0, 2, 1, 0]
    assert data.read == []
    assert listed(Noisy()) is None and listed(ConcatDataset([data, Noisy()])) is None
    data.targets = ["names", "of", "classes"]
    data.__class__ = type("Named", (Pictures,), {"__len__": lambda self: 6})
    assert listed(data) is None


def test_items_are_named_by_their_files_where_they_have_some():
    class Named(Pictures):
        def where(self, i):
            return f"{i}.png"

    assert where(Pictures(), 3) == "item 3 of Pictures" and where(Named(), 3) == "3.png"
    assert where(Subset(Named(), [4, 2]), 1) == "2.png"


def drawn():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_chance_is_lent_and_given_back():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = [drawn() for _ in range(2)]
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    outside, inside, chance = [], [], Chance(7)
    for _ in range(2):
        outside.append(drawn())
        with chance.inside():
            inside.append(drawn())
    assert outside == expected and inside[0] != inside[1]
    with Chance(7).inside():
        assert [drawn(), drawn()] == inside


def test_faults_are_told_with_their_place():
    def told(error):
        with pytest.raises(DataError) as caught, blamed("item 3"):
            raise error
        return str(caught.value)

    assert told(ValueError("labels are integers")) == "item 3: labels are integers"
    assert told(KeyError("x\ny")) == "item 3: reading it raises KeyError: 'x\\ny'"
    assert told(ZeroDivisionError()) == "item 3: reading it raises ZeroDivisionError"
    assert told(DataError("item 2: it")) == "item 2: it"
    with pytest.raises(MemoryError), blamed("item 3"):
        raise MemoryError
