"""The tools of the flow: yosys synthesises, graywolf places, qrouter routes, with a library of OSU's cells.

Every call has a time limit and no input to wait for; one that hangs or fails raises `ToolError` with the end of what it
said, and all that it started is ended with it.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from appnas.domains.eda.flow.lefdef import Box

SCRIPTS = Path("/usr/lib/qflow/scripts")
TECHNOLOGIES = ("osu035", "osu018")
"""OSU's cells of 0.35 and 0.18 um, both routed on at most four metals (graywolf's parameters know no more)."""
PACKAGES = "yosys graywolf qrouter qflow qflow-tech-osu035 qflow-tech-osu018 berkeley-abc tcl"
INSTALL = f"apt-get install -y --no-install-recommends {PACKAGES}"


def cells(technology: str, ending: str = "_stdcells.lef") -> Path:
    """A file of a library: by default its LEF; also "_stdcells.lib" (Liberty) and ".par" (of the placer).

    Raises:
        ValueError: no such technology.
    """
    if technology not in TECHNOLOGIES:
        raise ValueError(f"the technologies are {', '.join(TECHNOLOGIES)}, got {technology!r}")
    return Path("/usr/share/qflow/tech") / technology / f"{technology}{ending}"


class ToolError(OSError):
    """A tool is missing, failed, or did not end in time."""


class Tool(NamedTuple):
    """What `doctor` says of one thing the flow needs."""

    name: str
    found: str
    """Where, or empty."""
    version: str
    package: str
    """Debian package that has it."""


@dataclass(frozen=True)
class Placing:
    """How a design is placed and routed."""

    technology: str = "osu035"
    """Whose cells, of `TECHNOLOGIES`."""
    seed: int = 1
    """Of the placer's annealing."""
    density: float = 1.0
    """Share of the rows that cells fill; below 1, filler is spread where pins are dense."""
    aspect: float = 1.0
    """Height of the die by its width."""
    layers: int = 4
    """Routing layers, 3 or 4."""
    blockages: tuple[Box, ...] = ()
    """Rectangles that the layers above the second may not cross, as shares of the die."""


class Routed(NamedTuple):
    """What the router left."""

    open_first: list[str]
    """Nets it could not finish in its first stage, without ripping others up."""
    open_final: list[str]
    """Nets still open after two passes of rip-up and reroute; none is named where these were left out."""


def run(command: Sequence[str | Path], folder: Path, seconds: float, log: str, read: str | Path | None = None) -> str:
    """Run a tool and return what it said, which is also in `folder`/`log`.

    Raises:
        ToolError: it is not installed, ended with an error, or took longer than `seconds`.
    """
    words = [str(word) for word in command]
    if not shutil.which(words[0]):
        raise ToolError(f"{words[0]} is not installed: {INSTALL}")
    said = folder / log
    with said.open("w") as out, open(read or os.devnull) as source:
        process = subprocess.Popen(
            words, cwd=folder, stdin=source, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise ToolError(f"{words[0]} did not end within {seconds:g} s; its last words: {_tail(said)}") from error
    if code:
        raise ToolError(f"{words[0]} ended with code {code}; its last words: {_tail(said)}")
    return said.read_text(errors="replace")


def _tail(path: Path) -> str:
    return " / ".join(path.read_text(errors="replace").splitlines()[-5:])[-400:]


def doctor() -> list[Tool]:
    """What the flow needs, where it is, and which version."""
    asked = {
        "yosys": (["yosys", "-V"], "yosys"),
        "graywolf": (None, "graywolf"),
        "qrouter": (["qrouter", "-v", "0", "-h"], "qrouter"),
        "tclsh": (None, "tcl"),
    }
    tools = []
    for name, (command, package) in asked.items():
        found = shutil.which(name) or ""
        tools.append(Tool(name, found, _version(command, package) if found else "", package))
    for name, path, package in (
        ("qflow scripts", SCRIPTS / "place2def.tcl", "qflow"),
        *((f"{name} cells", cells(name), f"qflow-tech-{name}") for name in TECHNOLOGIES),
    ):
        there = path.exists()
        tools.append(Tool(name, str(path.parent) if there else "", _version(None, package) if there else "", package))
    return tools


def _version(command: list[str] | None, package: str) -> str:
    """What the tool says of itself, or else the version of its package."""
    if command and package == "yosys":
        said = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False
        )
        return said.stdout.strip().split(" (")[0]
    if not shutil.which("dpkg-query"):
        return "unknown"
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    said = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    return said.stdout.strip() or "unknown"


