"""What a design of one module computes, by yosys."""

import re
import subprocess

from conftest import tool


def computed(folder, text, **inputs):
    """The value that the next edge of the clock takes over into q."""
    (folder / "top.v").write_text(text)
    sets = " ".join(f"-set {name} {value}" for name, value in inputs.items())
    script = f"read_verilog top.v; prep -top top; memory_map; eval {sets} -show y"
    out = subprocess.run(
        [tool("yosys"), "-p", script], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True
    )
    found = re.search(r"Eval result: \\y = \d+'([01]+)", out.stdout)
    assert found, out.stdout[-400:]
    return int(found[1], 2)
