"""appnas.domains.eda.reports.packing: files of several designs as one data set, which a domain learns from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from appnas.domains.eda import SHIPPED, Placements, load
from appnas.domains.eda.data import FileOptions, file
from appnas.domains.eda.reports import pack
from appnas.domains.eda.reports.packing import counted, write


def one(design, **more):
    rng = np.random.default_rng(sum(design.encode()))
    maps = rng.random((1, 2, 8, 8)).astype(np.float32)
    given = {"labels": {"drc": (maps[:, 0] > 0.5).astype(np.float32)}, "counts": np.array([3]), **more}
    return Placements(maps, ("pin", "own_power"), (design,), (f"{design}-1",), **given)


def written(folder, design, what="nets", **more):
    path = folder / f"{design}.npz"
    write(one(design, **more), what, path)
    return path


def test_several_designs_are_a_data_set(tmp_path):
    paths = [written(tmp_path, name, what) for name, what in (("a", "nets"), ("b", ""), ("c", "nets"), ("d", "nets"))]
    data = pack(paths, tmp_path / "all.npz")
    again = load(tmp_path / "all.npz")
    assert again.designs == data.designs == ("a", "b", "c", "d") and again.channels == ("pin", "own_power")
    np.testing.assert_array_equal(again.x, data.x)
    np.testing.assert_array_equal(again.label("drc"), data.label("drc"))
    assert counted(tmp_path / "all.npz") == "nets" and again.counts.tolist() == [3, 3, 3, 3]
    for task in ("hotspots", "violated_nets"):
        domain = file(FileOptions(path=str(tmp_path / "all.npz"), channels=("pin", "own_power"), batch=1, task=task))
        x, _ = next(iter(domain.batches("valid", torch.Generator().manual_seed(0))))
        assert domain.io.inputs == (2, 8, 8) and x.shape == (1, 2, 8, 8)
    more = pack([tmp_path / "all.npz", written(tmp_path, "e")], tmp_path / "all.npz")  # onto a file that is read, too
    assert load(tmp_path / "all.npz").names == more.names and len(more.names) == 5


def test_what_does_not_go_together(tmp_path):
    a, b = written(tmp_path, "a"), written(tmp_path, "b", "markers")
    with pytest.raises(
        ValueError, match=r"of nets in some files and of markers in others \(.*a.npz: nets, .*b.npz: markers"
    ):
        pack([a, b], tmp_path / "all.npz")
    with pytest.raises(ValueError, match="called \\['a-1'\\]: give each a name of its own"):
        pack([a, a], tmp_path / "all.npz")
    with pytest.raises(ValueError, match="one or more files"):
        pack([], tmp_path / "all.npz")
    assert not (tmp_path / "all.npz").exists() and counted(SHIPPED) == "nets"
    with pytest.raises(ValueError, match="counts differ"):
        pack([a, written(tmp_path, "c", counts=None)], tmp_path / "all.npz")


def test_with_what_generate_made(tmp_path):
    """The same channels and labels as the file that ships, on its grid."""
    whole = load(SHIPPED)
    few = Placements(
        whole.x[:3], whole.channels, whole.designs[:3], whole.names[:3], {k: v[:3] for k, v in whole.labels.items()},
        whole.counts[:3],
    )  # fmt: skip
    mine = replace(few, names=("x", "y", "z"), designs=("mine",) * 3)
    write(mine, "nets", tmp_path / "mine.npz")
    assert len(pack([SHIPPED, tmp_path / "mine.npz"], tmp_path / "all.npz").names) == len(whole.names) + 3
