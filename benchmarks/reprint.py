"""Print the first table of RESULTS.md again: every command in it, two at a time, what is finished not again.

    python benchmarks/reprint.py                  # all; a log of each in runs/results
    python benchmarks/reprint.py --share 0.1      # the shortest, as many as fit into a tenth of the time

The table is the list: its column "command" says what is run, "CPU min" how long it takes.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent


def listed(text):
    """(command, CPU minutes) of the first table, a command once."""
    lines = iter(text.splitlines())
    head = next((line for line in lines if line.startswith("|") and "command" in line), None)
    if head is None:
        raise SystemExit("no table with a column 'command' in RESULTS.md")
    columns = [cell.strip() for cell in head.strip("| ").split("|")]
    found = {}
    for line in lines:
        if not line.startswith("|"):
            break
        cells = dict(zip(columns, (cell.strip() for cell in line.strip().strip("|").split("|")), strict=True))
        commands = re.findall(r"`(python [^`]+)`", cells["command"])
        for command in commands:
            found[command] = max(found.get(command, 0.0), float(cells["CPU min"]) / len(commands))
    return list(found.items())


def shortest(commands, share):
    """Those that take least, as many as fit into the share of the whole time."""
    left, chosen = share * sum(minutes for _, minutes in commands), []
    for command, minutes in sorted(commands, key=lambda row: row[1]):
        left -= minutes
        if left < 0 and share < 1:
            break
        chosen.append((command, minutes))
    return chosen


def run(command, folder):
    """Run a command into a log of its own, unless there is one of a run that was finished. Returns whether it was."""
    log = folder / (re.sub(r"[^a-z0-9]+", "-", command.removeprefix("python benchmarks/").lower()).strip("-") + ".txt")
    if log.exists():
        print(f"kept      {command}", flush=True)
        return True
    start, part = time.time(), log.with_suffix(".part")
    with part.open("w") as stream:
        one = {**os.environ, "OMP_NUM_THREADS": "1"}
        call = [sys.executable, *shlex.split(command)[1:]]
        code = subprocess.run(call, cwd=ROOT, env=one, stdout=stream, stderr=subprocess.STDOUT).returncode
    if code:
        print(f"failed    {command}: see {part}", flush=True)
        return False
    part.rename(log)
    print(f"{(time.time() - start) / 60:5.1f} min {command}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the whole time")
    parser.add_argument("--jobs", type=int, default=2, help="commands at a time")
    parser.add_argument("--out", default="runs/results", help="folder of the logs")
    args = parser.parse_args()
    commands = shortest(listed((ROOT / "benchmarks" / "RESULTS.md").read_text()), args.share)
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{len(commands)} commands, {sum(minutes for _, minutes in commands):.0f} CPU minutes", flush=True)
    with ThreadPoolExecutor(args.jobs) as pool:
        longest = sorted(commands, key=lambda row: -row[1])  # first, so that none is left alone at the end
        done = list(pool.map(lambda row: run(row[0], folder), longest))
    if not all(done):
        sys.exit(1)


if __name__ == "__main__":
    main()
