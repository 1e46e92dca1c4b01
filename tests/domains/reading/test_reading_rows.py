"""appnas.domains.reading.rows."""

import pickle
from dataclasses import replace

import pytest
import torch
from picture_sets import Noisy, Pictures, colour
from torch.utils.data import default_collate

from appnas.domains.images.decoding import first_form
from appnas.domains.reading.rows import Rows, joined, sample_places
from appnas.support import DataError


def rows(data=None, side=8, **more):
    data = Pictures() if data is None else data
    return Rows(data, first_form(data[0][0], side, "crop", 1), **more)


def seen(x):
    return [tuple(image[:, 0, 0].tolist()) for image in x]


def test_what_is_asked_for_is_read_and_nothing_else():
    data = Pictures()
    some = rows(data).take(torch.tensor([7, 3, 30]))
    data.read.clear()
    assert len(some) == 3 and some.shape == (3, 3, 8, 8) and some.take(slice(1, None)).index.tolist() == [3, 30]
    assert not data.read
    x, y = some.read(torch.tensor([2, 0]))
    assert seen(x) == [colour(30), colour(7)] and y.tolist() == [2, 3] and data.read == [30, 7]
    assert torch.equal(some[:2], some.read(torch.tensor([0, 1]))[0])


def test_random_items_depend_on_the_seed_and_the_item():
    some = rows(Noisy(), 0)
    before = torch.get_rng_state()
    one, again, other = (some.read(torch.tensor([3, 5, 7]), seed)[0] for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(some.take(slice(3, 10)).read(torch.tensor([4, 0]), 1)[0], one[[2, 0]])  # in any batch
    assert torch.equal(before, torch.get_rng_state())


def test_a_label_that_is_not_the_listed_one():
    wrong = torch.tensor(Pictures().targets)
    wrong[5] = 0
    with pytest.raises(DataError, match="item 5 of Pictures: its label is 1, the data set lists 0 for it"):
        rows(labels=wrong).read(torch.tensor([4, 5]))


def test_the_item_that_raises_is_named():
    class Broken(Pictures):
        def __getitem__(self, i):
            if i == 17:
                raise OSError("disk on fire")
            return super().__getitem__(i)

    some = rows(Broken()).take(torch.arange(10, 20))
    some.read(torch.arange(7))
    with pytest.raises(DataError, match=r"^item 17 of Broken: reading it raises OSError: disk on fire$"):
        some.read(torch.arange(10))


def test_items_are_collated_as_a_loader_would():
    def double(items):
        x, y = default_collate(items)
        return 2 * x, y

    plain, doubled = rows(Noisy(), 0), rows(Noisy(), 0, collate=double)
    assert torch.equal(doubled.read(torch.tensor([1, 2]))[0], 2 * plain.read(torch.tensor([1, 2]))[0])
    with pytest.raises(DataError, match="collate_fn makes one image of each item, got 1 of 2"):
        rows(Noisy(), 0, collate=lambda items: double(items[:1])).read(torch.tensor([1, 2]))
    with pytest.raises(DataError, match=r"as many images as labels, got \(2, 3, 8, 8\) and int"):
        rows(Noisy(), 0, collate=lambda items: (double(items)[0], 3)).read(torch.tensor([1, 2]))
    with pytest.raises(DataError, match="one-hot rows"):
        rows(Noisy(), 0, collate=lambda items: (double(items)[0], torch.eye(4)[:2])).read(torch.tensor([1, 2]))


def test_joined_rows_are_one_after_the_other():
    first, second = rows().take(slice(3)), rows(Pictures(10)).take(torch.tensor([9, 1]))
    both = joined(first, second)
    x, y = both.read(torch.arange(5))
    assert seen(x) == [colour(i) for i in (0, 1, 2, 9, 1)] and y.tolist() == [0, 1, 2, 1, 1]
    assert both.labels is None
    assert joined(both, first).read(torch.tensor([5]))[1].tolist() == [0]

    class Broken(Pictures):
        def __getitem__(self, i):
            raise OSError

    broken = Rows(Broken(5), first.form)
    with pytest.raises(DataError, match=r"^item 4 of Broken: reading it raises OSError$"):
        joined(first, broken).read(torch.tensor([7]))


def test_fingerprints_tell_what_can_be_told():
    labels = torch.tensor(Pictures().targets)
    one = rows(labels=labels).fingerprint
    assert rows(labels=labels).fingerprint == one
    others = [rows(labels=labels.flip(0)), rows(side=4, labels=labels), rows(labels=labels).take(slice(5)),
              rows(Pictures(41)), rows(labels=labels).formed(replace(rows().form, grey=2))]  # fmt: skip
    assert len({one, *(other.fingerprint for other in others)}) == 6
    data = Pictures()
    data.fingerprint = "mine"
    assert rows(data, labels=labels).fingerprint != one
    assert joined(rows(data), rows()).fingerprint != joined(rows(), rows()).fingerprint


def test_rows_can_be_sent_to_another_process():
    some = pickle.loads(pickle.dumps(rows().take(slice(2))))
    assert seen(some[:]) == [colour(0), colour(1)]


def test_a_sample_is_fixed_and_in_order():
    assert sample_places(50, 9, 0).tolist() == sorted(sample_places(50, 9, 0).tolist()) != list(range(9))
    assert sample_places(5, 9, 0).tolist() == list(range(5))
