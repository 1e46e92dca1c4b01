"""What the report of a long run costs: CPU seconds, peak memory and page size, of runs as a search would leave them.

table: evolution on NAS-Bench-201's space, with costs. latency: the same with a reward, a latency that is never twice
the same and a distribution over options. failed: every tenth evaluation failed. seeds: ten searches. soft: DARTS.

    python benchmarks/report_speed.py --evaluations 1000 10000 100000 1000000
"""

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path

import torch

from appnas.run import catalogue, create, describe_space, write_json
from appnas.spaces import Bench201, Cells
from appnas.support.plain import plain

KINDS = {"table": "evolution", "latency": "mnasnet", "failed": "evolution", "seeds": "evolution", "soft": "darts"}


def make(kind, count, path):
    """A finished run of so many evaluations."""
    space, domain = (Cells(), "digits") if kind == "soft" else (Bench201(), "bench201:cifar10")
    config = {"method": KINDS[kind], "config": plain(catalogue.method(KINDS[kind]).config())}
    config |= {"domain": {"name": domain, "options": {}}, "seed": 0, "seeds": 10 if kind == "seeds" else 1}
    config |= {"space": describe_space(space), "rank_epochs": 0, "control": False}
    create(path, config)
    for seed in range(config["seeds"]):
        folder = create(path / f"seed-{seed}", config | {"seed": seed, "seeds": 1}) if kind == "seeds" else path
        found = search(kind, space, count // config["seeds"], folder, random.Random(seed)) | {"seed": seed}
        write_json(folder / "result.json", found)
    write_json(path / "result.json", found)
    return path


def search(kind, space, count, folder, rng):
    """The journals of one search, and its result."""
    sizes = [len(choice.options) for choice in space.choices for _ in range(choice.count)]
    best = (-1.0, [])
    with (folder / "history.jsonl").open("w") as history, (folder / "clock.jsonl").open("w") as clock:
        for step in range(count):
            arch = [rng.randrange(size) for size in sizes]
            value = 60 + 3 * arch.count(3) + 8 * step / count + rng.gauss(0, 2)
            metrics = {"accuracy": value, "params": 1e5 * (1 + arch.count(3)), "macs": 1e7 * (1 + arch.count(2))}
            if kind == "latency":
                cost = 5 + 4 * arch.count(3) + rng.random()
                metrics, value = {"value": value, "latency_ms": cost}, value * (cost / 20) ** -0.07
            record = {"step": step, "arch": arch, "value": value, "metrics": metrics}
            if kind == "failed" and step % 10 == 7:
                failure = {"kind": "RuntimeError", "message": f"shapes {step % 4} and 3 do not fit", "trace": None}
                record |= {"value": float("-inf"), "metrics": {"failed": 1.0}, "failure": failure}
            history.write(json.dumps(record) + "\n")
            clock.write(json.dumps({"step": step, "seconds": round(0.3 * step, 3)}) + "\n")
            best = max(best, (record["value"], arch))
    if kind in ("latency", "soft"):
        with (folder / "alphas.jsonl").open("w") as file:
            for snapshot in range(101):
                generator = torch.Generator().manual_seed(snapshot)
                rows = [probabilities(choice, generator, 1 + snapshot / 30) for choice in space.choices]
                file.write(json.dumps({"step": snapshot * count // 100, "distribution": rows}) + "\n")
    return {"best": best[1], "named": None, "value": best[0], "steps": count}


def probabilities(choice, generator, spread):
    """Of the options of a choice, more decided the wider the scores are spread."""
    scores = spread * torch.randn(choice.count, len(choice.options), generator=generator)
    return [[round(p, 5) for p in row] for row in scores.softmax(-1).tolist()]


def measure(path):
    """CPU seconds and peak MiB of `appnas report`."""
    command, quiet = [sys.executable, "-m", "appnas.cli", "report", str(path)], (1, os.devnull, os.O_WRONLY, 0)
    child = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, *quiet)])
    used = os.wait4(child, 0)[2]  # a report that failed leaves no page to measure
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, nargs="+", default=[1000, 10000, 100000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    args = parser.parse_args()
    print("| run | evaluations | CPU s | peak MiB | page, MB |\n| --- | --- | --- | --- | --- |")
    for kind in args.kinds:
        for count in args.evaluations:
            with tempfile.TemporaryDirectory() as folder:
                seconds, peak = measure(run := make(kind, count, Path(folder, "run")))
                page = Path(run, "report.html").stat().st_size / 1e6
            print(f"| {kind} | {count:,} | {seconds:.1f} | {peak:,.0f} | {page:.2f} |", flush=True)


if __name__ == "__main__":
    main()
