"""task.supervised: the split, the recipe and the watched number of a domain reach the one training loop."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from appnas.task import Recipe, Supervised


class Line(Supervised):
    """y = 2 x, a point a batch."""

    options = SimpleNamespace(recipe=Recipe(lr=0.1, lr_min=0.1, momentum=0.0, weight_decay=0.0, clip=0.0))

    def __init__(self):
        self.read = []

    def batches(self, split, rng):
        self.read.append(split)
        for x in (1.0, 2.0):
            yield torch.tensor([[x]]), torch.tensor([[2 * x]])

    def loss(self, model, batch):
        return (model(batch[0]) - batch[1]).square()[:, 0]


def slope():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    return model


def test_steps_by_hand():
    model, domain, said = slope(), Line(), []
    domain.fit(model, 1, on_epoch=lambda epoch, loss: said.append((epoch, loss)))
    assert model.weight.item() == pytest.approx(1.68)  # 0.1 * 2 * 2 = 0.4, then + 0.1 * 2 * 2 * (4 - 0.8) = 1.28
    assert domain.read == ["train"] and said[0][0] == 1 and not model.training
    domain.fit(slope(), 1, final=True)
    assert domain.read == ["train", "all"]


def test_the_best_epoch_is_kept_where_a_number_is_watched():
    class Watching(Line):
        def trained_on(self, final):
            return "mine"

        def watched(self):
            return lambda model: model.weight.item()  # the smallest: that of the first epoch

    model, domain = slope(), Watching()
    domain.fit(model, 3, final=True)
    assert domain.read == ["mine"] * 3 and model.weight.item() == pytest.approx(1.68)


def test_to_a_device_it_is_a_domain_of_the_same_kind():
    domain = Line()
    there = domain.to("cpu")
    assert type(there) is Line and str(there.compute.device) == "cpu" and there.named("line") is there
    there.fit(slope(), 1)
    assert domain.read == ["train"]  # what it keeps is the same
