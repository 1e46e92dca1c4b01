"""Learning rates and optimisers of a training."""

import math

import pytest
import torch
from torch import nn

from appnas.domains.graphs import Graphs
from appnas.domains.images import Images, Options
from appnas.space import WithTraining
from appnas.task import Locked, Recipe, as_chosen, cosine, retuned, tunable
from appnas.task.recipe import decayed, optimiser_of


def test_cosine_by_hand():
    assert cosine(0, 10, 0.4) == 0.4
    assert cosine(5, 10, 0.4) == pytest.approx(0.2)
    assert cosine(10, 10, 0.4, 0.1) == pytest.approx(0.1)
    assert cosine(1, 4, 1.0, 0.5) == pytest.approx(0.5 + 0.25 * (1 + math.sqrt(0.5)))
    assert cosine(0, 0, 0.4) == 0.4


def test_what_can_be_chosen(digits, ring, licence, catch):
    assert {"lr", "weight_decay", "optimiser", "batch", "cutout", "flip", "budget"} <= set(tunable(digits))
    assert not {"valid", "seed", "limit", "epochs", "recipe"} & set(tunable(digits))  # read when the domain was made
    assert "lr" in tunable(ring) and "batch" not in tunable(ring)  # one graph is one batch
    assert "train_batch" in tunable(licence) and "gamma" in tunable(catch)
    assert tunable(Locked(digits)) == tunable(digits) and tunable(object()) == ["budget"]


def test_the_same_domain_trained_otherwise(digits):
    other = retuned(digits, {"lr": 0.5, "batch": 8, "cutout": 0.25})
    assert isinstance(other, Images) and other.io == digits.io and other._splits is digits._splits
    assert other.options.recipe == Recipe(lr=0.5) and digits.options.recipe == Recipe()
    assert (other.options.batch, other.options.final_batch) == (8, 8)
    assert (other.options.cutout, other.options.final_cutout) == (0.25, 0.25)
    assert other.epoch("train") == 19 and digits.epoch("train") == 5
    assert other.fingerprint != digits.fingerprint
    locked = retuned(Locked(digits), {"lr": 0.5})
    assert isinstance(locked, Locked) and locked._domain.options.recipe.lr == 0.5
    with pytest.raises(PermissionError):
        locked.test(None)


def test_the_last_rate_follows_the_first(ring):
    """A constant rate stays one, and a cosine's end keeps its share."""
    recipe = retuned(ring, {"lr": 0.5}).options.recipe
    assert ring.options.recipe.lr == ring.options.recipe.lr_min != 0.5 and recipe.lr == recipe.lr_min == 0.5
    named = retuned(ring, {"lr": 0.5, "lr_min": 0.1}).options.recipe
    assert (named.lr, named.lr_min) == (0.5, 0.1)


def test_a_kept_digest_is_made_anew(ring):
    before = ring.fingerprint
    assert isinstance(ring, Graphs) and retuned(ring, {"lr": 0.5}).fingerprint != before == ring.fingerprint


def test_what_there_is_not_is_told_with_what_there_is(digits):
    with pytest.raises(ValueError, match=r"Images has no 'learning_rate' that can be chosen; it has .*batch, budget"):
        retuned(digits, {"learning_rate": 0.1})
    with pytest.raises(ValueError, match=r"has no 'valid' that"):
        retuned(digits, {"valid": 0.1})
    with pytest.raises(ValueError, match="lr must be at least 0, got -1"):
        retuned(digits, {"lr": -1})
    with pytest.raises(TypeError, match="lr"):
        retuned(digits, {"lr": "fast"})


class Own:
    """A domain that changes its training by itself."""

    tunable = ("heat",)
    heat = 0

    def retuned(self, changes):
        other = Own()
        other.heat = changes["heat"]
        return other


def test_a_domain_of_ones_own_and_a_budget(chain):
    space = WithTraining(chain, {"heat": [1, 2], "budget": [3, 7]})
    domain, budget = as_chosen(space, (0, 0, 1, 1), Own(), 5)
    assert (domain.heat, budget) == (2, 7)
    assert as_chosen(chain, (0, 0), domain, 5) == (domain, 5)
    assert tunable(Own()) == ["budget", "heat"] and Options().recipe == Recipe()


class Scaled(nn.Linear):
    def __init__(self, scale):
        super().__init__(2, 2)
        self.weight_decay_scale = scale


def test_a_module_says_how_much_weight_decay_it_has():
    model = nn.Sequential(nn.Linear(2, 2), Scaled(20), Scaled(0.0))
    model[1].inner = Scaled(1)  # the innermost decides
    groups = decayed(model, 0.5)
    assert [group["weight_decay"] for group in groups] == [0.5, 10.0, 0.0]
    assert [len(group["params"]) for group in groups] == [4, 2, 2]
    recipe = Recipe(lr=0.1, momentum=0.0, weight_decay=0.5)
    before = [weight.detach().clone() for weight in model.parameters()]
    optimiser = optimiser_of(groups, recipe)
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimiser.step()
    shrunk = [float((new.detach() / old).mean()) for new, old in zip(model.parameters(), before, strict=True)]
    assert shrunk == pytest.approx([0.95, 0.95, 0.0, 0.0, 0.95, 0.95, 1.0, 1.0], abs=1e-6)
    assert len(decayed(nn.Linear(2, 2), 0.5)) == 1
    with pytest.raises(ValueError, match=r"weight_decay_scale of 0 is a number of at least 0, got 'none'"):
        decayed(nn.Sequential(Scaled("none")), 0.5)
