"""appnas.domains.labelled.inputs."""

import numpy as np
import pytest
import torch

from appnas.domains import Labelled
from appnas.domains.labelled.inputs import as_inputs, scale_of
from appnas.domains.reading import Several


def test_floats_are_single_and_integers_stay():
    assert as_inputs(np.zeros((3, 2)), "x").dtype == torch.float32
    assert as_inputs(np.zeros((3, 2), np.uint8), "x").dtype == torch.uint8
    assert as_inputs(torch.zeros(3, 2, dtype=torch.int32), "x").dtype == torch.int64
    assert as_inputs([[True, False]], "x").tolist() == [[1.0, 0.0]]
    both = as_inputs((np.zeros((3, 2)), torch.zeros(3, 4)), "x")
    assert isinstance(both, Several) and [tuple(part.shape) for part in both.parts] == [(3, 2), (3, 4)]
    assert as_inputs((np.zeros((3, 2)),), "x").shape == (3, 2)


def test_numbers_that_single_precision_makes_equal():
    x = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[:, 1] += 1e9
    with pytest.raises(ValueError, match=r"x: numbers around 1e\+09 differ by .*\(column 1\): subtract their mean"):
        as_inputs(x, "x")
    x[:, 1] = 1e9  # a constant is one
    assert as_inputs(x, "x").dtype == torch.float32
    with pytest.raises(ValueError, match="subtract their mean"):
        Labelled(x, 7e8 + torch.arange(50, dtype=torch.float64) / 7)


def test_a_table_of_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    assert as_inputs(table, "x").tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert as_inputs(table[["b"]], "x").dtype == torch.float32  # never tokens
    table["town"] = ["x", "y"]
    with pytest.raises(ValueError, match=r"got others in the columns town: x = pandas.get_dummies\(x, dtype=float\)"):
        as_inputs(table, "training inputs")


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((0, 2)), "there is no example in it"),
        (np.zeros(4), r"an axis of examples comes first, got \[4\]: x = x\[:, None\]"),
        ([[1.0, float("nan")], [1.0, 2.0]], "1 of 2 examples hold NaN or infinity"),
        ([[1], [2, 3]], "rows of different lengths"),
        (np.array([["a"]]), "inputs are numbers, got <U1"),
        ((np.zeros((3, 2)), np.zeros((2, 2))), r"each input has a row for every example, got \[2, 3\] rows"),
    ],
)
def test_what_is_no_input_is_refused(x, said):
    with pytest.raises(ValueError, match=f"^training inputs.*: .*{said}"):
        as_inputs(x, "training inputs")


def test_scale_by_feature_and_by_channel():
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    scale = scale_of(x, True)
    assert scale(x).tolist() == [[-1.0, 0.0], [1.0, 0.0]]  # what never changes is not divided
    assert scale.described() == {"mean": [2.0, 5.0], "std": [1.0, 1.0]}
    images = torch.randint(0, 256, (20, 3, 4, 4), dtype=torch.uint8)
    scaled = scale_of(images, True)(images)
    assert torch.allclose(scaled.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(scaled.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5)
    tokens = torch.arange(6).view(2, 3)
    assert scale_of(tokens, True)(tokens) is tokens and scale_of(tokens, True).described() == {}
    assert scale_of(x, False)(x) is x and scale_of(images, False)(images).dtype == torch.float32
    both = scale_of(Several([x, tokens]), True)
    assert both((x, tokens))[0].tolist() == scale(x).tolist() and both((x, tokens))[1] is tokens
    assert both.described() == {"mean": [[2.0, 5.0], None], "std": [[1.0, 1.0], None]}
