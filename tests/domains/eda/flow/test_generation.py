"""domains.eda.flow.generation: the whole flow on one tiny design, twice; failures; going on; the command line."""

import json

import numpy as np
import pytest
from conftest import tool

from appnas.domains.eda import load
from appnas.domains.eda.flow import Source, generate, own, read_def, read_lef, tools
from appnas.domains.eda.flow.generation import plan


def needed():
    """Whether the flow can run: a skip, or a failure where tools are required."""
    for name in ("yosys", "graywolf", "qrouter"):
        tool(name)


def test_a_plan_depends_on_seed_and_name_alone():
    a, b = Source("a", {}), Source("b", {}, technology="osu018")
    long, short = plan([a, b], 3, 0, 32), plan([b], 2, 0, 32)
    assert [job.id for job in long] == ["a-000", "b-000", "a-001", "b-001", "a-002", "b-002"]
    assert [job for job in long if job.design == "b"][:2] == short
    assert plan([a], 3, 1, 32) != [job for job in long if job.design == "a"]
    assert all(0 <= v <= 1 for job in long for box in job.placing.blockages for v in box)
    assert [job.placing.technology for job in long[:2]] == ["osu035", "osu018"]
    with pytest.raises(ValueError, match="there is no design 'mull8'"):
        own(["mull8"])


def test_the_whole_flow_twice(tmp_path, monkeypatch):
    """Same seed, same bytes; a design that cannot be synthesised is listed; another look agrees, and on another grid
    it routes nothing again; other settings do not."""
    needed()
    sources = [*own(["tiny"]), Source("broken", {"top.v": "module top(input a; endmodule"})]
    seen = []
    for folder in ("one", "two"):
        failed = generate(
            sources,
            tmp_path / folder,
            each=1,
            orders=2,
            grid=16,
            jobs=1,
            keep=True,
            on_done=lambda *done: seen.append(done),
        )
        assert list(failed) == ["broken"] and "yosys" in failed["broken"]
        assert json.loads((tmp_path / folder / "failed.json").read_text()) == failed
    for name in ("dataset.npz", "samples/tiny-000.npz", "designs/tiny-000.0.def.gz", "designs/tiny-000.1.def.gz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    data = load(tmp_path / "one" / "dataset.npz")
    assert data.names == ("tiny-000",) and data.of(["cell"]).mean() > 0.5
    assert data.routings.counts.shape == (1, 2) and (data.of(["layers"]) == data.of(["layers"])[0, 0, 0, 0]).all()
    assert data.counts[0] == data.routings.counts.mean() and set(np.unique(data.label("hotspot"))) <= {0, 0.5, 1}
    described = json.loads(str(np.load(tmp_path / "one/samples/tiny-000.npz")["described"]))
    assert "Yosys" in described["tools"]["yosys"] and described["job"]["placing"]["seed"] > 0
    seen.clear()
    generate(sources[:1], tmp_path / "one", each=1, orders=2, grid=16, jobs=1, on_done=lambda *done: seen.append(done))
    assert seen == []  # nothing was left to make
    with pytest.raises(ValueError, match="other settings"):
        generate(sources[:1], tmp_path / "one", each=1, orders=2, grid=8, jobs=1)
    (tmp_path / "two" / "samples" / "tiny-000.npz").unlink()
    (tmp_path / "two" / "netlists").rename(tmp_path / "elsewhere")
    monkeypatch.setattr(tools, "place", lambda *args: pytest.fail("it was placed again"))
    generate(sources[:1], tmp_path / "two", each=1, orders=2, grid=8, jobs=1)
    assert load(tmp_path / "two" / "dataset.npz").x.shape[2:] == (8, 8)


def test_an_independent_reader_agrees(tmp_path):
    """Cells, ports and pins of cells in the routed DEF file by klayout, which shares no code with this package."""
    db = pytest.importorskip("klayout.db", reason="klayout is not installed")
    needed()
    generate(own(["tiny"]), tmp_path, each=1, orders=1, grid=8, jobs=1, keep=True)
    routed, library = tmp_path / "designs" / "tiny-000.0.def.gz", tools.cells("osu035")
    options = db.LoadLayoutOptions()
    of = options.lefdef_config
    of.lef_files, of.read_lef_with_def = [str(library)], False
    of.macro_resolution_mode, of.dbu = 1, 0.01  # pins as LEF has them, in the units of the DEF file
    layout = db.Layout()
    layout.read(str(routed), options)

    def labels(cell):
        shapes = (shape for layer in layout.layer_indexes() for shape in cell.shapes(layer).each())
        return {shape.text.string for shape in shapes if shape.is_text()} - {"vdd", "gnd"}

    macros = read_lef([library])
    design, known = read_def(routed, macros), set(macros.macros) - {"FILL"}
    cells = [i.cell for i in layout.top_cell().each_inst() if i.cell.name in known]
    assert len(cells) == len(design.cells) == np.load(tmp_path / "samples" / "tiny-000.npz")["counts"][0, 3] > 100
    # The netlist leaves no pin open, so the pins on nets are all that the cells have.
    assert sum(len(labels(cell)) for cell in cells) == (design.pin_cell >= 0).sum() > 300
    assert len(labels(layout.top_cell())) == (design.pin_cell < 0).sum() > 10
