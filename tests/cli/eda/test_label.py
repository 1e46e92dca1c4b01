"""appnas.cli.eda.label: files of one's own tools to labelled placements, as a user types it."""

import gzip

import numpy as np
import pytest
from test_grammar import INV, RAM, de, lef
from test_innovus import BODY, HEAD, TAIL
from test_openroad import SHORT, crowded

from appnas.cli import main
from appnas.domains.eda import load
from appnas.domains.eda.flow import CAPACITY, CIRCUITNET, OVERFLOW, PAPER, TRACKS

NETS = ("- n1 ( i Y ) ( r A ) ;", "- n2 ( i A ) ( r A ) ;")


@pytest.fixture
def files(tmp_path):
    """100 x 100 um; a short in the gcell 2, 1 of 10 x 10; congestion in 2 to 3, 6 to 7."""
    (tmp_path / "a.lef").write_text(lef())
    (tmp_path / "a.def").write_text(de(nets=NETS))
    (tmp_path / "drc.rpt").write_text(
        SHORT + "violation type: EOL\n\tsrcs:\n\tbbox = (150, 0) - (151, 1) on Layer metal3\n"
    )
    (tmp_path / "congestion.rpt").write_text(crowded("Horizontal"))
    (tmp_path / "innovus.rpt.gz").write_bytes(gzip.compress((HEAD + BODY + TAIL).encode()))
    return tmp_path


def label(folder, *more, ending=0):
    given = ["eda", "label", str(folder / "a.lef"), str(folder / "a.def"), "--grid", "10", *map(str, more)]
    assert main(given) == ending
    return load(folder / "a-labels.npz") if ending == 0 else None


def test_labels(files, capsys):
    data = label(files, "--drc", files / "drc.rpt", "--congestion", files / "congestion.rpt")
    assert data.channels == (*PAPER, *CIRCUITNET, *CAPACITY) and (data.names, data.designs) == (("a",), ("top",))
    assert np.argwhere(data.label("drc")[0]).tolist() == [[2, 1]] and data.counts.tolist() == [2]
    assert data.label("congestion_h").sum() == pytest.approx(0.75 * 2.1 * 2.1 / 100, rel=1e-4)
    assert not data.label("congestion_v").any() and data.label("congestion").any()
    said = " ".join(capsys.readouterr().out.split())
    assert "1 of 2 markers are off the die" in said and "OpenROAD's DRC report, 1 markers" in said
    assert "10 x 10 gcells of 10 x 10 um; drc in 1.0% of the gcells" in said and "; 2 nets with violations" in said


def test_choices(files, capsys):
    data = label(files, "--drc", files / "drc.rpt", files / "innovus.rpt.gz", "--kinds", "short",
                 "--layers", "metal2,M3", "--name", "a-1", "--design", "mine")  # fmt: skip
    assert (data.names, data.designs) == (("a-1",), ("mine",)) and {*TRACKS, *OVERFLOW} <= set(data.channels)
    assert np.argwhere(data.label("drc")[0]).tolist() == [[1, 1], [2, 1]] and set(data.labels) == {"drc"}
    assert "1 of 3 nets named are not among" in " ".join(capsys.readouterr().out.split())
    one = label(files, "--drc", files / "drc.rpt", "--by", "area")
    assert one.label("drc").sum() == pytest.approx(1)


def test_database_units(files, capsys):
    (files / "area.rpt").write_text("(0, 0) (10000, 10000) V: -1/4 H: 3/3\n")
    data = label(files, "--congestion", files / "area.rpt")
    assert np.argwhere(data.label("congestion_v")[0]).tolist() == [[0, 0]] and data.counts is None
    label(files, "--congestion", files / "area.rpt", "--unit", "um")
    np.save(files / "vertical.npy", np.eye(10))
    assert label(files, "--congestion", files / "vertical.npy", "--unit", "dbu").label(
        "congestion_v"
    ).sum() == pytest.approx(10)


def test_libraries_of_macros_alone(files, capsys):
    (files / "a.lef").write_text(f"VERSION 5.8 ;\n{INV}{RAM}END LIBRARY\n")
    assert label(files, "--drc", files / "drc.rpt").of(PAPER).any()
    assert "no routing layers: a net's box is at least 1 x 1 um (--pitch)" in " ".join(capsys.readouterr().out.split())
    label(files, "--drc", files / "drc.rpt", "--pitch", "0.25")
    said = " ".join(capsys.readouterr().out.split())
    assert "at least 0.25 x 0.25 um" in said and "left out, since they need the technology's LEF file: tracks_h" in said


@pytest.mark.parametrize(
    ("more", "match"),
    [((), "give --drc FILE, --congestion FILE, or both"), (("--drc", "none.rpt"), "no report at"),
     (("--drc", "congestion.rpt"), "give it as --congestion"), (("--drc", "a.lef"), "no report that is known"),
     (("--drc", "far.rpt"), "all 1 markers are off the die"),
     (("--congestion", "sums.rpt"), "sums without coordinates")],
)  # fmt: skip
def test_mistakes(files, capsys, more, match):
    (files / "far.rpt").write_text(SHORT.replace("10.5", "10500").replace("(11,", "(11000,"))
    (files / "sums.rpt").write_text("Both Dirs |      60 |     3 |\n")
    label(files, *(word if word.startswith("-") else files / word for word in more), ending=2)
    said = " ".join("".join(capsys.readouterr()).split())
    assert match in said and "Traceback" not in said
