"""appnas.domains.eda.nets: which networks the package ships, and where others are."""

from pathlib import Path

import pytest

from appnas.domains.eda import net_folder, nets, shipped_nets
from appnas.support import AbsentError


def test_shipped_networks_by_name(tmp_path, monkeypatch):
    assert all((folder / "model.safetensors").exists() and (folder / "README.md").exists()
               for folder in shipped_nets().values())  # fmt: skip
    monkeypatch.setattr(nets, "FILES", tmp_path)
    with pytest.raises(AbsentError, match="ships no network 'hot'; it has none: give the folder of an export of yours"):
        net_folder("appnas:hot")
    (tmp_path / "hotspots").mkdir()
    (tmp_path / "hotspots" / "arch.json").write_text("{}")
    assert net_folder("appnas:hotspots") == tmp_path / "hotspots" and net_folder("runs/net") == Path("runs/net")
    with pytest.raises(AbsentError, match="'hotspot'; it has appnas:hotspots; did you mean 'hotspots'"):
        net_folder("appnas:hotspot")
