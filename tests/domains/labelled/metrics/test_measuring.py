"""appnas.domains.labelled.metrics.measuring: the whole split, not a mean over batches."""

import pytest
import torch
from sklearn.metrics import f1_score

from appnas.domains.labelled.metrics import Measure, measuring
from appnas.domains.labelled.targets import Task
from appnas.task import Metric

CLASSES, NUMBERS = Task("classes", (3,), (0, 1, 2)), Task("numbers", (1,))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def measured(measure, outputs, y, size=7):
    meter = measure.started()
    for part, targets in zip(outputs.split(size), y.split(size), strict=True):
        meter.add(part, targets)
    return meter.found()


OUTPUTS, Y = torch.randn(40, 3, generator=rng()), torch.randint(0, 3, (40,), generator=rng(1))


@pytest.mark.parametrize("held", [0, 2**26])
@pytest.mark.parametrize("given", ["macro_f1", "MulticlassF1Score", "own"])
def test_three_ways_to_the_same_number(given, held, monkeypatch):
    """A mean over batches would be another."""
    monkeypatch.setattr(measuring, "HELD", held)

    def own(outputs, y):
        return f1_score(y, outputs.argmax(1), average="macro")

    if given == "MulticlassF1Score":
        pytest.importorskip("torchmetrics", reason="the extra `metrics` is not installed")
    measure = Measure(CLASSES, own if given == "own" else given, higher=True)
    found = measured(measure, OUTPUTS, Y)
    scale = 100 if given == "macro_f1" else 1
    assert found[measure.metric.name] == pytest.approx(scale * own(OUTPUTS, Y), abs=1e-6 * scale)
    assert list(found) == [measure.metric.name, "accuracy", "balanced_accuracy"]
    assert found == measured(measure, OUTPUTS, Y)  # nothing is left of the first time


def test_names_units_and_directions():
    assert Measure(CLASSES).metric == Metric("accuracy", "%")
    assert Measure(NUMBERS, "rmse", unit="K").metric == Metric("rmse", "K", higher=False)
    assert Measure(NUMBERS, lambda a, b: 0.0, False).metric == Metric("metric", "", higher=False)
    pytest.importorskip("torchmetrics", reason="the extra `metrics` is not installed")
    assert Measure(NUMBERS, "MeanAbsoluteError").metric == Metric("MeanAbsoluteError", "", higher=False)
    assert Measure(CLASSES, "MulticlassAUROC", beside=()).names == ("MulticlassAUROC",)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (lambda a, b: 0.0, ValueError, "whether more is better of the metric metric must be said: higher=True"),
        (3, TypeError, r"metric is a name, or a function \(outputs, targets\) -> number, got 3"),
        (Metric, TypeError, "metric='Metric'"),
    ],
)
def test_metrics_that_do_not_say_enough(given, error, said):
    with pytest.raises(error, match=said):
        Measure(CLASSES, given)


def test_one_s_own_gives_a_number():
    with pytest.raises(TypeError, match="the metric metric must be a number"):
        measured(Measure(CLASSES, lambda a, b: "high", True), OUTPUTS, Y)
