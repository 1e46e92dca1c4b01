"""appnas.domains.labelled.splits."""

import numpy as np
import pytest
import torch

from appnas.domains.labelled.splits import chosen, folded, ordered, shared


def both(parts, count):
    assert sorted(torch.cat(parts).tolist()) == list(range(count))
    return parts


def test_a_share_of_each_class():
    classes = torch.tensor([0] * 80 + [1] * 16 + [2] * 4)
    train, valid = both(shared(100, 0.25, 0, classes), 100)
    assert classes[valid].bincount().tolist() == [20, 4, 1] and len(train) == 75
    assert not torch.equal(shared(100, 0.25, 1, classes)[1], valid)
    assert torch.equal(shared(100, 0.25, 0, classes)[1], valid)
    plain = both(shared(100, 0.25, 0), 100)[1]
    assert torch.equal(plain, ordered(100, 0)[75:])


def test_a_class_of_one_example_is_for_training():
    classes = torch.tensor([0] * 10 + [1])
    for seed in range(20):
        assert 10 in shared(11, 0.5, seed, classes)[0]
    with pytest.raises(ValueError, match=r"the split 'valid' is empty: 3 examples with valid=0.3 and classes of one"):
        shared(3, 0.3, 0, torch.arange(3))
    with pytest.raises(ValueError, match=r"the split 'valid' is empty: 10 examples with valid=0.01 leave it none"):
        shared(10, 0.01, 0)


def test_every_example_validates_in_one_fold():
    classes = torch.arange(30) % 3
    folds = [both(folded(30, k, 5, 0, classes), 30)[1] for k in range(5)]
    assert sorted(torch.cat(folds).tolist()) == list(range(30))
    assert all(classes[fold].bincount().tolist() == [2, 2, 2] for fold in folds)
    for index, folds in ((5, 5), (-1, 5), (0, 1), (0, 31)):
        with pytest.raises(ValueError, match="folds are 2 to 30, the number of examples, counted from 0"):
            folded(30, index, folds, 0)


@pytest.mark.parametrize("given", [[1, -1], np.array([1, 4]), torch.tensor([1, 4]), [False, True, False, False, True]])
def test_places_and_masks(given):
    train, valid = chosen(5, given)
    assert train.tolist() == [0, 2, 3] and valid.tolist() == [1, 4]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([0, 5], "places are below 5, the number of training examples, found 5"),
        ([1, 1], "1 places are listed twice"),
        ([[0, 1]], r"valid is a share, a pair \(x, y\), places of training examples or a mask \[5\]"),
        ([0.5, 0.1], "valid is a share"),
        ([True, False], "valid is a share"),
        ([0, 1, 2, 3, 4], "the split 'train' is empty"),
        (np.zeros(5, bool), "the split 'valid' is empty"),
    ],
)
def test_what_are_no_places(given, said):
    with pytest.raises(ValueError, match=said):
        chosen(5, given)
