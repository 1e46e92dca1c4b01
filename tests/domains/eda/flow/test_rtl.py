"""appnas.domains.eda.flow.rtl: Verilog by yosys, counted and computed."""

import re
import subprocess

import pytest
from conftest import tool

from appnas.domains.eda.flow import DESIGNS
from appnas.domains.eda.flow.rtl import TINY, crossbar, multiplier, sorter


def test_every_design_is_one_module():
    for name, make in (DESIGNS | TINY).items():
        text = make()
        assert text.startswith("module top(input clk") and text.count("endmodule") == 1, name
        assert make() == text, f"{name} differs from call to call"
    assert len({make() for make in DESIGNS.values()}) == len(DESIGNS) >= 12


@pytest.mark.parametrize(
    ("text", "inputs", "expected"),
    [
        (multiplier(4), {"a": 11, "b": 13}, 143),
        (crossbar(4, 2), {"a": 0b11100100, "c": 0b00011011}, 0b00011011),
        (sorter(4, 2), {"a": 0b01110010}, 0b11100100),
    ],
)
def test_they_compute_what_they_should(tmp_path, text, inputs, expected):
    """Evaluated by yosys: the value that the next edge of the clock takes over."""
    (tmp_path / "top.v").write_text(text)
    sets = " ".join(f"-set {name} {value}" for name, value in inputs.items())
    script = f"read_verilog top.v; prep -top top; eval {sets} -show y"
    out = subprocess.run(
        [tool("yosys"), "-p", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    found = re.search(r"Eval result: \\y = \d+'([01]+)", out.stdout)
    assert found and int(found[1], 2) == expected, out.stdout[-400:]
