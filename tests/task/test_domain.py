"""appnas.task.domain: what a search may reach of a domain, and what not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from appnas.compute import CPU, Compute, compute_of
from appnas.domains import Images
from appnas.space import IO
from appnas.task import DifferentiableDomain, Domain, Locked, on, placed


class Bare:
    """A domain without batches, such as a simulator."""

    io = IO((2,), (1,))

    def fit(self, model, budget, *, final=False, seed=0, checkpoint=None, on_epoch=None):
        self.fitted = (budget, final, seed)

    def score(self, model):
        return {"value": 1.0}

    def test(self, model):
        return {"value": 2.0}

    def example(self, count):
        return (torch.zeros(count, 2),)


def test_protocols(digits):
    assert isinstance(digits, Domain) and isinstance(digits, DifferentiableDomain)
    assert isinstance(Bare(), Domain) and not isinstance(Bare(), DifferentiableDomain)
    assert not isinstance(nn.Linear(1, 1), Domain)
    assert isinstance(Locked(digits), Domain) and isinstance(Locked(digits), DifferentiableDomain)


def test_locked_passes_on_what_a_search_needs(digits):
    locked = Locked(digits)
    assert locked.io == digits.io
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    assert locked.score(model) == digits.score(model)
    assert torch.equal(locked.example(3)[0], digits.example(3)[0])
    assert locked.epoch("train") == digits.epoch("train") == 5
    for split in ("train", "valid"):
        ours = next(locked.batches(split, torch.Generator().manual_seed(0)))
        theirs = next(digits.batches(split, torch.Generator().manual_seed(0)))
        assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])
        assert torch.equal(locked.loss(model, ours), digits.loss(model, ours))


def test_a_fold_is_locked_too(digits):
    class Folded(Bare):
        def fold(self, index, count):
            found = Folded()
            found.part = (index, count)
            return found

    part = Locked(Folded()).fold(1, 3)
    assert isinstance(part, Locked) and part._domain.part == (1, 3)
    with pytest.raises(PermissionError):
        part.test(nn.Linear(1, 1))
    locked = Locked(Bare())
    assert locked.fold(1, 3) is locked
    two = Compute(processes=2)
    assert compute_of(Locked(placed(Folded(), two)).fold(1, 3)._domain) == two
    assert compute_of(Locked(placed(digits, two)).random_labels(0)._domain) == two


def test_locked_trains_on_training_data_with_the_seed():
    bare = Bare()
    Locked(bare).fit(nn.Linear(1, 1), 3, seed=7)
    assert bare.fitted == (3, False, 7)


def test_locked_refuses_test_data_and_final_training(digits):
    locked = Locked(digits)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(PermissionError, match=r"cannot read test data: call `result.retrain"):
        locked.test(model)
    with pytest.raises(PermissionError, match="trains on training data only"):
        locked.fit(model, 1, final=True)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("split", ["all", "test", "final", ""])
def test_locked_refuses_every_other_split(digits, split):
    with pytest.raises(PermissionError, match="reads the splits 'train' and 'valid', got "):
        Locked(digits).batches(split, torch.Generator())


def test_locked_has_no_door_to_the_images(digits):
    assert isinstance(digits, Images)
    reachable = [name for name in dir(Locked(digits)) if not name.startswith("_")]
    assert reachable == [
        "batches",
        "chance",
        "compute",
        "epoch",
        "example",
        "fit",
        "fold",
        "host",
        "io",
        "loss",
        "random_labels",
        "retuned",
        "reusing",
        "score",
        "shares",
        "test",
        "tunable",
    ]


def test_weight_sharing_on_a_domain_without_batches_says_what_to_do():
    for call in (lambda d: d.batches("train", torch.Generator()), lambda d: d.epoch("train")):
        with pytest.raises(TypeError, match="needs a domain with `batches` and `loss`, which Bare lacks; use a method"):
            call(Locked(Bare()))


def test_a_copy_says_where_it_is_trained(digits):
    for domain in (digits, Bare()):
        there = on(domain, "cpu")
        assert there is not domain and there.compute == Compute(CPU) and not hasattr(domain, "compute")
        assert on(there, "cpu") is there
    assert digits.to("cpu").fingerprint == digits.fingerprint
    with pytest.raises(ValueError, match="torch has no device 'gpu'"):
        digits.to("gpu")
