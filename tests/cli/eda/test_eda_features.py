"""appnas.cli.eda.features: maps of DEF files on any grid."""

from pathlib import Path

import numpy as np
import pytest
from test_grammar import PLACED, de, lef

from appnas.cli import main
from appnas.cli.eda.features import beside, features_of
from appnas.domains.eda.flow import CIRCUITNET, PAPER, TRACKS


def test_files_that_cannot_be_meant(tmp_path):
    with pytest.raises(ValueError, match="one or more LEF files, then a DEF file"):
        features_of([tmp_path / "placed.def"], "8")
    with pytest.raises(ValueError, match="grid must be at least 1, got 0"):
        features_of([tmp_path / "placed.def"], "0")
    assert beside(Path("a/placed.def.gz"), ".npz") == Path("a/placed.npz")
    assert beside(Path("placed.def"), "-drc.npz") == Path("placed-drc.npz")


@pytest.mark.parametrize("pitch", ["-3", "nan", "inf"])
def test_a_pitch_that_is_none(tmp_path, pitch, capsys):
    assert main(["eda", "features", "a.lef", "a.def", "--pitch", pitch]) == 2
    assert "pitch is in micrometres above 0" in " ".join(capsys.readouterr().err.split())


def made(folder):
    """A LEF and a DEF file: inverters, a block with obstructions, a clock net of 101 pins, a filler."""
    cells = [f"- c{k} INV + PLACED ( {990 * k} 90000 ) N ;" for k in range(101)]
    clock = "- ck " + " ".join(f"( c{k} A )" for k in range(101)) + " + USE CLOCK ;"
    (folder / "a.lef").write_text(lef())
    filler = "- f FILL1 + PLACED ( 0 0 ) N ;"
    text = de("GCELLGRID X 0 DO 11 STEP 10000 ;\nGCELLGRID Y 0 DO 6 STEP 20000 ;\n", (*PLACED, *cells, filler))
    (folder / "a.def").write_text(text.replace("NETS 1 ;", f"NETS 2 ;\n{clock}"))
    return [str(folder / "a.lef"), str(folder / "a.def")]


def test_what_the_lef_files_leave_nothing_to_do_is_refused(tmp_path, capsys):
    files = made(tmp_path)
    assert main(["eda", "features", *files, "--pitch", "0.3"]) == 2
    assert "pitch is for LEF files without routing layers; these have 3, " in " ".join(capsys.readouterr().err.split())
    (tmp_path / "a.lef").write_text(lef(layers=""))
    assert main(["eda", "features", *files, "--routing-layers", "3"]) == 2
    assert "routing_layers are some of the LEF files', which have none, got 3" in " ".join(
        capsys.readouterr().err.split()
    )


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
        assert np.load(out)["x"].shape == (31, *shape)
    assert "not read: 1 fillers" in capsys.readouterr().out
    assert main(["eda", "features", *files, "--out", out, "--no-router", "--ideal", "CLOCK"]) == 0
    maps = dict(zip(np.load(out)["channels"], np.load(out)["x"], strict=True))
    assert set(maps) == {*PAPER, *CIRCUITNET, *TRACKS, "layers"} and not maps["tree_large"].any()
    assert (maps["layers"] == 3).all()
    assert maps["tracks_h"].min() < 8 and maps["tracks_h"].max() == pytest.approx(100 / 32 / 0.2)
    assert "left out as ideal: 1 of 2 nets" in capsys.readouterr().out
    for said in (("--grid", "huge"), ("--ideal", "CLK"), ("--routing-layers", "9")):
        assert main(["eda", "features", *files, "--out", out, *said]) == 2
