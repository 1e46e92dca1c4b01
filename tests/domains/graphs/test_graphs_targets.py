"""appnas.domains.graphs.targets: what labels are by their values, which rows have none, what guessing is worth."""

import warnings

import pytest
import torch

from appnas.domains.graphs.targets import chance_of, labelled, targets_of
from appnas.domains.labelled.targets import Task
from appnas.domains.labels import LabelNote

NAN = torch.nan


@pytest.mark.parametrize(
    ("y", "known"),
    [
        ([0, 1, -1, 2], [True, True, False, True]),
        ([-1, 1, 1], [True] * 3),  # two classes by the names -1 and 1
        ([-2, -1, 0], [True] * 3),
        ([0.5, NAN, 2.0], [True, False, True]),
        ([[1.0, NAN], [NAN, NAN]], [True, False]),
    ],
)
def test_which_rows_have_a_label(y, known):
    assert labelled(torch.tensor(y)).tolist() == known


@pytest.mark.parametrize(
    ("y", "loss", "task"),
    [
        (torch.arange(60) % 3, None, Task("classes", (3,), (0, 1, 2))),
        (torch.arange(60) % 3 / 2, None, Task("numbers", (1,))),
        (torch.arange(60) % 3, "mse_loss", Task("numbers", (1,))),
        (torch.arange(60.0), None, Task("numbers", (1,))),
        (torch.arange(60) % 2, "binary_cross_entropy_with_logits", Task("sets", (1,))),
        (torch.arange(60), "cross_entropy", Task("classes", (60,), tuple(range(60)))),
        (torch.arange(60.0)[:, None] % 7, None, Task("classes", (7,), tuple(range(7)))),  # as without the axis
        (torch.randn(60, 1), None, Task("numbers", (1,))),
        (torch.randn(60, 4), None, Task("numbers", (4,))),
        (torch.tensor([[1.0, 1.0], [0.0, 1.0]]), None, Task("sets", (2,))),
        (torch.tensor([[1.0, NAN], [0.0, 1.0]]), None, Task("sets", (2,), partial=True)),
        (torch.tensor([[1.0, NAN], [0.0, NAN]]), "binary_cross_entropy_with_logits", Task("sets", (2,), partial=True)),
        (torch.tensor([[1.0, 0.0], [0.0, 1.0]]), None, Task("classes", (2,), (0, 1))),
    ],
)
def test_what_is_predicted(y, loss, task):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LabelNote)
        found = targets_of({"train": [y[: len(y) // 2]], "valid": [y[len(y) // 2 :]]}, loss)
    assert found.task == task
    (train,), (valid,) = found.y.values()
    assert len(train) == len(valid) and train.dtype == (torch.int64 if task.kind == "classes" else torch.float32)
    assert task.kind == "classes" or train.shape[1:] == task.outputs


@pytest.mark.parametrize(
    ("y", "loss", "match"),
    [
        (torch.zeros(5, dtype=torch.long), None, "nothing to tell apart"),
        (torch.arange(60), None, "60 integers of 60 different values can be read in more than one way"),
        (torch.arange(5), "binary_cross_entropy_with_logits", "hold 0 and 1, or NaN if unknown, found 0.0 to 4.0"),
        (torch.tensor([[0.5, NAN], [0.5, 1.0]]), None, "1 of 2 rows of y hold NaN beside numbers"),
    ],
)
def test_what_cannot_be_predicted(y, loss, match):
    with pytest.raises(ValueError, match=match):
        targets_of({"train": [y]}, loss)


def test_classes_with_gaps_are_taken_in_their_order():
    with pytest.warns(LabelNote, match="3 of the integers 0 to 90 became the classes 0 to 2"):
        found = targets_of({"train": [torch.tensor([90, 0])], "valid": [torch.tensor([7])]}, None)
    assert found.task.names == (0, 7, 90) and [y.tolist() for (y,) in found.y.values()] == [[2, 0], [1]]


def test_what_guessing_is_worth():
    y = {"train": torch.tensor([0, 1, 2]), "valid": torch.tensor([2]), "test": torch.tensor([1])}
    assert chance_of(Task("classes", (3,)), y) == pytest.approx(100 / 3)
    with pytest.warns(LabelNote, match=r"1 of 4 classes have no training example, and cannot be learnt: \[3\]"):
        chance_of(Task("classes", (4,)), {**y, "test": torch.tensor([3])})
    sets = {split: torch.tensor([[1.0, 0.0]]) for split in y}
    with pytest.warns(LabelNote, match=r"1 of 2 classes have no training example, and cannot be learnt: \[1\]"):
        assert chance_of(Task("sets", (2,)), sets) == pytest.approx(200 * 0.5 / 1.5)


def test_labels_that_are_not_known_are_said_and_left_out_of_guessing():
    y = {"train": torch.tensor([[1.0, NAN], [1.0, 0.0], [0.0, NAN]]), "valid": torch.tensor([[1.0, 1.0]])}
    with pytest.warns(LabelNote, match=r"2 of 8 labels are not known \(NaN\)"):
        task = targets_of({split: [part] for split, part in y.items()}, None).task
    with pytest.warns(LabelNote, match=r"1 of 2 classes have no training example, and cannot be learnt: \[1\]"):
        assert chance_of(task, y) == pytest.approx(200 * (4 / 6) / (1 + 4 / 6))
    with pytest.raises(ValueError, match="2 of 2 rows of y hold NaN beside numbers"):
        targets_of({"train": [torch.tensor([[1.0, NAN], [0.5, NAN]])]}, "mse_loss")
