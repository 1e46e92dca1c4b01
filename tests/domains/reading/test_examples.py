"""appnas.domains.reading.examples: what batches have in common, whatever the field."""

import pytest
import torch

from appnas.compute import Compute
from appnas.domains import Labelled
from appnas.domains.labelled import Options
from appnas.domains.reading import Examples
from appnas.task import placed


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def numbers(augment=None, **options):
    x = torch.arange(24.0)[:, None]
    return Labelled(x, x[:, 0] / 7, valid=list(range(16, 24)), augment=augment,
                    options=Options(**{"batch": 4, "normalise": False, **options}))  # fmt: skip


def test_an_epoch_visits_all_but_a_short_last_batch():
    domain = numbers(batch=7)
    seen = [len(y) for _, y in domain.batches("train", rng())]
    assert seen == [7, 7] and domain.epoch("train") == 2 and domain.epoch("all") == 1
    with pytest.raises(ValueError, match=r"the splits are \['all', 'train', 'valid'\], got 'test'"):
        domain.epoch("test")
    with pytest.raises(NotImplementedError):
        Examples().normalised(torch.zeros(1))


def shift(x, y, generator):
    return x + torch.rand((), generator=generator), y


def test_augmentation_is_drawn_by_the_epoch_and_not_for_validation():
    domain = numbers(shift)
    first, again = (torch.cat([x for x, _ in domain.batches("train", rng(3))]) for _ in range(2))
    assert torch.equal(first, again) and (first % 1).any() and len(first.mul(1e4).round().remainder(1e4).unique()) == 4
    assert not any((x % 1).any() for x, _ in domain.batches("valid", rng()))
    epoch = domain.batches("train", rng(3))
    epoch.skip(2)
    assert torch.equal(torch.cat([x for x, _ in epoch]), first[8:])


def test_processes_have_rows_of_the_same_batches():
    whole = list(numbers().batches("train", rng()))
    parts = [list(placed(numbers(shift), Compute(processes=2, rank=rank)).batches("train", rng())) for rank in range(2)]
    plain = [list(placed(numbers(), Compute(processes=2, rank=rank)).batches("train", rng())) for rank in range(2)]
    for k, (x, y) in enumerate(whole):
        assert torch.equal(torch.cat([plain[0][k][0], plain[1][k][0]]), x)
        assert torch.equal(torch.cat([plain[0][k][1], plain[1][k][1]]), y)
    shifts = [[float((x % 1).mean()) for x, _ in part] for part in parts]
    assert not set(shifts[0]) & set(shifts[1])  # each draws its own
