"""appnas.domains.labelled.metrics.torch_metrics."""

import sys

import pytest
import torch

from appnas.domains.labelled.metrics import torch_metrics
from appnas.domains.labelled.targets import Task

pytest.importorskip("torchmetrics", reason="the extra `metrics` is not installed")

CLASSES, SETS = Task("classes", (4,), (0, 1, 2, 3)), Task("sets", (3,))
NUMBERS, PLACES = Task("numbers", (1,)), Task("places", (3, 2, 2), (0, 1, 2), 255)


@pytest.mark.parametrize(
    ("name", "task", "known"),
    [
        ("MulticlassF1Score", CLASSES, {"num_classes": 4}),
        ("F1Score", CLASSES, {"num_classes": 4}),
        ("MultilabelF1Score", SETS, {"num_labels": 3}),
        ("AUROC", SETS, {"num_labels": 3}),
        ("MulticlassJaccardIndex", PLACES, {"num_classes": 3, "ignore_index": 255}),
        ("MeanIoU", PLACES, {"num_classes": 3, "input_format": "index"}),
        ("MeanSquaredError", NUMBERS, {}),
    ],
)
def test_arguments_are_filled_in(name, task, known):
    metric = torch_metrics.made(name, task)
    assert torch_metrics.is_one(metric) and {key: getattr(metric, key) for key in known} == known


@pytest.mark.parametrize(
    ("name", "task", "said"),
    [
        ("MulticlasF1Score", CLASSES, "there is no metric 'MulticlasF1Score': MulticlassF1Score, .* are near it"),
        ("acuracy", CLASSES, "accuracy"),
        ("zzzzzz", NUMBERS, "torchmetrics has none that is like it; of our own are r2, rmse, mae"),
        (
            "MinkowskiDistance",
            NUMBERS,
            r"cannot be made by its name alone: .*give one, metric=MinkowskiDistance\(...\)",
        ),
    ],
)
def test_what_cannot_be_made(name, task, said):
    with pytest.raises(ValueError, match=said):
        torch_metrics.made(name, task)


def test_without_torchmetrics_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    with pytest.raises(ImportError, match=r"needs the package 'torchmetrics': pip install 'appnas\[metrics\]'"):
        torch_metrics.made("AUROC", CLASSES)


def test_what_metrics_are_given():
    outputs, y = torch.tensor([[0.0, 2.0], [1.0, 0.0]]), torch.tensor([1, 0])
    two = Task("classes", (2,), (0, 1))
    preds, _ = torch_metrics.given(two, False, "BinaryAUROC")(outputs, y)
    torch.testing.assert_close(preds, outputs.double().softmax(1)[:, 1])
    preds, target = torch_metrics.given(NUMBERS, False, "R2Score")(outputs[:, :1], outputs[:, 1:])
    assert preds.shape == target.shape == (2,)
    preds, target = torch_metrics.given(Task("sets", (2,)), False, "AUROC")(outputs, y[:, None].expand(2, 2).float())
    torch.testing.assert_close(preds, outputs.double().sigmoid())
    assert target.dtype == torch.int64
    assert torch_metrics.given(Task("sets", (2,)), True, "AUROC")(outputs, outputs)[0] is outputs
    assert torch_metrics.given(PLACES, False, "MeanIoU")(torch.zeros(1, 3, 2, 2), y)[0].shape == (1, 2, 2)


def test_several_numbers_are_refused():
    metric = torch_metrics.made("MulticlassF1Score", CLASSES)
    metric.average = "none"
    metric.update(torch.eye(4), torch.arange(4))
    with pytest.raises(ValueError, match=r"torchmetrics' F1 gives 4 numbers: .*average='macro'"):
        torch_metrics.value_of(metric, "F1")
    assert torch_metrics.fresh(metric, CLASSES).update_count == 0


def test_metrics_of_another_kind_say_which():
    for name, task, said in (
        ("BinaryAUROC", CLASSES, "is for two classes, and y are 4 classes, take MulticlassAUROC"),
        ("MultilabelAUROC", CLASSES, "is for sets of labels, and y are 4 classes, take MulticlassAUROC"),
        ("Accuracy", Task("numbers", (1,)), "is for classes, and y are numbers$"),
    ):
        with pytest.raises(ValueError, match=f"torchmetrics' {name} {said}"):
            torch_metrics.made(name, task)
    with pytest.raises(ValueError, match="the metric rmse is for numbers, and for classes are accuracy, balanced"):
        torch_metrics.made("rmse", CLASSES)
    with pytest.raises(ValueError, match=r"there is no metric 'f1': F1Score, .* are near it"):
        torch_metrics.made("f1", CLASSES)


def test_metrics_without_a_class_to_ignore_say_so():
    places = Task("places", (3, 2, 2), (0, 1, 2), 255)
    of = torch_metrics.given(places, False, "MeanIoU")
    y = torch.tensor([[[0, 1], [2, 1]]])
    assert of(torch.rand(1, 3, 2, 2), y)[1] is y
    y[0, 0, 0] = 255
    with pytest.raises(
        ValueError, match=r"torchmetrics' MeanIoU counts every place, .* to ignore, 255: take metric='mean_iou'"
    ):
        of(torch.rand(1, 3, 2, 2), y)


def test_numbers_far_from_zero_are_summed_in_double_precision():
    y = (1000 + torch.rand(200, 1, generator=torch.Generator().manual_seed(0))).float()
    outputs = y + torch.rand(200, 1, generator=torch.Generator().manual_seed(1)) / 2
    task = Task("numbers", (1,))
    metric = torch_metrics.fresh(torch_metrics.made("ExplainedVariance", task), task)
    for part in range(0, 200, 50):
        chunk = slice(part, part + 50)
        metric.update(*torch_metrics.given(task, False, "ExplainedVariance")(outputs[chunk], y[chunk]))
    wanted = 1 - float((y.double() - outputs.double()).var() / y.double().var())
    assert torch_metrics.value_of(metric, "ExplainedVariance") == pytest.approx(wanted, abs=1e-9)


def test_labels_that_are_not_known_are_left_out():
    task = Task("sets", (2,), partial=True)
    metric = torch_metrics.made("MultilabelAUROC", task)
    outputs = torch.tensor([[0.1, 0.5], [0.4, 0.2], [0.3, 0.9]])
    y = torch.tensor([[0.0, 1.0], [1.0, torch.nan], [torch.nan, 0.0]])
    torch_metrics.leaves_out(metric, "MultilabelAUROC")
    metric.update(*torch_metrics.given(task, True, "MultilabelAUROC")(outputs, y))
    assert torch_metrics.value_of(metric, "MultilabelAUROC") == 0.5  # 1 of the first label, 0 of the second
    with pytest.raises(ValueError, match=r"made with ignore_index=-1.*or 'macro_f1'"):
        torch_metrics.leaves_out(torch_metrics.made("MultilabelAUROC", SETS), "MultilabelAUROC")
