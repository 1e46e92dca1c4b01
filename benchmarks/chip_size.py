"""What maps and predictions of large designs cost: CPU seconds and peak memory of the commands, against the cells.

Designs are made up in the proportions of a placed core of 29,000 cells (see `make`): a die filled to a half, nets of 2
to 60 pins between neighbours, one clock of every ninth cell, a reset as wide, straps, taps, tracks, a GCELLGRID.

    python benchmarks/chip_size.py --cells 1000 10000 30000 100000 200000 --predict
    python benchmarks/chip_size.py --pins 500 1000 2000 50000      # one net of so many pins
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

COLUMN = "LAYER M{k}\nTYPE ROUTING ;\nDIRECTION {way} ;\nPITCH 0.2 ;\nWIDTH 0.1 ;\nEND M{k}\n"
PORT = "PIN {name}\nDIRECTION {way} ;\nUSE {use} ;\nPORT\nLAYER M1 ;\nRECT {x} 0.4 {right} 0.8 ;\nEND\nEND {name}\n"
KINDS = {"INV": ("A", "Y"), "NAND": ("A", "B", "Y"), "MUX": ("A", "B", "S", "Y"), "DFF": ("D", "CK", "RN", "Q")}
WIDTH, HEIGHT, ROW = 1.6, 1.4, 1400


def library():
    """Six layers and five cells."""
    layers = "".join(COLUMN.format(k=k, way=("VERTICAL", "HORIZONTAL")[k % 2]) for k in range(1, 7))
    cells = ""
    for kind, names in KINDS.items():
        ports = "".join(
            PORT.format(
                name=n, way="OUTPUT" if n in "YQ" else "INPUT", use="CLOCK" if n == "CK" else "SIGNAL",
                x=f"{0.1 + 0.3 * k:.1f}", right=f"{0.2 + 0.3 * k:.1f}",
            )
            for k, n in enumerate(names)
        )  # fmt: skip
        cells += f"MACRO {kind}\nCLASS CORE ;\nSIZE {WIDTH} BY {HEIGHT} ;\n{ports}END {kind}\n"
    tap = f"MACRO TAP\nCLASS CORE WELLTAP ;\nSIZE 0.2 BY {HEIGHT} ;\nEND TAP\n"
    return f"VERSION 5.8 ;\nUNITS\nDATABASE MICRONS 1000 ;\nEND UNITS\n{layers}{cells}{tap}END LIBRARY\n"


def make(cells, folder, rng):
    """LEF and DEF of so many cells in rows, and the pins of their widest net."""
    side = int((2 * cells * WIDTH * HEIGHT) ** 0.5) + 10
    a_row = max(int(side / (2 * WIDTH)), 1)
    kinds = rng.choices(list(KINDS), (3, 4, 1, 1), k=cells)
    where = [(int(2000 * WIDTH * (j % a_row)), ROW * (j // a_row)) for j in range(cells)]
    turns = ["N" if y // ROW % 2 else "FS" for _, y in where]
    placed = [
        f"- u{j} {k} + PLACED ( {x} {y} ) {t} ;"
        for j, (k, (x, y), t) in enumerate(zip(kinds, where, turns, strict=True))
    ]
    placed += [f"- t{j} TAP + FIXED ( {1000 * (side - 1)} {ROW * j} ) N ;" for j in range(max(cells // 10, 1))]
    flops = [j for j, kind in enumerate(kinds) if kind == "DFF"]
    sinks = {j: [pin for pin in KINDS[kind][:-1] if pin not in ("CK", "RN")] for j, kind in enumerate(kinds)}
    nets, near = [], int(3 * a_row**0.5)
    for j, kind in enumerate(kinds):
        ends = []
        for _ in range(min(int(rng.paretovariate(1.6)), 60)):
            i = min(max(j + rng.randint(-near, near) + a_row * rng.randint(-6, 6), 0), cells - 1)
            if sinks[i]:
                ends.append(f"( u{i} {sinks[i].pop()} )")
        nets.append(f"- n{j} ( u{j} {KINDS[kind][-1]} ) {' '.join(ends)} + USE SIGNAL ;")
    for name, pin, use in (("clk", "CK", "CLOCK"), ("rst", "RN", "RESET")):
        nets.append(f"- {name} ( PIN {name} ) {' '.join(f'( u{j} {pin} )' for j in flops)} + USE {use} ;")
    write(folder, side, placed, nets)
    return len(flops) + 1


def one_net(pins, folder, rng):
    """LEF and DEF of one net of so many pins."""
    side = int(pins**0.5) * 4 + 10
    spots = [(rng.randrange(1000 * side), rng.randrange(1000 * side)) for _ in range(pins)]
    placed = [f"- u{j} INV + PLACED ( {x} {y} ) N ;" for j, (x, y) in enumerate(spots)]
    write(folder, side, placed, [f"- clk {' '.join(f'( u{j} A )' for j in range(pins))} + USE SIGNAL ;"])
    return pins


def write(folder, side, placed, nets):
    """The two files."""
    (folder / "cells.lef").write_text(library())
    count, end = side * 5, 1000 * side
    tracks = [f"TRACKS {a} 100 DO {count} STEP 200 LAYER M{k} ;" for k in range(1, 7) for a in "XY"]
    grid = [f"GCELLGRID {axis} 0 DO {side // 3 + 1} STEP 3000 ;" for axis in "XY"]
    straps = [f"NEW M6 2000 + SHAPE STRIPE ( {x} 0 ) ( * {end} )" for x in range(50_000, end, 50_000)]
    text = ["VERSION 5.8 ;", "DESIGN made ;", "UNITS DISTANCE MICRONS 1000 ;",
            f"DIEAREA ( 0 0 ) ( {end} {end} ) ;", *tracks, *grid,
            f"COMPONENTS {len(placed)} ;", *placed, "END COMPONENTS", "PINS 2 ;",
            *(f"- {n} + NET {n} + DIRECTION INPUT + LAYER M3 ( 0 0 ) ( 100 100 ) + PLACED ( 0 {y} ) N ;"
              for n, y in (("clk", 1000), ("rst", 2000))),
            "END PINS", "SPECIALNETS 1 ;", "- VDD + ROUTED M5 2000 + SHAPE STRIPE ( 0 1000 ) ( 1000 * )", *straps,
            "+ USE POWER ;", "END SPECIALNETS", f"NETS {len(nets)} ;", *nets, "END NETS", "END DESIGN", ""]  # fmt: skip
    (folder / "placed.def").write_text("\n".join(text))


MEASURED = """
import re, sys, time
from appnas.cli import main
code = main(["eda", *sys.argv[1:]])
print(time.process_time(), re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
sys.exit(code)
"""
"""A command that says what it took: the peak of its own memory, and not of the process that it was split from."""


def measure(*args):
    """CPU seconds and peak MiB of a command."""
    done = subprocess.run([sys.executable, "-c", MEASURED, *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"appnas eda {' '.join(map(str, args))}: {done.stderr}")
    seconds, peak = map(float, done.stdout.splitlines()[-1].split())
    return seconds, peak / 1024


def run():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="*", default=[])
    parser.add_argument("--pins", type=int, nargs="*", default=[])
    parser.add_argument("--predict", action="store_true", help="predictions of the shipped network, too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        commands = [("features",), *([("predict", "appnas:hotspots")] if args.predict else [])]
        print("| design | widest net | command | CPU s | peak MiB |\n| --- | --- | --- | --- | --- |", flush=True)
        for name, maker, sizes in (("cells", make, args.cells), ("pins, one net", one_net, args.pins)):
            for size in sizes:
                widest = maker(size, path, random.Random(0))
                files = path / "cells.lef", path / "placed.def"
                for command in commands:
                    seconds, peak = measure(*command, *files)
                    row = f"| {size:,} {name} | {widest:,} | {command[0]} | {seconds:.1f} | {peak:,.0f} |"
                    print(row, flush=True)


if __name__ == "__main__":
    run()
