"""appnas.cli.eda.generate: the whole flow where there are tools."""

import json

import numpy as np
from conftest import tool

from appnas.cli import main
from appnas.domains.eda.flow import tools
from appnas.domains.eda.flow.generation import CHANNELS


def needed():
    """Whether the flow can run: a skip, or a failure where tools are required."""
    for name in ("yosys", "graywolf", "qrouter"):
        tool(name)


def test_the_command_line(tmp_path, capsys):
    needed()
    assert main(["eda", "generate", str(tmp_path), "--designs", "tiny", "--each", "1", "--grid", "8", "--jobs", "1",
                 "--orders", "2", "--keep"]) == 0  # fmt: skip
    assert "0 failed" in capsys.readouterr().out
    files = [str(tools.cells("osu035")), str(tmp_path / "designs" / "tiny-000.0.def.gz")]
    assert (
        (tmp_path / "dataset.md").read_text().startswith("1 placements of 1 designs at 8x8 gcells, each routed 2 times")
    )
    layers = str(json.loads(str(np.load(tmp_path / "dataset.npz")["placings"][0]))["layers"])
    said = [*files, "--out", str(tmp_path / "maps.npz"), "--grid", "8", "--routing-layers", layers]
    assert main(["eda", "features", *said]) == 0
    maps = np.load(tmp_path / "maps.npz")
    rows = [list(maps["channels"]).index(name) for name in CHANNELS]
    np.testing.assert_allclose(maps["x"][rows], np.load(tmp_path / "samples" / "tiny-000.npz")["x"], rtol=1e-6)
    assert main(["eda", "features", files[0]]) == 2
    assert main(["eda", "generate", str(tmp_path), "--each", "0"]) == 2
