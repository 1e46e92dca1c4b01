"""appnas.task.averaging: averages by hand, the trigger, exact resumption through `fit`."""

import pytest
import torch
from torch import nn

from appnas.task import Recipe, fit
from appnas.task.averaging import AveragedSGD, Best, averaged
from appnas.testing import identical
from appnas.testing.parts import round_trip


def optimiser(patience=2, lr=1.0):
    weight = nn.Parameter(torch.zeros(1))
    return weight, AveragedSGD([weight], lr, patience)


def trigger(sgd):
    for number in (1.0, 2.0, 2.0):
        sgd.watch(number)
    assert sgd.averaging


def step(weight, optimiser, gradient):
    weight.grad = torch.tensor([gradient])
    optimiser.step()


def test_the_trigger():
    """Better more than two epochs ago: the last 3 is above the 2."""
    _, sgd = optimiser()
    for number, averaging in ((5.0, False), (2.0, False), (4.0, False), (3.0, False), (1.0, False), (3.0, True)):
        sgd.watch(number)
        assert sgd.averaging == averaging, number


def test_the_mean_of_all_steps_since():
    weight, sgd = optimiser(patience=1)
    step(weight, sgd, -1.0)
    trigger(sgd)
    for gradient in (-1.0, -2.0, -4.0):  # weights 2, 4, 8
        step(weight, sgd, gradient)
    with averaged(sgd):
        assert float(weight.detach()) == pytest.approx(14 / 3)
    assert float(weight.detach()) == 8.0


def test_others_do_not_average():
    weight = nn.Parameter(torch.ones(1))
    with averaged(torch.optim.SGD([weight], 0.1)) as watch:
        watch(1.0)
        assert weight.item() == 1.0


def test_the_weights_come_back_after_an_error():
    weight, sgd = optimiser(patience=1)
    trigger(sgd)
    step(weight, sgd, -1.0)
    step(weight, sgd, -1.0)
    with pytest.raises(KeyError), averaged(sgd):
        raise KeyError
    assert weight.item() == 2.0


def test_its_state_is_complete():
    weight, sgd = optimiser(patience=1)
    trigger(sgd)
    step(weight, sgd, -1.0)
    other_weight, other = optimiser(patience=1)
    other.load_state_dict(round_trip(sgd.state_dict()))
    other_weight.data.copy_(weight.data)
    for w, o in ((weight, sgd), (other_weight, other)):
        step(w, o, -3.0)
    assert other.averaging and identical(other.state_dict(), sgd.state_dict())
    with averaged(sgd), averaged(other):
        assert weight.item() == other_weight.item() == 2.5


def test_best_keeps_copies():
    best, net = Best(), nn.Linear(1, 1)
    assert best.update(2.0, net) == 2.0
    kept = {name: x.clone() for name, x in net.state_dict().items()}
    net.weight.data.add_(1.0)
    assert best.update(float("nan"), net, 3) != best.number == 2.0 and best.at == 0
    assert identical(best.weights, kept)


def test_a_training_that_averages_resumes_exactly(regression, tmp_path):
    """Interrupted after the trigger; the averages are what is judged, and kept where they are best."""
    recipe = Recipe("asgd", lr=0.2, lr_min=0.2, momentum=0.0, clip=0.0, patience=1)

    def network():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def run(checkpoint=None, stop=99):
        net, seen = network(), []

        def select(model):
            seen.append(-regression.score(model)["value"])
            return seen[-1]

        def on_epoch(epoch, loss):
            if checkpoint and epoch == stop:
                raise KeyboardInterrupt

        fit(net, regression, "train", regression.loss, 12, recipe, 0, checkpoint, on_epoch, select)
        return net, seen

    whole, seen = run()
    assert any(number > min(seen[: i - 1]) for i, number in enumerate(seen[:9]) if i > 1), "the trigger never came"
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.pt", 10)
    again, rest = run(tmp_path / "a.pt")
    assert identical(again.state_dict(), whole.state_dict()) and rest == seen[-len(rest) :]
    assert -regression.score(whole)["value"] == min(seen)
