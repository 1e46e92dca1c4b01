import warnings

import numpy as np
import pytest
import torch

from appnas.domains.labels import LabelNote, as_classes


def quietly(y, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LabelNote)
        found, names = as_classes(y, "training labels", **more)
    assert found.dtype == torch.int64 and found.dim() == 1
    return found.tolist(), names


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, lambda y: np.array(y, dtype=object)])
def test_integers_from_0_stay_as_they_are_without_a_note(kind):
    found, names = as_classes(kind([2, 0, 1, 2]), "training labels")
    assert found.tolist() == [2, 0, 1, 2] and names == (0, 1, 2)


@pytest.mark.parametrize(
    ("y", "found", "names", "said"),
    [
        (range(1, 11), list(range(10)), tuple(range(1, 11)), "integers became the classes 0 to 9 in the order 1, 2, 3"),
        ([7, 3, 9, 3], [1, 0, 2, 0], (3, 7, 9), "in the order 3, 7, 9; `labels` has them"),
        ([-1, 1, 1], [0, 1, 1], (-1, 1), "in the order -1, 1"),
        ([0, 1, 3], [0, 1, 3], (0, 1, 2, 3), "4 classes, of which 1 are empty: 2"),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], [1, 0, 2], (0, 1, 2), "one-hot rows of 3 became the classes 0 to 2"),
        (np.eye(4)[[0, 1, 1]], [0, 1, 1], (0, 1, 2, 3), "became 4 classes, of which 2 are empty: 2, 3"),
        ([1.0, 0.0, 2.0], [1, 0, 2], (0, 1, 2), "floats that are whole became the classes 0 to 2"),
        (torch.tensor([5.0, 6.0]), [0, 1], (5, 6), "floats that are whole became the classes 0 to 1 in the order 5, 6"),
        ([True, False], [1, 0], (False, True), "booleans became the classes 0 to 1 in the order False, True"),
        (["b", "a", "b"], [1, 0, 1], ("a", "b"), "texts became the classes 0 to 1 in the order 'a', 'b'"),
        (np.array(["b", "a"], dtype=object), [1, 0], ("a", "b"), "texts"),
        (np.array([b"b", b"a"]), [1, 0], ("a", "b"), "texts"),
        (["10", "2", "10"], [1, 0, 1], ("2", "10"), "in the order '2', '10'"),
        (np.array([[1], [0]]), [1, 0], (0, 1), r"a column \[2, 1\] became the classes 0 to 1"),
        (np.array([1, 0], dtype=object).reshape(2, 1), [1, 0], (0, 1), "a column"),
    ],
)  # fmt: skip
def test_other_labels_are_taken_with_a_note(y, found, names, said):
    y = list(y) if isinstance(y, range) else y
    with pytest.warns(LabelNote, match=said):
        classes, known = as_classes(y, "training labels")
    assert classes.tolist() == found and known == names


def test_a_column_of_pandas():
    pandas = pytest.importorskip("pandas")
    assert quietly(pandas.Series(["x", "y", "x"])) == ([0, 1, 0], ("x", "y"))
    assert quietly(pandas.Series(["x", "y", "x"], dtype="category")) == ([0, 1, 0], ("x", "y"))
    assert quietly(pandas.Series([4, 5, 4])) == ([0, 1, 0], (4, 5))
    with pytest.raises(ValueError, match="1 of 3 are missing"):
        as_classes(pandas.Series(["x", None, "x"]), "training labels")


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (None, "there are none"),
        ([], "there is no label in it"),
        (3, r"one label, 3: give \[N\]"),
        ([0, 1, -1], r"1 of 3 are -1, beside 0 to 1. If that means no label: x, y = x\[y >= 0\], y\[y >= 0\]"),
        ([0, 255], r"only 2 of the classes 0 to 255 occur.*=256.*y = numpy.unique\(y, return_inverse=True\)"),
        ([0.5, 1.0], r"1 of 2 are no whole numbers, such as 0.5.*Labelled\(x, y\).*y = numpy.digitize"),
        ([0.0, float("nan")], "1 of 2 are missing .*keep = numpy.isfinite"),
        (["a", None], "1 of 2 are missing"),
        (["a", 1], r"all integers or all texts, got int, str: y = \[str\(label\) for label in y\]"),
        (["a", ""], "1 of 2 are empty texts"),
        ([[0.2, 0.8], [0.5, 0.5]], r"rows of probabilities: y = y.argmax\(1\)"),
        ([[1, 2], [3, 4]], "rows of 2 numbers"),
        ([[1, 1], [0, 1]], r"1 of 2 have none or several: sets of labels are predicted by .*Labelled"),
        ([[1, 2], [3]], "rows of different lengths"),
        ([["a", "b"]], "one text an example"),
        (np.zeros((2, 3, 3), dtype=int), "a label for every pixel"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), r"y = y.astype\(str\)"),
        ([object()], "got object"),
    ],
)  # fmt: skip
def test_what_would_be_a_guess_is_refused_with_the_line_that_converts(y, said):
    with pytest.raises(ValueError, match=f"^training labels: .*{said}"):
        as_classes(y, "training labels")


def test_the_number_of_classes_can_be_known():
    assert quietly([1, 2], classes=4) == ([1, 2], (0, 1, 2, 3))
    assert quietly([1, 2, 3, 4], classes=4) == ([0, 1, 2, 3], (1, 2, 3, 4))
    assert quietly([0, 255], classes=256)[0] == [0, 255]
    for y in ([0, 4], [1, 2, 3, 4, 5]):
        with pytest.raises(ValueError, match="must be 0 to 3, as classes=4"):
            as_classes(y, "training labels", classes=4)
    with pytest.raises(ValueError, match="2 different ones, 'a', 'b', where classes=3"):
        as_classes(["a", "b"], "training labels", classes=3)
    with pytest.raises(ValueError, match="4 different ones, 0, 1, 2, 3, where classes=3"):
        quietly(np.eye(4), classes=3)


@pytest.mark.parametrize(
    ("train", "test", "found"),
    [
        (list(range(1, 11)), [10, 1], [9, 0]),
        (["b", "a"], np.array(["a", "a", "b"], dtype=object), [0, 0, 1]),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], [[0, 0, 1]], [2]),
        ([True, False], [1, 0, 1], [1, 0, 1]),
        ([0.0, 1.0], torch.tensor([1]), [1]),
        ([0, 1, 2], [2.0], [2]),
    ],
)
def test_others_are_read_as_the_first_were(train, test, found):
    _, names = quietly(train)
    classes, known = as_classes(test, "test labels", names=names)  # without a note
    assert classes.tolist() == found and known == names


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (list(range(10)), list(range(1, 11)), "10 is not among the labels that are known, 0, 1, 2"),
        (["a", "b"], ["a", "c"], "'c' is not among the labels that are known, 'a', 'b'"),
        (["1", "2"], [1, 2], "1, 2 is not among the labels that are known, '1', '2'"),
        (np.eye(3), np.eye(2), "a column for each of 3 classes, got 2"),
    ],
)
def test_a_label_that_training_has_not_seen_is_named(train, test, said):
    _, names = quietly(train)
    with pytest.raises(ValueError, match=f"^test labels: .*{said}"):
        as_classes(test, "test labels", names=names)
