"""appnas.domains.trying: losses, metrics and augmentations of one's own, before anything is trained."""

import pytest
import torch
from torch import nn

from appnas.domains import Labelled
from appnas.domains.labelled import Options
from appnas.domains.reading import Several
from appnas.domains.trying import in_order, try_augment, try_loss

X = torch.rand(24, 3, generator=torch.Generator().manual_seed(0))
Y = X.sum(1)


def domain(**more):
    return Labelled(X, Y, **more)


def targets_first(y_true, y_pred):
    return (y_true - y_pred).abs().mean()


@pytest.mark.parametrize(
    ("loss", "error", "said"),
    [
        (lambda o, y: 1 / 0, ValueError, r"the loss raised ZeroDivisionError on outputs \[2, 1\] and targets \[2, 1\]"),
        (lambda o, y: (o.detach() - y) ** 2, ValueError, "the loss has no gradient"),
        (lambda o, y: (o - y[:, 0]) ** 2, ValueError, r"no more numbers than there are outputs, got \[2, 2\] of"),
        (lambda o, y: None, TypeError, "a loss gives a tensor, .*, got NoneType"),
        (lambda target, output: (target - output) ** 2, TypeError, r"called with \(outputs, targets\), and <lambda>"),
        (nn.MSELoss(), ValueError, "got one number for the whole batch"),
    ],
)
def test_losses(loss, error, said):
    with pytest.raises(error, match=said):
        domain(loss=loss)


def test_a_loss_that_fits():
    guess, found = try_loss(nn.L1Loss(reduction="none"), (1,), torch.zeros(2, 1))
    torch.testing.assert_close(guess, found)


@pytest.mark.parametrize(
    ("metric", "error", "said"),
    [
        (lambda o, y: 1 / 0, ValueError, r"the metric metric raised ZeroDivisionError on outputs \[6, 1\] and targets"),
        (lambda o, y: (o - y).abs(), TypeError, r"must be a number for all examples, got one of shape \[6, 1\]"),
        (targets_first, TypeError, r"metric=lambda outputs, targets: targets_first\(targets, outputs\)"),
    ],
)
def test_metrics(metric, error, said):
    with pytest.raises(error, match=said):
        domain(metric=metric, higher=False)


def test_scikit_learns_functions_take_targets_first():
    metrics = pytest.importorskip("sklearn.metrics")
    with pytest.raises(TypeError, match=r"r2_score takes \(y_true, y_pred\)"):
        domain(metric=metrics.r2_score, higher=True)
    turned = domain(metric=lambda outputs, targets: metrics.r2_score(targets, outputs), higher=True)
    network = nn.Linear(3, 1)
    assert turned.score(network)["value"] == pytest.approx(turned.score(network)["r2"], abs=1e-6)
    in_order(max, "metric")  # which tells no names


@pytest.mark.parametrize(
    ("augment", "error", "said"),
    [
        (lambda x, y, g: (x[:, :2], y), ValueError, r"of x \[2, 3\] and 2 targets it made x \[2, 2\] and 2"),
        (lambda x, y, g: (x, y[:1]), ValueError, r"it made x \[2, 3\] and 1"),
        (lambda x, y, g: x, TypeError, "gives a pair .*, got Tensor: return x, y"),
        (lambda x, y, g: (x.numpy(), y), TypeError, "gives tensors, got ndarray, Tensor"),
        (lambda x, y, g: 1 / 0, ValueError, r"raised ZeroDivisionError on x \[2, 3\] and y \[2, 1\]: division"),
        (lambda x: x, ValueError, "raised TypeError .* takes 1 positional argument but 3 were given"),
    ],
)
def test_augmentations(augment, error, said):
    with pytest.raises(error, match=rf"augment\(x, y, generator\) .*{said}"):
        domain(augment=augment)
    items = list(zip(X, Y, strict=True))
    with pytest.raises(error, match=r"augment\(x, y, generator\)"):
        Labelled.of(items, augment=augment, loss="mse_loss")


def test_augmentations_that_fit_leave_the_data_alone():
    def doubled(x, y, generator):
        x *= 2
        return x, y

    before = domain()._splits["all"][0].clone()
    assert torch.equal(domain(augment=doubled)._splits["all"][0], before)
    both = Several([torch.ones(3, 2), torch.ones(3, 4)])
    try_augment(lambda x, y, g: ((x[0] * 2, x[1]), y), both, torch.ones(3))
    with pytest.raises(ValueError, match=r"of x \[2, 2\] and \[2, 4\] and 2 targets it made x \[2, 2\] and \[2, 2\]"):
        try_augment(lambda x, y, g: ((x[0], x[0]), y), both, torch.ones(3))


def test_settings_that_contradict_one_another():
    with pytest.raises(ValueError, match=r"of the metric r2 more is better, got higher=False: leave that out"):
        domain(higher=False)
    with pytest.raises(ValueError, match=r"folds=3 hold out every example once, so valid=... has no place"):
        domain(valid=0.5, options=Options(folds=3))
    with pytest.raises(ValueError, match="folds are at most as many as examples, 24, got 30"):
        domain(options=Options(folds=30))
    with pytest.raises(ValueError, match="training labels are numbers, where classes=3 says that they are classes"):
        domain(classes=3)
    with pytest.raises(TypeError, match="outputs must be a tuple, got 1"):
        domain(outputs=1)
    with pytest.raises(ValueError, match=r"valid is a share, a pair .*, got '0.2'"):
        domain(valid="0.2")
    for weights in ({0: 1, 1: 2}, ["a", "b"], [0, 0]):
        with pytest.raises(ValueError, match="weights are 2 numbers"):
            Labelled(X, (Y > 1.5).long(), weights=weights)
