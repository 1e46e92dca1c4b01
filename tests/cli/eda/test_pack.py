"""appnas.cli.eda.pack: what was labelled becomes a data set, which the domain of files reads."""

import pytest
from test_grammar import de, lef
from test_openroad import SHORT, crowded

from appnas.cli import main
from appnas.domains.eda import load
from appnas.domains.eda.data import FileOptions, file

NETS = ("- n1 ( i Y ) ( r A ) ;", "- n2 ( i A ) ( r A ) ;")


@pytest.fixture
def labelled(tmp_path):
    (tmp_path / "a.lef").write_text(lef())
    (tmp_path / "drc.rpt").write_text(SHORT)
    (tmp_path / "c.rpt").write_text(crowded("Vertical"))
    for name in "abcd":
        (tmp_path / f"{name}.def").write_text(de(nets=NETS).replace("DESIGN top", f"DESIGN {name}"))
        assert main(["eda", "label", str(tmp_path / "a.lef"), str(tmp_path / f"{name}.def"), "--grid", "12", "--drc",
                     str(tmp_path / "drc.rpt"), "--congestion", str(tmp_path / "c.rpt")]) == 0  # fmt: skip
    return tmp_path


def test_from_reports_to_a_domain(labelled, capsys):
    files, out = [str(labelled / f"{name}-labels.npz") for name in "abcd"], str(labelled / "all.npz")
    assert main(["eda", "pack", *files[:2], "--out", out]) == 0
    assert "which needs 3; there are a, b" in " ".join(capsys.readouterr().out.split())
    assert main(["eda", "pack", *files, "--out", out]) == 0
    assert "4 placements of 4 designs; labels drc, congestion_h, congestion_v, congestion" in " ".join(
        capsys.readouterr().out.split()
    )
    assert load(out).designs == ("a", "b", "c", "d")
    assert main(["eda", "pack", files[0], files[0], "--out", out]) == 2
    assert "called ['a']: give each a name of its own (--name)" in " ".join("".join(capsys.readouterr()).split())
    for task in ("hotspots", "congestion"):
        domain = file(FileOptions(path=out, task=task, batch=1))
        assert domain.io.inputs == (24, 12, 12) and {len(rows) for rows in domain.split.values()} <= {1, 2, 3}
