"""appnas.cli.eda: what needs no tool, and the whole flow where there are tools."""

from pathlib import Path

import numpy as np
import pytest
from conftest import tool

from appnas.cli import main
from appnas.cli.eda import beside, features_of
from appnas.domains.eda.flow import tools


def needed():
    """Whether the flow can run: a skip, or a failure where tools are required."""
    for name in ("yosys", "graywolf", "qrouter"):
        tool(name)


def test_the_command_line(tmp_path, capsys):
    needed()
    assert main(["eda", "doctor"]) == 0 and "qrouter" in capsys.readouterr().out
    assert main(["eda", "generate", str(tmp_path), "--designs", "tiny", "--each", "1", "--grid", "8", "--jobs", "1",
                 "--keep"]) == 0  # fmt: skip
    assert "0 failed" in capsys.readouterr().out
    files = [str(tools.TECHNOLOGY / tools.LEF), str(tmp_path / "designs" / "tiny-000.def.gz")]
    assert main(["eda", "features", *files, "--out", str(tmp_path / "maps.npz"), "--grid", "8"]) == 0
    maps = np.load(tmp_path / "maps.npz")
    np.testing.assert_allclose(maps["x"], np.load(tmp_path / "samples" / "tiny-000.npz")["x"], rtol=1e-6)
    assert main(["eda", "features", files[0]]) == 2
    assert main(["eda", "generate", str(tmp_path), "--each", "0"]) == 2


def test_files_that_cannot_be_meant(tmp_path):
    with pytest.raises(ValueError, match="one or more LEF files, then a DEF file"):
        features_of([tmp_path / "placed.def"], "8")
    assert beside(Path("a/placed.def.gz"), ".npz") == Path("a/placed.npz")
    assert beside(Path("placed.def"), "-drc.npz") == Path("placed-drc.npz")


def test_without_a_command_it_says_what_there_is(capsys):
    assert main(["eda"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("doctor", "generate", "features", "predict"))
