"""appnas.predict.comparator: pairs, confidence and Borda scores by hand; the two forms; learning from labels."""

import random

import pytest
import torch

from appnas.predict import Comparator, Pairs, as_tensor, borda, confident
from appnas.predict.comparator import all_pairs, indexed
from appnas.space import random_arch
from appnas.spaces import Bench201

SPACE = Bench201()


def labelled(count, seed=0):
    """Architectures of NAS-Bench-201 whose value is their number of convolutions."""
    rng = random.Random(seed)
    archs = [random_arch(SPACE, rng) for _ in range(count)]
    return archs, [float(sum(option in (2, 3) for option in arch)) for arch in archs]


def small(form="antisymmetric", **settings):
    return Comparator(SPACE, 0, **{"width": 16, "layers": 2, "form": form, "epochs": 40, "lr": 1e-2, **settings})


def test_pairs_by_hand():
    """m (m - 1) / 2 pairs, those of equal values left out; and each in both orders."""
    a, b, c, d = ((option,) * 6 for option in range(4))
    first, second, label = all_pairs([a, b, c, d], [1.0, 3.0, 1.0, 2.0])
    told = [(x[0], y[0], better) for x, y, better in zip(first.tolist(), second.tolist(), label.tolist(), strict=True)]
    assert told == [(0, 1, 0), (0, 3, 0), (1, 2, 1), (1, 3, 1), (2, 3, 0)]
    pairs = Pairs(first, second, label).both_orders()
    assert len(pairs.label) == 10 and float(pairs.label.mean()) == 0.5
    assert torch.equal(pairs.first[5:], second) and torch.equal(pairs.label[5:], 1 - label)
    with pytest.raises(ValueError, match="values that differ"):
        all_pairs([a, b], [2.0, 2.0])


def test_confidence_by_hand():
    """Asked in both orders: one is sure, one contradicts itself, one is sure of the second."""
    chosen, label = confident(torch.tensor([0.9, 0.9, 0.2]), torch.tensor([0.1, 0.9, 0.9]), 2)
    assert chosen.tolist() == [0, 2] and label.tolist() == [1, 0]
    assert len(confident(torch.tensor([0.6]), torch.tensor([0.4]), 5)[0]) == 1


def test_borda_by_hand():
    wins = torch.tensor([[0.5, 0.8, 0.6], [0.2, 0.5, 0.3], [0.4, 0.7, 0.5]])
    torch.testing.assert_close(borda(wins), torch.tensor([0.7, 0.25, 0.55]))


@pytest.mark.parametrize("form", ["concat", "antisymmetric"])
def test_what_it_learns_orders_others(form):
    model = small(form)
    model.fit(*labelled(60))
    archs, values = labelled(80, seed=1)
    p, q = model.compare(archs[:40], archs[40:]), model.compare(archs[40:], archs[:40])
    first, second = torch.tensor(values[:40]), torch.tensor(values[40:])
    differ = first != second
    assert float(((p > 0.5) == (first > second))[differ].float().mean()) > 0.8
    contradiction = float((p + q - 1).abs().max())
    assert (contradiction < 1e-6) == (form == "antisymmetric"), "only this form cannot contradict itself"
    scores, (x, y) = model.predict(archs), (as_tensor(archs[:40]), as_tensor(archs[40:]))
    with torch.no_grad():
        torch.testing.assert_close(scores[:40] - scores[40:], (model.net(x, y) - model.net(y, x)) / 2)
    wins = model.wins(archs[:3])
    torch.testing.assert_close(wins[0, 1:], model.compare([archs[0]] * 2, archs[1:3]))


def test_pseudo_labels_are_learned_beside_the_labels():
    """A pair that the labels say nothing of turns over; at ratio 0 it does not."""
    archs, values = labelled(30)
    none, all_of_one = (0,) * 6, (1,) * 6
    moved = {}
    for ratio in (0.0, 1.0):
        model = small(lr=3e-3)
        model.fit(archs, values)
        before = float(model.compare([none], [all_of_one]))
        pseudo = Pairs(as_tensor([none]), as_tensor([all_of_one]), torch.tensor([float(before < 0.5)]))
        model.learn(pseudo, ratio, epochs=40)
        moved[ratio] = abs(float(model.compare([none], [all_of_one])) - float(before < 0.5))
    assert moved[1.0] < 0.2 < moved[0.0]


@pytest.mark.parametrize("form", ["concat", "antisymmetric"])
def test_pairs_by_places_are_the_pairs(form):
    archs, values = labelled(12)
    pairs = all_pairs(archs, values)
    known = indexed(pairs)
    assert len(known.archs) == 12 and torch.equal(known.archs[known.places[:, 0]], pairs.first)
    model = small(form, epochs=2)
    model.fit(archs, values)
    net = model.net
    torch.testing.assert_close(net.paired(net.body.see(known.archs), known.places), net(pairs.first, pairs.second))
    wins = model.wins(archs)
    torch.testing.assert_close(wins[2, 5], model.compare([archs[2]], [archs[5]])[0])
