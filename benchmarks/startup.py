"""What it costs to begin: CPU seconds of commands and imports, each in a process of its own.

python benchmarks/startup.py --repeats 5
"""

import argparse
import resource
import statistics
import subprocess
import sys

COMMAND = "from appnas.cli import main; main({})"
STARTS = {
    "import torch": "import torch",
    "import appnas": "import appnas",
    "import appnas; appnas.search": "import appnas; appnas.search",
    "import appnas.spaces": "import appnas.spaces",
    **{
        f"appnas {args}": COMMAND.format(args.split())
        for args in ("--version", "--help", "list", "search darts --help")
    },
}


def seconds(code):
    """CPU seconds of a process, its system's included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="processes of each")
    repeats = parser.parse_args().repeats
    print("CPU seconds: median (smallest to largest)")
    for name, code in STARTS.items():
        spent = [seconds(code) for _ in range(repeats)]
        print(f"{name:30} {statistics.median(spent):.2f} ({min(spent):.2f} to {max(spent):.2f})", flush=True)