def needed() -> dict[str, str]:
    """The versions of all tools.

    Raises:
        ToolError: some are missing; the message says what to install.
    """
    tools = doctor()
    missing = [tool.name for tool in tools if not tool.found]
    if missing:
        raise ToolError(f"missing: {', '.join(missing)}; install with: {INSTALL}")
    return {tool.name: tool.version for tool in tools}


def synthesise(sources: Sequence[Path], top: str, technology: str, folder: Path, seconds: float = 600) -> Path:
    """Map Verilog to gates of a technology: `folder`/top.blif.

    Raises:
        ToolError: the Verilog is wrong, or yosys did not end in time.
        ValueError: no such technology.
    """
    liberty = cells(technology, "_stdcells.lib")
    script = "\n".join(
        [
            f"read_liberty -lib -ignore_miss_dir -setattr blackbox {liberty}",
            *(f"read_verilog {source.resolve()}" for source in sources),
            f"synth -flatten -top {top}",
            f"dfflibmap -liberty {liberty}",
            f"abc -liberty {liberty} -script +strash;ifraig;dch;map,-B,0.9;topo;buffer,-c;upsize;dnsize",
            "setundef -zero",
            "clean -purge",
            "iopadmap -outpad BUFX2 A:Y -bits",
            "opt",
            "clean",
            "rename -enumerate",
            "write_blif -buf BUFX2 A Y top.blif",
        ]
    )
    (folder / "top.ys").write_text(script + "\n", "utf-8")
    run(["yosys", "-q", "-s", "top.ys"], folder, seconds, "yosys.log")
    return folder / "top.blif"


def place(blif: Path, placing: Placing, folder: Path, seconds: float = 1200) -> Path:
    """Place a netlist: `folder`/p.def.

    Raises:
        ToolError: graywolf or one of qflow's scripts failed or hung.
    """
    lef = cells(placing.technology)
    netlist = re.sub(r"\\([^$])", r"\1", re.sub(r"^.subckt", ".gate", blif.read_text("utf-8"), flags=re.MULTILINE))
    (folder / "p.blif").write_text(netlist, "utf-8")
    parameters = cells(placing.technology, ".par").read_text("utf-8")
    parameters = re.sub(r"random\.seed.*", f"random.seed : {placing.seed}", parameters)
    parameters = re.sub(r"chip\.aspect\.ratio.*", f"chip.aspect.ratio : {placing.aspect}", parameters)
    (folder / "p.par").write_text(parameters, "utf-8")
    script: list[str | Path] = ["tclsh", SCRIPTS / "blif2cel.tcl", "--blif", "p.blif", "--lef", lef, "--cel", "p.cel"]
    run(script, folder, seconds, "blif2cel.log")
    if placing.density < 1:
        script = ["tclsh", SCRIPTS / "decongest.tcl", "p", lef, "FILL", f"{placing.density}", "--units=100"]
        run(script, folder, seconds, "decongest.log")
        _made(folder / "p.acel", "decongest.tcl").replace(folder / "p.cel")
    (folder / "q0.cfg").write_text(f"read_lef {lef}\n", "utf-8")
    run(["qrouter", "-i", "p.info", "-c", "q0.cfg"], folder, seconds, "info.log")
    run(["graywolf", "-n", "p"], folder, seconds, "graywolf.log")
    run(["tclsh", SCRIPTS / "place2def.tcl", "p", "FILL", "4"], folder, seconds, "place2def.log")
    return _made(folder / "p.def", "place2def.tcl")


def _made(path: Path, tool: str) -> Path:
    if not path.exists():
        raise ToolError(f"{tool} ended without an error, but did not write {path.name}")
    return path


