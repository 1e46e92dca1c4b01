"""appnas.domains.labelled.targets: what is seen in y, and what is refused."""

import numpy as np
import pytest
import torch

from appnas.domains.labelled.targets import as_targets, task_of
from appnas.domains.labels import LabelNote

MASKS = torch.arange(24).view(2, 3, 4) % 3
FLOATS = torch.arange(24).view(2, 3, 4) / 7


@pytest.mark.parametrize(
    ("y", "more", "kind", "outputs"),
    [
        ([0, 1, 2, 0], {}, "classes", (3,)),
        (np.array([0.5, 1.5, 2.0]), {}, "numbers", (1,)),
        (np.arange(100.0), {}, "numbers", (1,)),
        (np.array([[0.5, 1.0], [2.0, 3.0]]), {}, "numbers", (2,)),
        (torch.tensor([[1, 0, 1], [0, 0, 1]]), {}, "sets", (3,)),
        (torch.tensor([[True, True], [False, False]]), {}, "sets", (2,)),
        (MASKS, {}, "places", (3, 3, 4)),
        (MASKS[:, None], {}, "places", (3, 3, 4)),
        (MASKS > 0, {}, "places", (2, 3, 4)),
        (FLOATS, {}, "numbers", (3, 4)),
        (torch.tensor([[0, 1, 2], [2, 1, 0]]), {"outputs": (3, 3)}, "places", (3, 3)),
        (torch.tensor([[0, 1, 2], [2, 1, 0]]), {"loss": "cross_entropy"}, "places", (3, 3)),
        (torch.tensor([[0, 1, 2], [2, 1, 0]]), {"loss": "mse_loss"}, "numbers", (3,)),
        ([0, 1, 1, 0], {"loss": "binary_cross_entropy_with_logits"}, "sets", (1,)),
        ([0, 1, 1, 0], {"loss": "mse_loss"}, "numbers", (1,)),
        ([0.0, 1.0, 1.0], {"loss": "mse_loss"}, "numbers", (1,)),
        ([3, 4, 9], {"outputs": (1,)}, "numbers", (1,)),
        ([0, 1, 1, 0], {"outputs": (4,)}, "classes", (4,)),
        ([0, 1, 1, 0], {"classes": 3}, "classes", (3,)),
        (torch.where(MASKS == 2, 255, MASKS), {"ignore": 255}, "places", (2, 3, 4)),
        (torch.where(MASKS == 2, -100, MASKS), {}, "places", (2, 3, 4)),
    ],
)
def test_what_targets_are(y, more, kind, outputs):
    task, found = task_of(y, more.pop("loss", None), more.pop("outputs", None), **more)
    assert (task.kind, task.outputs) == (kind, outputs) and len(found) == len(y)
    assert found.dtype == (torch.int64 if kind in ("classes", "places") else torch.float32)
    assert tuple(found.shape[1:]) == {"classes": (), "places": outputs[1:]}.get(kind, outputs)


def test_other_labels_are_taken_with_a_note():
    for y, names in ((["b", "a", "b"], ("a", "b")), ([5, 7, 5], (5, 7)), (np.eye(3), (0, 1, 2))):
        with pytest.warns(LabelNote):
            task, _ = task_of(y, None, None)
        assert task.kind == "classes" and task.names == names
    with pytest.warns(LabelNote, match="floats that are whole"):
        assert task_of([0.0, 1.0, 1.0], "cross_entropy", None)[0].kind == "classes"


@pytest.mark.parametrize(
    ("y", "more", "said"),
    [
        (
            [0.0, 1.0, 1.0],
            {},
            "whole floats of 2 different values .* loss='cross_entropy' for classes, loss='mse_loss'",
        ),
        (np.arange(100), {}, "100 integers of 100 different values .* give loss='cross_entropy'"),
        ([[1, 2], [3, 4]], {}, r"integers \[2, 2\] .* loss='cross_entropy' for a class a moment, loss='mse_loss'"),
        ([[0.2, 0.8], [0.5, 0.5]], {}, r"rows of probabilities .* y = y.argmax\(1\)"),
        (torch.ones(2, 3, 4), {}, "loss='binary_cross_entropy_with_logits' for maps of yes and no"),
        ([0, 1, 1], {"outputs": (1,)}, "loss='binary_cross_entropy_with_logits' for the score of the larger one"),
        ([0, 1, 1], {"loss": "cross_entropy", "outputs": (1,)}, r"classes have an output each, got outputs=\(1,\)"),
        ([0, 0, 0], {}, "all are of class 0; two classes are the least"),
        (MASKS, {"outputs": (3, 4, 4)}, r"a class for every place, for which a network gives \(3, 3, 4\) an example"),
        (MASKS * 100, {}, r"only 3 of the classes 0 to 200 occur.*Options\(ignore=200\)"),
        (torch.full((2, 3, 4), -100), {}, "every place is of the class that is ignored, -100"),
        ([0.5, float("nan")], {}, r"1 of 2 hold NaN or infinity: keep = numpy.isfinite\(y\)"),
        ([[0, 2], [1, 1]], {"loss": "binary_cross_entropy"}, "sets of labels hold 0 and 1 only, found 0 to 2"),
        (FLOATS, {"loss": "cross_entropy", "outputs": (3, 3, 4)}, "a class for every place is an integer"),
        (["a", "b"], {"loss": "mse_loss"}, "they are numbers of one shape each, got <U1"),
        ([], {}, "there is none"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(y, more, said):
    with pytest.raises(ValueError, match=f"^training labels.*{said}"):
        task_of(y, more.pop("loss", None), more.pop("outputs", None), **more)


def test_other_data_are_read_as_the_training_data():
    task, _ = task_of([0.5, 1.5], None, None)
    assert as_targets([1, 2], "test labels", task).tolist() == [[1.0], [2.0]]
    task, _ = task_of(MASKS, None, None)
    assert as_targets(MASKS[:, None].float(), "test labels", task).equal(MASKS)
    with pytest.raises(ValueError, match=r"test labels: \[3, 4\] for each example is what training has, got \[2, 4\]"):
        as_targets(MASKS[:, :2], "test labels", task)
    with pytest.raises(ValueError, match="test labels: classes must be 0 to 2, found 1 to 3"):
        as_targets(MASKS + 1, "test labels", task)
