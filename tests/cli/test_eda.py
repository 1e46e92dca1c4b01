"""appnas.cli.eda: what needs no tool, and the whole flow where there are tools."""

from pathlib import Path

import numpy as np
import pytest
from conftest import tool
from test_grammar import PLACED, de, lef

from appnas.cli import main
from appnas.cli.eda import beside, features_of
from appnas.domains.eda.flow import CIRCUITNET, OVERFLOW, PAPER, TRACKS, tools


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
    with pytest.raises(ValueError, match="grid must be at least 1, got 0"):
        features_of([tmp_path / "placed.def"], "0")
    assert beside(Path("a/placed.def.gz"), ".npz") == Path("a/placed.npz")
    assert beside(Path("placed.def"), "-drc.npz") == Path("placed-drc.npz")


def made(folder):
    """A LEF and a DEF file: inverters, a block with obstructions, a clock net of 101 pins, a filler."""
    cells = [f"- c{k} INV + PLACED ( {1000 * k} 90000 ) N ;" for k in range(101)]
    clock = "- ck " + " ".join(f"( c{k} A )" for k in range(101)) + " + USE CLOCK ;"
    (folder / "a.lef").write_text(lef())
    filler = "- f FILL1 + PLACED ( 0 0 ) N ;"
    text = de("GCELLGRID X 0 DO 11 STEP 10000 ;\nGCELLGRID Y 0 DO 6 STEP 20000 ;\n", (*PLACED, *cells, filler))
    (folder / "a.def").write_text(text.replace("NETS 1 ;", f"NETS 2 ;\n{clock}"))
    return [str(folder / "a.lef"), str(folder / "a.def")]


def test_features_on_any_grid(tmp_path, capsys):
    files, out = made(tmp_path), str(tmp_path / "maps.npz")
    for grid, shape in (
        ("8", (8, 8)),
        ("6x9", (6, 9)),
        ("gcellgrid", (5, 10)),
        ("100x50tracks", (5, 10)),
        ("25um", (4, 4)),
    ):
        assert main(["eda", "features", *files, "--out", out, "--grid", grid]) == 0
        assert np.load(out)["x"].shape == (24, *shape)
    assert "not read: 1 fillers" in capsys.readouterr().out
    assert main(["eda", "features", *files, "--out", out, "--tracks", "--ideal", "CLOCK"]) == 0
    maps = dict(zip(np.load(out)["channels"], np.load(out)["x"], strict=True))
    assert set(maps) == {*PAPER, *CIRCUITNET, *TRACKS, *OVERFLOW} and not maps["tree_large"].any()
    assert maps["tracks_h"].min() < 8 and maps["tracks_h"].max() == pytest.approx(100 / 32 / 0.2)
    assert "left out as ideal: 1 of 2 nets" in capsys.readouterr().out
    for said in (("--grid", "huge"), ("--ideal", "CLK")):
        assert main(["eda", "features", *files, "--out", out, *said]) == 2


def test_predictions_in_tiles(tmp_path, capsys, monkeypatch):
    """A network that says what it reads, of 4 x 4 gcells, on 10 x 10: as on the whole."""
    plain = {"task": "congestion", "channels": ["pin", "load_h"], "scale": "train", "mean": [0, 0], "std": [1, 1],
             "count_mean": 0, "count_std": 1}  # fmt: skip
    content = {"preprocessing": plain, "io": {"inputs": [2, 4, 4]}}
    monkeypatch.setattr("appnas.run.read_json", lambda path: content)
    monkeypatch.setattr("appnas.retrain.load", lambda folder: lambda x: x.sum(1))
    files, out = made(tmp_path), tmp_path / "maps.npz"
    assert main(["eda", "predict", str(tmp_path), *files, "--out", str(out), "--grid", "10"]) == 0
    found = np.load(out)["prediction"]
    _, _, maps = features_of([Path(f) for f in files], "10", "", TRACKS)
    np.testing.assert_allclose(found, maps["pin"] + maps["load_h"], rtol=1e-6)
    assert main(["eda", "predict", str(tmp_path), *files, "--out", str(out)]) == 0
    assert np.load(out)["prediction"].shape == (4, 4)
    assert main(["eda", "predict", str(tmp_path), *files, "--grid", "2"]) == 2
    said = capsys.readouterr()
    assert "no windows of 4 x 4" in " ".join((said.out + said.err).split())


def test_without_a_command_it_says_what_there_is(capsys):
    assert main(["eda"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("doctor", "generate", "features", "predict"))
