"""appnas.domains.labelled.losses, against torch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from appnas.domains.labelled.losses import LOSSES, Loss, loss_name, weights_of


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_torch_s(name):
    outputs, family = torch.randn(6, 4, generator=rng()), LOSSES[name]
    y = {"classes": torch.tensor([0, 1, 2, 3, 0, 1]), "sets": (torch.rand(6, 4, generator=rng(1)) > 0.5).float()}
    y = y.get(family, torch.rand(6, 4, generator=rng(2)))
    outputs = outputs.sigmoid() if name == "binary_cross_entropy" else outputs
    found, own = Loss(name)(outputs, y), getattr(functional, name)
    assert found.shape == (6,)
    torch.testing.assert_close(found.mean(), own(outputs, y))
    torch.testing.assert_close(found[2], own(outputs[2:3], y[2:3]))
    torch.testing.assert_close(Loss(name).summed(outputs, y), found.sum())


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("cross_entropy", "cross_entropy"), ("CrossEntropyLoss", "cross_entropy"), ("mse", "mse_loss"),
        ("MSELoss", "mse_loss"), ("SmoothL1Loss", "smooth_l1_loss"), ("bce", "binary_cross_entropy"),
        ("BCEWithLogitsLoss", "binary_cross_entropy_with_logits"), (None, None), (functional.mse_loss, None),
        (nn.MSELoss(), None),
    ],
)  # fmt: skip
def test_names(given, name):
    assert loss_name(given) == name


def test_unknown_names_list_near_ones():
    with pytest.raises(ValueError, match=r"there is no loss 'smoth_l1' here; near it are smooth_l1_loss"):
        loss_name("smoth_l1")
    with pytest.raises(ValueError, match=r"there are cross_entropy, nll_loss, .*any other is a function"):
        loss_name("zzz")
    with pytest.raises(TypeError, match=r"got <class .*: loss='MSELoss'"):
        loss_name(nn.MSELoss)
    with pytest.raises(TypeError, match="a name of torch's or a function"):
        loss_name(3)


def test_places_are_averaged_over_those_that_count():
    outputs = torch.randn(2, 3, 4, generator=rng())
    y = torch.tensor([[0, 1, 9, 9], [2, 2, 1, 0]])
    found = Loss("cross_entropy", ignore=9)(outputs, y)
    torch.testing.assert_close(found[0], functional.cross_entropy(outputs[:1, :, :2], y[:1, :2]))
    torch.testing.assert_close(found[1], functional.cross_entropy(outputs[1:], y[1:]))
    nothing = Loss("cross_entropy", ignore=9)(outputs[:1], torch.full((1, 4), 9))
    assert nothing.tolist() == [0.0]


def test_smoothing_is_for_training():
    outputs, y = torch.randn(5, 3, generator=rng()), torch.tensor([0, 1, 2, 0, 1])
    loss = Loss("cross_entropy", smoothing=0.2)
    torch.testing.assert_close(loss(outputs, y).mean(), functional.cross_entropy(outputs, y, label_smoothing=0.2))
    torch.testing.assert_close(loss.summed(outputs, y), functional.cross_entropy(outputs, y, reduction="sum"))


def test_one_s_own_is_averaged_over_all_but_the_examples():
    outputs, y = torch.randn(5, 3, 2, generator=rng()), torch.zeros(5, 3, 2)
    loss = Loss(None, lambda a, b: (a - b).abs())
    torch.testing.assert_close(loss(outputs, y), outputs.abs().mean((1, 2)))
    with pytest.raises(ValueError, match=r"got one number for the whole batch: .*reduction='none'"):
        Loss(None, functional.mse_loss)(outputs, y)
    with pytest.raises(ValueError, match=r"\[5\] or \[5, ...\], got the shape \(3,\)"):
        Loss(None, lambda a, b: (a - b).sum((0, 2)))(outputs, y)
    with pytest.raises(TypeError, match="a loss gives a tensor, one number for every example, got float"):
        Loss(None, lambda a, b: 0.5)(outputs, y)


def test_a_smaller_shape_is_not_repeated():
    with pytest.raises(ValueError, match=r"mse_loss compares .* got \(4, 1\) and \(4, 2\): build the last layer from"):
        Loss("mse_loss")(torch.zeros(4, 1), torch.zeros(4, 2))


def test_weights_of_classes_and_of_labels():
    y = torch.tensor([0, 0, 0, 1])
    weights = weights_of("balanced", y, "classes", 2, "cross_entropy", -100)
    assert weights.tolist() == pytest.approx([4 / 6, 2.0])  # scikit-learn's: N / (classes * N of the class)
    outputs = torch.randn(4, 2, generator=rng())
    found = Loss("cross_entropy", weights=weights)(outputs, y)
    torch.testing.assert_close(found, functional.cross_entropy(outputs, y, weights, reduction="none"))
    sets = torch.tensor([[1, 0], [0, 1], [0, 1], [0, 1]]).float()
    positive = weights_of("balanced", sets, "sets", 2, "binary_cross_entropy_with_logits", -100)
    assert positive.tolist() == pytest.approx([3.0, 1 / 3])
    assert weights_of([1, 2], y, "classes", 2, "cross_entropy", -100).tolist() == [1.0, 2.0]
    assert weights_of(None, y, "classes", 2, "cross_entropy", -100) is None


@pytest.mark.parametrize(
    ("given", "y", "family", "name", "said"),
    [
        ([1, 2, 3], None, "classes", "cross_entropy", "weights are 2 numbers of at least 0, one a class"),
        ([1, -2], None, "classes", "cross_entropy", "at least 0"),
        ("equal", None, "classes", "cross_entropy", "weights are numbers or 'balanced', got 'equal'"),
        ("balanced", None, "classes", "cross_entropy", "balanced weights need labels that are listed"),
        ("balanced", None, "numbers", "mse_loss", "the loss is mse_loss: weigh inside it"),
        ("balanced", None, "classes", None, "the loss is of your own"),
        ("balanced", torch.tensor([[1.0, 0.0]]), "sets", "binary_cross_entropy_with_logits",
         r"there is none of \[1\]"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit(given, y, family, name, said):
    with pytest.raises(ValueError, match=said):
        weights_of(given, y, family, 2, name, -100)


@pytest.mark.parametrize("name", ["binary_cross_entropy_with_logits", "binary_cross_entropy"])
def test_labels_that_are_not_known_are_left_out(name):
    outputs = torch.rand(3, 2, generator=rng()).requires_grad_()
    y = torch.tensor([[1.0, torch.nan], [0.0, 1.0], [torch.nan, torch.nan]])
    own, loss = getattr(functional, name), Loss(name, partial=True)
    found = loss(outputs, y)
    torch.testing.assert_close(found[:2], torch.stack([own(outputs[0, :1], y[0, :1]), own(outputs[1], y[1])]))
    assert found[2] == 0 and loss.summed(outputs, y) == found.sum()
    found.sum().backward()
    assert outputs.grad.isfinite().all() and outputs.grad[0, 1] == 0
    assert weights_of("balanced", y, "sets", 2, "binary_cross_entropy_with_logits", -100).tolist() == [1, 0]
