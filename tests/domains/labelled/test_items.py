"""appnas.domains.labelled.items."""

import numpy as np
import pytest
import torch

from appnas.domains.labelled.items import Anything, Plain, pair_of
from appnas.domains.labelled.targets import Task

CLASSES = Task("classes", (2,), ("a", "b"))


def test_pairs_and_rows():
    assert pair_of((1, 2), None) == [1, 2] or pair_of((1, 2), None) == (1, 2)
    assert pair_of({"features": 1, "target": 2, "id": 3}, None) == (1, 2)
    assert pair_of({"a": 1, "b": 2}, ("a", "b")) == (1, 2)
    for item, said in (
        ((1, 2, 3), r"a tuple of 3; several inputs are a tuple within it, \(\(a, b\), target\)"),
        ({"a": 1, "target": 2}, r"got \['a', 'target'\]: give columns=\(input, target\)"),
        (7, "got int"),
    ):
        with pytest.raises(ValueError, match=said):
            pair_of(item, None)


def test_items_have_the_form_of_the_first():
    form = Anything().first((np.zeros((2, 3)), 0))
    assert form == Plain((((2, 3), "float32"),)) and form.shape == (2, 3)
    x, y = form.read((torch.ones(2, 3, dtype=torch.float64), "b"), CLASSES)
    assert x.dtype == torch.float32 and y == 1
    with pytest.raises(ValueError, match=r"that of the first is \[2, 3\] of float32, got \[3, 2\] of float32"):
        form.read((np.zeros((3, 2)), "a"), CLASSES)
    several = Anything().first(((np.zeros(2), torch.zeros(3)), 0))
    x, y = several.read(((np.ones(2), torch.ones(3)), 0.5), Task("numbers", (1,)))
    assert [tuple(part.shape) for part in x] == [(2,), (3,)] and y.tolist() == [0.5]
    assert several.read(((np.ones(2), torch.ones(3)), 0.5), None)[1].dtype == torch.float32
    with pytest.raises(ValueError, match="its target is the text 'a': list all targets"):
        form.read((np.zeros((2, 3)), "a"), None)


def test_pictures_are_tensors():
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    assert Anything().first((image.new("RGB", (5, 4)), 0)).shape == (3, 4, 5)
    assert Anything().first((image.new("L", (5, 4)), 0)).shape == (1, 4, 5)


def test_classes_of_a_sample_need_their_number():
    with pytest.raises(ValueError, match="the data lack: classes=n, as their targets cannot be listed"):
        Anything().seen(torch.tensor([0, 1]), None)
    assert Anything().seen(torch.tensor([0, 1]), 3).outputs == (3,)
    assert Anything().seen(torch.tensor([0.5, 1.0]), None).kind == "numbers"
    y, task = Anything().targets([0.5, 1.5], "train labels", 2, None, None)
    assert task.kind == "numbers" and y.shape == (2, 1)
    with pytest.raises(ValueError, match="train labels: 3 examples need as many targets, got 2"):
        Anything().targets([0.5, 1.5], "train labels", 3, None, None)
