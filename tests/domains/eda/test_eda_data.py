"""appnas.domains.eda.data: every name makes its domain, or says what it needs."""

from dataclasses import replace

import pytest

from appnas.domains.eda import SHIPPED, SMALL
from appnas.domains.eda import data as eda_data
from appnas.run import domain


@pytest.mark.parametrize("task", ["hotspots", "violated_nets", "congestion"])
def test_the_default(task):
    made = domain("placements", replace(SMALL, task=task, target="util_h+util_v" if task == "congestion" else ""))
    assert made.catalogue_name == "placements" and made.io.inputs == (24, 32, 32)
    assert not set(made.split["test"]) & set(made.split["all"]) and len(made.split["test"]) == 18


def test_files_by_path(tmp_path):
    made = domain("routed", replace(eda_data.FileOptions(), path=str(SHIPPED), test=("mul8",)))
    assert made.split["test"] == ("mul8",)
    for name in ("routed", "circuitnet"):
        with pytest.raises(ValueError, match=r"--domain\.path"):
            domain(name)
    with pytest.raises(FileNotFoundError, match="decompressed"):
        domain("circuitnet", replace(eda_data.NET, path=str(tmp_path)))


def test_ispd_2015(data, monkeypatch):
    if not (data / "circuitnet_ispd2015").exists():
        pytest.skip("no circuitnet_ispd2015 in APPNAS_DATA")
    made = domain("ispd2015", replace(eda_data.ISPD, side=32))
    assert made.split["test"] == ("mgc_superblue19",) and made.io.outputs == (32, 32)
    monkeypatch.setenv("APPNAS_DATA", "nowhere")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        domain("ispd2015")
