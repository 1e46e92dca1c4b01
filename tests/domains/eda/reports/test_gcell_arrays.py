"""appnas.domains.eda.reports.gcell_arrays: CircuitNet's files, whose first index goes along x."""

import numpy as np
import pytest

from appnas.domains.eda.reports.gcell_arrays import read
from appnas.domains.eda.reports.marked import ACROSS, BOTH, UP


def test_columns_first(tmp_path):
    values = np.zeros((4, 3))
    values[3, 0], values[1, 2] = 2, 0.5
    np.save(tmp_path / "a.npy", values)
    found = read(tmp_path / "a.npy")
    np.testing.assert_allclose(found.boxes, [[1 / 4, 2 / 3, 2 / 4, 1], [3 / 4, 0, 1, 1 / 3]])
    assert found.unit == "die" and found.amounts.tolist() == [0.5, 2]
    assert found.over[BOTH].tolist() == [0.5, 2] and found.format == "an array of 4 x 3 gcells"
    for folder, label in (("congestion_GR_horizontal_overflow", ACROSS), ("GR_vertical", UP)):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "a.npz", values)
        assert set(read(tmp_path / folder / "a.npz").over) == {label}


def test_the_nearest_part_of_a_path_says_the_direction(tmp_path):
    folder = tmp_path / "horizontal-runs" / "GR_vertical_overflow"
    folder.mkdir(parents=True)
    np.save(folder / "x.npy", np.ones((2, 2)))
    assert set(read(folder / "x.npy").over) == {UP} and read(folder / "x.npy").notes == (
        "by its path of vertical wires",
    )
    np.save(folder / "horizontal.npy", np.ones((2, 2)))
    assert set(read(folder / "horizontal.npy").over) == {ACROSS}
    np.save(folder / "horizontal-vertical.npy", np.ones((2, 2)))
    with pytest.raises(ValueError, match="says horizontal and vertical"):
        read(folder / "horizontal-vertical.npy")


def test_wrong_arrays(tmp_path):
    for name, values, match in (
        ("three", np.zeros((2, 2, 2)), "columns, rows"), ("nan", np.full((2, 2), np.nan), "without NaN"),
        ("objects", np.array([{}]), "no array of numbers"),
    ):  # fmt: skip
        np.save(tmp_path / f"{name}.npy", values)
        with pytest.raises(ValueError, match=match):
            read(tmp_path / f"{name}.npy")
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 2)), b=np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"arrays \['a', 'b'\], give a file with one"):
        read(tmp_path / "two.npz")
    (tmp_path / "half.npy").write_bytes((tmp_path / "nan.npy").read_bytes()[:100])
    with pytest.raises(ValueError, match="cut off"):
        read(tmp_path / "half.npy")