def _blocked(text: str, blockages: Sequence[Box], unit: float) -> list[Box]:
    """Blockages in micrometres."""
    area = re.search(r"DIEAREA\s*\(\s*(\S+)\s+(\S+)\s*\)\s*\(\s*(\S+)\s+(\S+)\s*\)", text)
    if not area:
        raise ToolError("place2def.tcl wrote a DEF file without DIEAREA")
    x0, y0, x1, y1 = (float(v) * unit for v in area.groups())
    width, height = x1 - x0, y1 - y0
    scaled = ((x0 + a * width, y0 + b * height, x0 + c * width, y0 + d * height) for a, b, c, d in blockages)
    return [(round(a, 1), round(b, 1), round(c, 1), round(d, 1)) for a, b, c, d in scaled]


def shuffled(placed: str, seed: str) -> str:
    """A DEF file whose nets come in another order, drawn by the seed: nothing else of it changes.

    qrouter takes nets in an order of its own, and ties as the file has them, so what stays open differs. A single
    routing says less about a placement than about the order.
    """
    section = re.search(r"(^NETS \d+ ;\n)(.*?)(^END NETS)", placed, re.DOTALL | re.MULTILINE)
    if not section:
        raise ToolError("the placed DEF file has no section NETS")
    nets = re.findall(r"^- .*?;[ \t]*$", section[2], re.DOTALL | re.MULTILINE)
    random.Random(seed).shuffle(nets)
    return placed[: section.start(2)] + "\n".join(nets) + "\n" + placed[section.end(2) :]


def route(placing: Placing, folder: Path, order: int = 0, seconds: float = 1200) -> Routed:
    """Route `folder`/p.def: `folder`/routed.def, after the first stage, with the blockages as a section of it.

    Args:
        placing: as it was placed.
        folder: where it was.
        order: 0: nets as the placer wrote them; others: shuffled by the placing's seed and this number, and routed in
            the first stage alone, which is what labels are made of.
        seconds: that it may take.

    Raises:
        ToolError: qrouter failed or hung.
    """
    placed, unit = (folder / "p.def").read_text("utf-8"), 0.01
    (folder / "q.def").write_text(shuffled(placed, f"{placing.seed} {order}") if order else placed, "utf-8")
    layers = [f"metal{k}" for k in range(3, placing.layers + 1)]
    blocked = _blocked(placed, placing.blockages, unit)
    edges = [row for row in (folder / "p.obs").read_text("utf-8").splitlines() if int(row[-1:] or 0) <= placing.layers]
    obstructions = [f"obstruction {a} {b} {c} {d} {layer}" for a, b, c, d in blocked for layer in layers]
    script = [
        "verbose 0", f"read_lef {cells(placing.technology)}", f"layers {placing.layers}", "via stack all", "vdd vdd",
        "gnd gnd", *edges, *obstructions, "read_def q.def", "stage1", 'puts "@first [failing]"', "write_def r1.def",
        *(() if order else ("stage2 mask 10 effort 10", "stage2 mask 20 effort 10")),
        'puts "@final"' if order else 'puts "@final [failing]"', "quit",
    ]  # fmt: skip
    (folder / "route.tcl").write_text("\n".join(script) + "\n", "utf-8")
    said = run(["qrouter", "-nog", "-s", "route.tcl"], folder, seconds, "qrouter.log")
    found = {key: re.search(rf"^@{key}(.*)$", said, re.MULTILINE) for key in ("first", "final")}
    if not all(found.values()):
        raise ToolError(f"qrouter did not say which nets are open; its last words: {_tail(folder / 'qrouter.log')}")
    routed = _made(folder / "r1.def", "qrouter").read_text("utf-8")
    boxes = [
        f"- LAYER {layer} RECT ( {round(a / unit)} {round(b / unit)} ) ( {round(c / unit)} {round(d / unit)} ) ;"
        for a, b, c, d in blocked
        for layer in layers
    ]
    section = (
        "\n".join([f"BLOCKAGES {len(boxes)} ;", *boxes, "END BLOCKAGES", "", "END DESIGN"]) if boxes else "END DESIGN"
    )
    (folder / "routed.def").write_text(routed.replace("END DESIGN", section), "utf-8")
    first, final = (
        [word.strip("{}") for word in match[1].split()] for match in (found["first"], found["final"]) if match
    )
    return Routed(first, final)
