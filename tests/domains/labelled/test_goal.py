"""appnas.domains.labelled.goal."""

import pytest
import torch
from torch.nn import functional

from appnas.domains.labelled import Goal, Options, Wishes
from appnas.domains.labelled.targets import Task, task_of

Y = torch.tensor([10.5, 20.5, 30.5, 98.5])


def goal(y, wishes=Wishes(), options=Options(), **more):  # noqa: B008  (frozen)
    task, found = task_of(y, wishes.loss if isinstance(wishes.loss, str) else None, None)
    return Goal(task, wishes, options, found, **more), found


def test_numbers_are_standardised_for_losses_of_differences_alone():
    made, y = goal(Y)
    standard = made.standard(y)
    assert float(standard.mean()) == pytest.approx(0, abs=1e-6)
    assert float(standard.std(correction=0)) == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(made.in_unit(standard), y)
    torch.testing.assert_close(made.losses(torch.zeros(4, 1), y), standard[:, 0].square())
    assert made.described()["outputs"]["mean"] == [40.0]
    for other in (goal(Y, Wishes(lambda a, b: (a - b).abs()))[0], goal(Y, options=Options(standardise=False))[0]):
        assert other.standard(y) is y and other.in_unit(y) is y and other.described() == {}


def test_under_the_loss_of_poisson_outputs_are_logarithms_of_counts():
    made, y = goal(Y, Wishes("poisson_nll_loss", "rmse"))
    assert made.standard(y) is y and made.described() == {"outputs": {"code": ["y = outputs.exp()"]}}
    torch.testing.assert_close(made.in_unit(y.log()), y)
    torch.testing.assert_close(made.losses(y.log(), y), (y - y * y.log())[:, 0])
    with pytest.raises(ValueError, match="poisson_nll_loss is for counts, numbers of at least 0, found -40 in y"):
        goal(-40 + 0 * Y, Wishes("poisson_nll_loss"))


def test_a_loss_of_one_s_own_is_tried_before_anything_is_trained():
    with pytest.raises(ValueError, match=r"a loss gives one number for every example, \[2\] or .* whole batch"):
        goal(Y, Wishes(lambda a, b: (a - b).abs().mean()))
    said = r"the loss raised RuntimeError on outputs \[2, 1\] and targets \[2, 1\] of float32: "
    with pytest.raises(ValueError, match=said):
        goal(Y, Wishes(lambda a, b: a @ b))


def test_an_auxiliary_head_weighs():
    made, y = goal(torch.tensor([0, 1, 1]))
    out, extra = torch.randn(3, 2), torch.randn(3, 2)
    wanted = [functional.cross_entropy(part, y, reduction="none") for part in (out, extra)]
    torch.testing.assert_close(made.losses((out, extra), y, 0.4), wanted[0] + 0.4 * wanted[1])
    for features in (torch.randn(3, 4), [1]):
        with pytest.raises(ValueError, match=r"a second output is an auxiliary head's.* return the scores alone"):
            made.losses((out, features), y, 0.4)


def test_guessing_is_the_best_constant():
    made, y = goal(torch.tensor([0] * 6 + [1] * 2))
    assert made.chance(y, torch.tensor([0, 0, 0, 1])) == 75.0
    balanced, _ = goal(y, Wishes(metric="balanced_accuracy"))
    assert balanced.chance(y, torch.tensor([0, 0, 0, 1])) == 50.0
    made, y = goal(Y)
    assert made.chance(y, y) == pytest.approx(0, abs=1e-6)  # R2 of the mean
    error, _ = goal(Y, Wishes(metric="mae"))
    assert error.chance(y, y) == pytest.approx(-29.25)
    made, y = goal(torch.tensor([[1, 0, 1], [1, 0, 0], [1, 1, 0]]))
    assert made.chance(y, y) == pytest.approx(100 * 2 * 3 / (5 + 3))  # the first label, always
    made, y = goal(torch.zeros(3, 4, 4, dtype=torch.int64).index_fill_(2, torch.tensor([0]), 1))
    assert made.chance(y, y) == pytest.approx(100 * 0.75 / 2)


def test_what_classes_are_called_is_told():
    assert goal(torch.tensor([0, 1]))[0].described() == {}
    with pytest.warns(UserWarning, match="texts"):
        assert goal(["a", "b"])[0].described() == {"labels": ["a", "b"]}
    assert goal(Y)[0].said() == "" and goal(Y, Wishes("l1_loss"))[0].said() == " l1_loss"


def test_labels_that_are_not_known():
    task = Task("sets", (2,), partial=True)
    y = torch.tensor([[1.0, torch.nan], [0.0, 1.0], [1.0, torch.nan]])
    made = Goal(task, Wishes(), Options(), y)
    assert made.loss.partial and made.losses(torch.zeros(3, 2), y).isfinite().all()
    assert made.chance(y, y) == 100 * 2 * 3 / 6.0 * 6 / 7  # everything true: 3 of 4 known ones are right
    with pytest.raises(ValueError, match="multilabel_soft_margin_loss is of all labels of a set"):
        Goal(task, Wishes("multilabel_soft_margin_loss"), Options(), y)
