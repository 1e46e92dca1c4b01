"""Whether a change of the code changed a result: short seeded searches, all methods in all domains, as digests.

Every search is followed by a retraining with a test. A digest is of each bit of the history (architectures, values,
metrics, but what is measured in seconds), of the best architecture, of the trained weights and of the tests. Named
commits are unpacked and installed beside each other; without one, the working tree is run.

    python benchmarks/same_bits.py [COMMIT ...]
"""

import argparse
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
CELL = {"channels": 2, "cells": 3, "width": 2, "depth": 3}
B201 = {"channels": 2, "repeats": 1}
GRAPH = {"layers": 2, "hidden": 4, "heads": 2}
CELL_TEXT = {"nodes": 3, "hidden": 4, "width": 4}
SINGLE = {"epochs": 1, "leaf_epochs": 1, "evaluations": 20}
GUIDE = {"width": 2, "strides": (2,), "branches": 1, "vertices": ("conv", "mix"), "kernels": (3,), "dense": 2}
ENCODER = {"nodes": 2, "channels": (2, 2), "cells": 1, "width": (2, 2), "depth": 1, "hidden": 8}
MOBILE = {"stem": 2, "stem_stride": 1, "first": 2, "widths": (2, 3), "blocks": (2, 1), "strides": (2, 1)}
MNAS = {"widths": (4, 6), "repeats": (1, 2), "strides": (1, 2), "stem": 3, "stem_stride": 1, "head": 8}
SMALL = {
    "digits": {"batch": 128},
    "pydoc": {"bptt": 35, "batch": 256, "train_batch": 256, "score_batch": 256, "test_batch": 256},
    "catch": {"envs": 4, "rollout": 16, "batch": 32, "epochs": 2, "episodes": 8, "side": 12},
}
"""Options of domains that make them quick."""
FITTED = {"pairs": 20, "segment": 4, "keep": 3, "epochs": 3, "width": 8, "listed": 500, "samples": 50}
CLIMB = {"start": 6, "rounds": 1, "new": 3, "parents": 3, "hidden": 8, "embedding": 4, "epochs": 4}
LABELS = {"labels": 6, "verify": 2, "budget": 1, "width": 8, "epochs": 5, "iterations": 60, "refresh": 20}
RANDOM_LABELS = {"epochs": 1, "generations": 2, "population": 8, "keep": 4, "mutants": 3, "crossed": 3}
SEARCHES = [  # method, space, sizes of the space, domain, settings of the method
    ("darts", "cells", CELL, "digits", {"epochs": 1, "order": "second"}),
    ("darts", "graphmix", GRAPH, "graphs", {"epochs": 30, "order": "finite"}),
    ("darts", "recurrent", CELL_TEXT, "pydoc", {"epochs": 1, "order": "first", "lr": 5.0, "clip": 0.25}),
    ("unas", "slots", {**CELL, "nodes": 2}, "digits", {"epochs": 2, "warmup": 1}),
    ("zarts", "robust", {**CELL, "kind": "s1"}, "digits", {"epochs": 2, "warmup": 1, "inner": 2, "candidates": 2}),
    ("rl_darts", "encoder", ENCODER, "catch", {"steps": 256, "scale": 3.0}),
    ("two_temperature", "mlp", {"width": 4}, "digits", {"epochs": 1}),
    ("radars", "bench201", B201, "digits", {"episodes": 2, "memory": 1.0, "darts.epochs": 1}),
    ("fewshot", "bench201", B201, "digits", SINGLE),
    ("fewshot", "bench201", B201, "digits", {**SINGLE, "strategy": "reinforce", "transfer": False}),
    ("freenas", "proxyless", MOBILE, "digits", {"draws": 2, "rounds": 2}),
    ("rlnas", "bench201", B201, "digits", RANDOM_LABELS),
    ("agnn", "gnn", {"widest": 16}, "graphs", {"evaluations": 8, "budget": 4, "warmup": 2, "top": 2, "repeats": 2}),
    ("ctnas", "nasbenchgraph", {"hidden": 4}, "graphs", LABELS),
    ("gcn_fit", "recurrent", CELL_TEXT, "pydoc", {**FITTED, "warmup": 1}),
    ("nao", "graphmix", GRAPH, "graphs", {**CLIMB, "estimation": "shared", "warmup": 3, "top": 2, "budget": 3}),
    ("nao", "nao-recurrent", CELL_TEXT, "pydoc", {**CLIMB, "budget": 1}),
    ("mnasnet", "mnas", MNAS, "digits", {"evaluations": 6, "budget": 1, "per_update": 3, "cost": "macs"}),
    ("monas", "alexnet", {"layers": 2, "filters": (2, 3), "kernels": (1, 3), "hidden": 4}, "digits",
     {"evaluations": 5, "budget": 1, "reference": 1e4, "cost": "macs"}),
    ("reinforce", "encoder", ENCODER, "catch", {"evaluations": 4, "budget": 64, "controller": "lstm"}),
    ("evolution", "gnn", {"widest": 16}, "graphs", {"evaluations": 10, "budget": 3, "population": 4, "sample": 2}),
    ("random", "condensenet", {"blocks": 2, "stages": (1, 2), "growths": (2, 4), "stem": 4, "groups": 2}, "digits",
     {"evaluations": 3, "budget": 1}),
    ("routability", "guide_dag", GUIDE, "placements", {"evaluations": 3, "budget": 1, "top": 2, "folds": 2}),
    ("routability", "guide_dag", GUIDE, "placements", {"evaluations": 8, "sharing": "supernet", "folds": 0}),
]  # fmt: skip


