"""appnas.cli.eda.generate: the whole flow where there are tools."""

import numpy as np
from conftest import tool

from appnas.cli import main
from appnas.domains.eda.flow import tools


def needed():
    """Whether the flow can run: a skip, or a failure where tools are required."""
    for name in ("yosys", "graywolf", "qrouter"):
        tool(name)


def test_the_command_line(tmp_path, capsys):
    needed()
    assert main(["eda", "generate", str(tmp_path), "--designs", "tiny", "--each", "1", "--grid", "8", "--jobs", "1",
                 "--keep"]) == 0  # fmt: skip
    assert "0 failed" in capsys.readouterr().out
    files = [str(tools.TECHNOLOGY / tools.LEF), str(tmp_path / "designs" / "tiny-000.def.gz")]
    assert main(["eda", "features", *files, "--out", str(tmp_path / "maps.npz"), "--grid", "8"]) == 0
    maps = np.load(tmp_path / "maps.npz")
    np.testing.assert_allclose(maps["x"], np.load(tmp_path / "samples" / "tiny-000.npz")["x"], rtol=1e-6)
    assert main(["eda", "features", files[0]]) == 2
    assert main(["eda", "generate", str(tmp_path), "--each", "0"]) == 2
