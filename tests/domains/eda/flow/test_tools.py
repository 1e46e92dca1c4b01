"""appnas.domains.eda.flow.tools: a tool that fails, hangs or is missing; blockages; what the doctor says."""

import sys
import time

import pytest

from appnas.domains.eda.flow import tools


def test_what_a_tool_says(tmp_path):
    assert tools.run([sys.executable, "-c", "print('hello')"], tmp_path, 20, "log") == "hello\n"
    assert (tmp_path / "log").read_text() == "hello\n"


def test_a_tool_that_fails(tmp_path):
    with pytest.raises(tools.ToolError, match=r"code 3; its last words: .*broken"):
        tools.run([sys.executable, "-c", "print('broken'); raise SystemExit(3)"], tmp_path, 20, "log")


def test_a_tool_that_hangs_is_ended_with_all_it_started(tmp_path):
    late = tmp_path / "late"
    code = f"import subprocess; subprocess.run(['sh', '-c', 'sleep 2; touch {late}'])"
    start = time.monotonic()
    with pytest.raises(tools.ToolError, match=r"did not end within 0\.5 s"):
        tools.run([sys.executable, "-c", code], tmp_path, 0.5, "log")
    assert time.monotonic() - start < 2
    time.sleep(2)
    assert not late.exists()


def test_a_tool_that_is_missing(tmp_path, monkeypatch):
    with pytest.raises(tools.ToolError, match="apt-get install"):
        tools.run(["no-such-router"], tmp_path, 1, "log")
    monkeypatch.setattr(tools.shutil, "which", lambda name: None)
    with pytest.raises(tools.ToolError, match=r"missing: yosys, graywolf.*apt-get"):
        tools.needed()


def test_blockages_in_micrometres():
    text = "DIEAREA ( -400 0 ) ( 3600 2000 ) ;"
    assert tools._blocked(text, [(0.25, 0.5, 0.5, 1.0)], 0.01) == [(6.0, 10.0, 16.0, 20.0)]


def test_nets_in_another_order():
    net = "- {} ( c1 A ) ( c2 Y )\n  + USE SIGNAL ;\n"
    text = "DESIGN d ;\nNETS 30 ;\n" + "".join(net.format(f"n{k}") for k in range(30)) + "END NETS\n\nEND DESIGN\n"
    mixed = tools.shuffled(text, "7 1")
    assert mixed != text and sorted(mixed) == sorted(text) and mixed.startswith("DESIGN d ;\nNETS 30 ;\n- n")
    assert mixed.endswith("USE SIGNAL ;\nEND NETS\n\nEND DESIGN\n") and mixed == tools.shuffled(text, "7 1")
    assert mixed != tools.shuffled(text, "7 2")
    with pytest.raises(tools.ToolError, match="no section NETS"):
        tools.shuffled("DESIGN d ;\n", "7 1")


def test_technologies():
    assert tools.cells("osu018").name == "osu018_stdcells.lef" and tools.cells("osu035", ".par").name == "osu035.par"
    with pytest.raises(ValueError, match=r"osu035, osu018, got 'sky130'"):
        tools.cells("sky130")


def test_the_doctor_names_packages():
    found = tools.doctor()
    assert {tool.package for tool in found} <= set(tools.PACKAGES.split())
    assert all(tool.version for tool in found if tool.found)