def packed(value) -> bytes:
    """Anything that results are made of, as bytes."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, dict):
        return b"".join(key.encode() + packed(item) for key, item in sorted(value.items()))
    if isinstance(value, list | tuple):
        return b"".join(map(packed, value))
    return value.contiguous().numpy().tobytes() if hasattr(value, "numpy") else repr(value).encode()


def digest(method, space, sizes, data, settings) -> str:
    """Of one search and a retraining of what it found."""
    import appnas
    from appnas.domains import DOMAINS
    from appnas.methods import METHODS
    from appnas.spaces import SPACES

    source = DOMAINS[data]
    domain = source.make(replace(source.options, **SMALL.get(data, {})))
    config = METHODS[method].config(**{name: value for name, value in settings.items() if "." not in name})
    for name, value in settings.items():
        if "." in name:
            outer, inner = name.split(".")
            config = replace(config, **{outer: replace(getattr(config, outer), **{inner: value})})
    result = appnas.search(SPACES[space](**sizes), domain, method, config=config, seed=3)
    untimed = [{name: x for name, x in r.metrics.items() if not name.endswith(("_s", "_ms"))} for r in result.history]
    records = [(r.arch, r.value, metrics) for r, metrics in zip(result.history, untimed, strict=True)]
    trained = result.retrain(64 if data == "catch" else 1)
    tests = [(row.arch, row.parameters, [dict(test) for test in row.tests]) for row in trained.rows]
    found = packed([records, result.best, tests, dict(trained.model.state_dict())])
    return hashlib.sha256(found).hexdigest()[:12]


def run_all() -> None:
    """Print a digest a search, and one of all of them."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"{torch.backends.cpu.get_cpu_capability()} in torch {torch.__version__}, threads: {torch.get_num_threads()}")
    whole = hashlib.sha256()
    for row in SEARCHES:
        found = digest(*row)
        whole.update(found.encode())
        print(f"{row[0]:<16}{row[1]:<16}{row[3]:<12}{found}", flush=True)
    print(f"{'all':<44}{whole.hexdigest()[:12]}")


def installed(commit: str, folder: Path) -> Path:
    """A commit, unpacked and installed into a folder of its own."""
    tree, target = folder / "tree", folder / "installed"
    tree.mkdir()
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", tree], input=archive, check=True)
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, tree], check=True)
    return target


def main() -> None:
    """Run the working tree, or every commit in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="*", metavar="COMMIT", help="commits to run; none for the working tree")
    commits = parser.parse_args().commits
    if not commits:
        run_all()
    for commit in commits:
        with tempfile.TemporaryDirectory() as folder:
            path = installed(commit, Path(folder))
            print(f"{commit}", flush=True)
            subprocess.run([sys.executable, __file__], check=True, cwd=folder, env={**os.environ, "PYTHONPATH": path})


if __name__ == "__main__":
    main()
