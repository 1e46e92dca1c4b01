"""The first command over ten machines: is what its search finds ahead of random search, and of every hand-made network?

Each seed is `examples/quickstart.py` as `make demo` runs it, with another machine, other records and another search.
What is compared is test accuracy, the mean of five trainings from scratch on all labelled records: of what local
search found, of what random search found in as many trainings, and of the strongest control by test, so the choice
among controls favours these. The settings were chosen on seeds from 100 on. Half a CPU minute a seed:

    python benchmarks/first_search.py --out first_search.jsonl      # rows are kept there, and not run again

`--classical` (scikit-learn) fits to all 64 numbers, with no network, a logistic regression with an L1 penalty that
cross-validation picks, and a forest.
"""

import argparse
import statistics
import sys
import time
import warnings
from pathlib import Path

import torch
from rows import collect, spread

from appnas.retrain.differences import quantile

SIZES = {"evaluations": 200, "epochs": 8, "trainings": 5}


def run(seed, *sizes):
    """What the example gives: mean test accuracy by network, CPU seconds."""
    from quickstart import Args, compare

    start = time.process_time()
    result, trained = compare(Args(**dict(zip(SIZES, sizes, strict=True)), seed=seed, out=None))
    tests = {row.name: row.mean("accuracy") for row in trained.rows}
    return {"tests": tests, "best": list(result.best), "cpu": time.process_time() - start}


def classical(seed, _):
    """Test accuracy of what is fitted to every reading of every sensor."""
    from quickstart import READINGS, records
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = records(seed, 300 + 3000)
    read = torch.cat([f(x.flatten(0, 1)).reshape(x.shape[:2]) for f in READINGS.values()], 1).numpy()
    lasso = LogisticRegressionCV(Cs=6, cv=3, penalty="l1", solver="saga", max_iter=400, random_state=0)
    models = {"lasso": make_pipeline(StandardScaler(), lasso), "forest": RandomForestClassifier(300, random_state=0)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of arguments that scikit-learn renames, and weak penalties that do not settle
        fitted = {name: model.fit(read[:300], y[:300]) for name, model in models.items()}
    return {name: 100 * float(model.score(read[300:], y[300:])) for name, model in fitted.items()}


def paired(ahead):
    """Mean of differences and half the width of Student's interval of 95 %."""
    mean, count = statistics.fmean(ahead), len(ahead)
    if count < 2:
        return f"{mean:+.2f}"
    return f"{mean:+.2f} +- {quantile(count - 1) * statistics.stdev(ahead) / count**0.5:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=10)
    for name, size in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--out", help="file of rows")
    parser.add_argument("--classical", action="store_true", help="beside what needs no network")
    args = parser.parse_args()
    sys.path.append(str(Path(__file__).parent.parent / "examples"))
    torch.set_num_threads(1)
    keys = [(seed, *(getattr(args, name) for name in SIZES)) for seed in range(args.first, args.first + args.seeds)]
    rows = collect(args.out, keys, run)
    for row in rows:  # every other network is hand-made
        row["hand-made"] = max(v for name, v in row["tests"].items() if name not in ("found", "random search"))
    shown = ("found", "random search", "all everything")
    table = [(*(row["tests"][name] for name in shown), row["hand-made"]) for row in rows]
    print(f"{'seed':<8}{'found':>10}{'random':>10}{'everything':>12}{'best hand-made':>16}")
    for row, line in zip(rows, table, strict=True):
        print(f"{row['key'][0]:<8}{line[0]:>10.2f}{line[1]:>10.2f}{line[2]:>12.2f}{line[3]:>16.2f}")
    found, random, everything, made = zip(*table, strict=True)
    rivals = {"random search": random, "everything read": everything, "best hand-made": made}
    rivals["best of all"] = [max(pair) for pair in zip(random, made, strict=True)]
    if args.classical:
        seeds = [(row["key"][0], "classical") for row in rows]
        fitted = collect(args.out, seeds, classical)
        rivals |= {name: [row[name] for row in fitted] for name in ("lasso", "forest")}
    print(f"found {spread(found, 1)}")
    for name, theirs in rivals.items():
        ahead = [a - b for a, b in zip(found, theirs, strict=True)]
        wins = sum(points > 0 for points in ahead)
        print(f"{name:<16} {spread(theirs, 1)}   found is ahead in {wins} of {len(ahead)}, by {paired(ahead)}")
    print(f"{statistics.fmean(row['cpu'] for row in rows):.0f} CPU s a seed")


if __name__ == "__main__":
    main()
