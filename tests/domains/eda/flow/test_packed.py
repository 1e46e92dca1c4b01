"""appnas.domains.eda.flow.packed: what is packed can be loaded: maps nearly, hotspots exactly."""

import json

import numpy as np
import pytest

from appnas.domains.eda import load
from appnas.domains.eda.flow.generation import CHANNELS, LABELS
from appnas.domains.eda.flow.packed import pack


def samples(folder, orders=3):
    """Three samples of 6 x 5 gcells."""
    rng, names = np.random.default_rng(0), []
    for k in range(3):
        names.append(folder / f"d-{k:03d}.npz")
        x, y = rng.random((len(CHANNELS), 6, 5)) * 9, rng.integers(0, 4, (orders, len(LABELS), 6, 5)).clip(1) - 1
        counts = rng.integers(0, 50, (orders, 4))
        described = json.dumps({"job": {"id": f"d-{k:03d}", "design": "d", "placing": {}}, "tools": {}})
        np.savez(names[-1], x=x, y=y, counts=counts, described=np.array(described))
    return names


def test_packing(tmp_path):
    names = samples(tmp_path)
    pack([*names, tmp_path / "missing.npz"], tmp_path / "all.npz", CHANNELS, LABELS)
    data, raw = load(tmp_path / "all.npz"), [dict(np.load(name)) for name in names]
    np.testing.assert_allclose(data.of(CHANNELS), np.stack([r["x"] for r in raw]), atol=16 / 128)
    y, counts = np.stack([r["y"] for r in raw]), np.stack([r["counts"] for r in raw])
    np.testing.assert_allclose(data.label("util_h"), y[:, :, 1].mean(1), atol=4 / 128)
    assert ((data.label("drc") > 0) == (y[:, :, 0] > 0).any(1)).all()
    np.testing.assert_array_equal(data.routings.hot, y[:, :, 0] > 0)
    np.testing.assert_allclose(data.label("hotspot"), (y[:, :, 0] > 0).mean(1))
    np.testing.assert_array_equal(data.routings.counts, counts[:, :, 0])
    np.testing.assert_allclose(data.counts, counts[:, :, 0].mean(1))
    np.testing.assert_array_equal(np.load(tmp_path / "all.npz")["counts"][:, 1:], counts[:, 0, 1:])
    np.testing.assert_array_equal(data.label("overflow_h"), data.of(["overflow_h"])[:, 0])


def test_some_channels_alone(tmp_path):
    pack(samples(tmp_path), tmp_path / "some.npz", CHANNELS, LABELS, ("layers", "pin"))
    data = load(tmp_path / "some.npz")
    assert data.channels == ("layers", "pin") and set(data.labels) == {*LABELS, "hotspot"}
    with pytest.raises(ValueError, match="not 'pins'"):
        pack(samples(tmp_path), tmp_path / "some.npz", CHANNELS, LABELS, ("pins",))


def test_nothing_to_pack(tmp_path):
    with pytest.raises(ValueError, match="no sample could be made"):
        pack([tmp_path / "missing.npz"], tmp_path / "none.npz", CHANNELS, LABELS)


def test_files_of_before_routings_were_repeated_still_load(tmp_path):
    rng = np.random.default_rng(0)
    labels = ("drc", "util_h", "util_v", "overflow_h", "overflow_v")
    old = {"channels": np.array(["pin", "RUDY"]), "labels": np.array(labels), "ids": np.array(["a-0", "b-0"])}
    old |= {"designs": np.array(["a", "b"]), "counts": np.array([[3, 0, 9, 9], [7, 1, 9, 9]])}
    for name, c in (("x", 2), ("y", 5)):
        old |= {name: rng.integers(0, 256, (2, c, 6, 5)).astype(np.uint8), f"{name}_top": np.ones(c)}
    np.savez(tmp_path / "old.npz", **old)
    data = load(tmp_path / "old.npz")
    assert data.channels == ("pin", "RUDY", "overflow_h", "overflow_v") and set(data.labels) == set(labels)
    assert data.routings is None and data.counts.tolist() == [3, 7]
    np.testing.assert_array_equal(data.label("overflow_v"), data.of(["overflow_v"])[:, 0])
