"""appnas.domains.tensors."""

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from appnas.domains import Images, Labelled
from appnas.domains.labels import as_classes
from appnas.domains.tensors import as_tensor, from_array

X = np.arange(24.0).reshape(4, 3, 2)
HELD = np.empty(4, dtype=object)
HELD[:] = [*X]


@pytest.mark.parametrize(
    "x",
    [
        X, X.tolist(), [*X], HELD, X.astype(object), [*map(torch.tensor, X)], np.ma.array(X), X[:, :, ::-1][:, :, ::-1],
        X.astype(">f8"), X.astype(np.longdouble), torch.tensor(X, requires_grad=True), np.broadcast_to(X, X.shape),
    ],
)  # fmt: skip
def test_arrays_of_every_kind_hold_the_same_numbers(x):
    found = as_tensor(x, "x")
    assert found.tolist() == X.tolist() and found.dtype == torch.float64 and not found.requires_grad


def test_what_is_read_only_or_reversed_is_copied():
    fixed = np.broadcast_to(np.zeros(2), (3, 2))
    from_array(fixed)[0, 0] = 1
    assert fixed.sum() == 0 and as_tensor(X[::-1], "x")[0].tolist() == X[-1].tolist()


def test_pictures_have_channels_first():
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    found = as_tensor([image.fromarray(pixels, "RGBA")] * 2, "x")
    assert found.shape == (2, 4, 2, 3) and found[1].tolist() == pixels.transpose(2, 0, 1).tolist()
    assert as_tensor([image.fromarray(pixels[..., 0])] * 2, "x").shape == (2, 2, 3)
    square = [image.fromarray(np.random.default_rng(i).integers(0, 256, (3, 3, 3), np.uint8)) for i in range(4)]
    for domain in (Labelled(square, [0.5, 0.2, 0.1, 0.9]), Images(square, [0, 1, 0, 1])):  # not asked for a layout
        assert domain.io.inputs == (3, 3, 3)
    assert domain._splits["all"][0].shape == (4, 3, 3, 3)
    with pytest.raises(ValueError, match=r"2 inputs of 2 sizes, \(3, 2, 'RGBA'\), \(3, 2, 'L'\)\.\.\.: pad them"):
        as_tensor([image.fromarray(pixels, "RGBA"), image.fromarray(pixels[..., 0])], "x")


def test_tables_of_pandas_are_floats():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1, 2], "b": [True, False], "c": pandas.array([1, None], dtype="Int64")})
    found = as_tensor(table, "x")
    assert found.dtype == torch.float64 and found[0].tolist() == [1.0, 1.0, 1.0] and bool(found[1, 2].isnan())
    assert as_tensor(table[["a"]], "x").dtype == torch.float64  # never tokens
    with pytest.raises(ValueError, match=r"x: inputs are numbers, got others in the columns d: x = pandas.get_dummies"):
        as_tensor(table.assign(d=["u", "v"]), "x")


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([np.zeros(2), np.zeros(3)], r"x: 2 inputs of 2 sizes, \(2,\), \(3,\)\.\.\.: pad them to one length, x = "),
        ([[1], [2, 3]], "x: inputs have one shape, got rows of different lengths: pad them"),
        ({"a": X, "b": X}, r"x: inputs are numbers, got a dict: several inputs are a tuple of arrays"),
        (["a", "b"], "x: inputs are numbers, got <U1"),
        (X.astype(complex), "x: inputs are numbers, got complex128"),
        (torch.zeros(2, dtype=torch.complex64), "x: inputs are real numbers, got torch.complex64"),
        (torch.eye(3).to_sparse(), r"got a sparse one: x = x.to_dense\(\)"),
        (None, "x: inputs are numbers, got none"),
        (np.ma.masked_greater(X, 20), "x: 3 of 24 numbers are masked: keep = "),
    ],
)
def test_what_holds_no_numbers_is_told_what_would(x, said):
    with pytest.raises(ValueError, match=said):
        as_tensor(x, "x")


def test_sparse_matrices_and_data_sets_are_told_what_would():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ValueError, match=r"got csr_matrix, which is sparse: x = x.toarray\(\)"):
        as_tensor(sparse.csr_matrix(np.eye(3)), "x")
    with pytest.raises(TypeError, match="an array is right, got TensorDataset: data sets and loaders go to `of`"):
        Labelled(TensorDataset(torch.zeros(4, 2)), [0, 1, 0, 1])


def test_masked_labels_are_missing():
    masked = np.ma.masked_equal([0, 1, 2, 1], 2)
    with pytest.raises(ValueError, match="y: 1 of 4 numbers are masked"):
        as_classes(masked, "y")
    with pytest.raises(ValueError, match="training labels: 1 of 4 numbers are masked"):
        Labelled(X, masked)
