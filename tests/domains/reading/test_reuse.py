"""Batches that are kept: the same numbers as without, a bound, and what keeps an epoch from being kept."""

import copy
import pickle

import torch
from torch import nn

from appnas.domains.images import Images, Options
from appnas.domains.labelled import Labelled
from appnas.domains.reading.reuse import Reuse
from appnas.estimate import Scratch
from appnas.spaces import Bench201
from appnas.strategy import Draw
from appnas.task import retuned

OPTIONS = Options(batch=16, crop=1, flip=True, cutout=0.25, epochs=2)


def pictures(options=OPTIONS):
    rng = torch.Generator().manual_seed(0)
    return Images(torch.rand(80, 3, 8, 8, generator=rng), torch.arange(80) % 4, options=options)


def epochs(domain, count=2, seed=5, split="train"):
    """Batches, and the generator's state after each."""
    rng = torch.Generator().manual_seed(seed)
    return [(x.clone(), y.clone(), rng.get_state()) for _ in range(count) for x, y in domain.batches(split, rng)]


def same(a, b):
    return len(a) == len(b) and all(
        torch.equal(p, q) for x, y in zip(a, b, strict=True) for p, q in zip(x, y, strict=True)
    )


def test_the_same_batches_and_the_same_states_of_the_generator():
    plain, domain = pictures(), pictures().reusing()
    wanted = epochs(plain)
    for _ in range(3):
        assert same(epochs(domain), wanted)
    assert domain._reuse.hits == 4 and len(domain._reuse.epochs) == 2
    assert same(epochs(domain, seed=6), epochs(plain, seed=6)) and not same(epochs(domain, seed=6), wanted)
    rng, other = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    next(domain.batches("train", rng)), next(plain.batches("train", other))
    assert torch.equal(rng.get_state(), other.get_state())  # also where an epoch is left in the middle


def test_evaluations_have_the_same_scores_and_augment_once():
    space, archs = Bench201(channels=2, repeats=1), [(1, 2, 3, 0, 1, 4), (3, 3, 1, 2, 4, 0), (1, 2, 3, 0, 1, 4)]
    mine = Scratch(space, pictures(), 2)
    found = [mine.score(Draw(arch)) for arch in archs]
    assert mine.domain._reuse.hits == 4

    fresh = [Scratch(space, pictures(), 2).score(Draw(arch)) for arch in archs]
    assert [(float(s.value), s.metrics) for s in found] == [(float(s.value), s.metrics) for s in fresh]


def test_the_first_epochs_stay_within_the_bound():
    domain, wanted = pictures().reusing(), epochs(pictures(), 4)
    one = sum(x.nbytes + y.nbytes for x, y, _ in wanted) // 4
    domain._reuse = Reuse(2 * one)
    for _ in range(2):
        assert same(epochs(domain, 4), wanted)
    assert (
        domain._reuse.held
        == 2 * one
        == sum(x.nbytes + y.nbytes for kept, _ in domain._reuse.epochs.values() for (x, y), _, _ in kept)
    )
    assert domain._reuse.hits == 2


class Writes(nn.Module):
    def forward(self, x):
        return nn.functional.relu(x, inplace=True)


def test_a_batch_that_a_network_wrote_into_is_made_again():
    domain, wanted = pictures().reusing(), epochs(pictures())
    rng = torch.Generator().manual_seed(5)
    for x, _ in domain.batches("train", rng):
        Writes()(x)
    assert same(epochs(domain), wanted) and domain._reuse.hits == 0
    assert same(epochs(domain), wanted) and domain._reuse.hits == 1  # the second epoch


def test_other_options_folds_and_labels_have_batches_of_their_own():
    domain = pictures().reusing()
    epochs(domain)
    for change in (lambda d: retuned(d, {"batch": 8}), lambda d: retuned(d, {"flip": False}),
                   lambda d: d.fold(1, 4), lambda d: d.random_labels(1)):  # fmt: skip
        assert same(epochs(change(domain)), epochs(change(pictures()))) and domain._reuse.hits == 0
    assert same(epochs(retuned(domain, {"lr": 0.5})), epochs(pictures())) and domain._reuse.hits == 2


def test_what_may_draw_from_elsewhere_is_not_kept():
    class Mine(Images):
        def prepared(self, split, x, y, draws, rows):
            return torch.rand_like(x.float()), y

    rng = torch.Generator().manual_seed(0)
    x, y = torch.rand(80, 3, 8, 8, generator=rng), torch.arange(80) % 4
    own = Labelled(x.flatten(1), y, augment=lambda x, y, generator: (x + torch.rand(()), y))
    for domain in (Mine(x, y, options=OPTIONS), own):
        domain = domain.reusing()
        epochs(domain)
        assert not domain._reuse.epochs
    plain = Labelled(x.flatten(1), y).reusing()
    epochs(plain), epochs(plain)
    assert plain._reuse.hits == 2


def test_copies_for_workers_are_empty():
    domain = pictures().reusing()
    epochs(domain)
    for other in (pickle.loads(pickle.dumps(domain)), copy.deepcopy(domain)):
        assert other._reuse.limit == domain._reuse.limit and not other._reuse.epochs and other._reuse.held == 0
        assert same(epochs(other), epochs(pictures()))
