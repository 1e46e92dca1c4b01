"""The examples of own models, over several seeds: is what a search finds better than a random one of the same model?

Each is run as it stands in examples/ (one search a seed, then the trainings of what was found and of a random
architecture). One core; no data are needed:

    python benchmarks/own_models.py --seeds 5 --out own_models.jsonl      # rows are kept there, and not run again
"""

import argparse
import importlib
import sys
import time
from pathlib import Path

from rows import collect, spread

EXAMPLES = ("own_unet", "own_gnn", "own_table", "own_vit")


def run(name, seed):
    """One search and its trainings: means over the trainings, the metric, CPU seconds."""
    start = time.process_time()
    found, drawn = importlib.import_module(name).main(seed).rows
    key = next(iter(found.tests[0]))
    label = f"{found.metric.name}, {found.metric.unit}" if found.metric else key
    return {"found": found.mean(key), "random": drawn.mean(key), "metric": label, "cpu": time.process_time() - start}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", nargs="+", default=EXAMPLES, choices=EXAMPLES)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="at the examples' own small sizes, which say nothing")
    parser.add_argument("--out", help="file of rows")
    args = parser.parse_args()
    sys.path.append(str(Path(__file__).parent.parent / "examples"))
    for name in args.examples:
        rows = collect(args.out, [(name, seed) for seed in range(args.seeds)], run)
        found, drawn = ([row[which] for row in rows] for which in ("found", "random"))
        ahead = [a - b for a, b in zip(found, drawn, strict=True)]
        cpu = sum(row["cpu"] for row in rows) / len(rows)
        print(f"{name:10} {rows[0]['metric']:24} found {spread(found, 2)}   random {spread(drawn, 2)}", end="   ")
        print(f"difference {spread(ahead, 2)}   {cpu:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
